import { type RawPath, rawFromText } from '@coalmine/bytes'
import { type FileInfo, type FolderInfo, type MediaFire, MediaFireError } from '@coalmine/mediafire'
import { parseStorageUrl } from '@coalmine/storage'
import { UsageError } from '../exit-codes.ts'
import { textOf } from '../parse-arguments.ts'
import { oneLine } from '../visible.ts'

/** What a person has written for a place in the account. */
export type Place =
  | { readonly kind: 'path'; readonly names: readonly string[]; readonly asFolder: boolean }
  | { readonly kind: 'key'; readonly key: string }

/** A file or folder of the account. The root has no `info`. */
export type Item =
  | { readonly kind: 'file'; readonly key: string; readonly name: string; readonly info: FileInfo }
  | { readonly kind: 'folder'; readonly key: string; readonly name: string; readonly info: FolderInfo | undefined }

export const rootKey = 'myfiles'

/**
 * `/Folder/File`, `Folder/File` and `mf:/Folder/File` are names as they are; `mf://Folder/File` is a URL, with its escapes
 * decoded; `key:KEY` is a quick key or folder key, for what names cannot tell apart.
 *
 * @throws UsageError
 */
export function parsePlace(word: RawPath): Place {
  const text = textOf(word)
  const shown = oneLine(text)
  if (rawFromText(text) !== word) throw new UsageError(`Cannot use the path "${shown}": it is no UTF-8`)
  if (text === '') throw new UsageError('Cannot use the path "": it is empty, and the root of the account is "/"')
  const key = /^key:(.*)$/s.exec(text)?.[1]
  if (key !== undefined) {
    if (/^[a-z0-9]{5,20}$/i.test(key)) return { kind: 'key', key }
    throw new UsageError(`Cannot use the key "${oneLine(key)}": it has letters and digits only`)
  }
  if (text.startsWith('mf://')) {
    const { host, names } = parseStorageUrl(text)
    if (host !== undefined) {
      throw new UsageError(`Cannot use "${parseStorageUrl(text).display}" here: the account is in MEDIAFIRE_EMAIL`)
    }
    return { kind: 'path', names, asFolder: text.endsWith('/') }
  }
  const names = text.replace(/^mf:/, '').replace(/^\//, '').split('/')
  const asFolder = names.at(-1) === ''
  if (asFolder) names.pop()
  return { kind: 'path', names, asFolder }
}

/** Names of a path for people, as they could be typed again but for what acts on a screen. */
export function shownPath(names: readonly string[]): string {
  return oneLine(`/${names.join('/')}`)
}

export function shownPlace(place: Place): string {
  return place.kind === 'key' ? `key:${place.key}` : shownPath(place.names)
}

/** @throws MediaFireError `not-found`; `duplicates` when a name is there more than once. */
export async function findItem(client: MediaFire, place: Place, signal: AbortSignal): Promise<Item> {
  if (place.kind === 'key') return findKey(client, place.key, signal)
  if (place.asFolder) return folderItem(await client.paths.findFolder(clientPath(place.names), { signal }), place.names)
  const found = await client.paths.find(clientPath(place.names), { signal })
  const name = place.names.at(-1) ?? ''
  return found.kind === 'file' ? { ...found, name } : { ...found, name }
}

/** The same, `undefined` for absence. */
export async function findIfThere(client: MediaFire, place: Place, signal: AbortSignal): Promise<Item | undefined> {
  try {
    return await findItem(client, place, signal)
  } catch (error) {
    if (error instanceof MediaFireError && error.code === 'not-found') return undefined
    throw error
  }
}

function folderItem(key: string, names: readonly string[]): Item {
  return { kind: 'folder', key, name: names.at(-1) ?? '', info: undefined }
}

async function findKey(client: MediaFire, key: string, signal: AbortSignal): Promise<Item> {
  const absent = (error: unknown): undefined => {
    const { code, apiCode } = error instanceof MediaFireError ? error : {}
    // A key of the other kind is no file's or folder's, or is no key at all to the service.
    if (code === 'not-found' || (code === 'invalid' && apiCode !== undefined)) return undefined
    throw error
  }
  const file = await client.api.file.getInfo(key, { signal }).catch(absent)
  if (file !== undefined) return { kind: 'file', key: file.key, name: file.name, info: file }
  const folder = key === rootKey ? undefined : await client.api.folder.getInfo(key, { signal }).catch(absent)
  if (folder !== undefined) return { kind: 'folder', key: folder.key, name: folder.name, info: folder }
  throw new MediaFireError('not-found', 'there is no file or folder with that key', { attempted: `find "key:${key}"` })
}

/** As the client writes paths. */
function clientPath(names: readonly string[]): string {
  return `mf:/${names.join('/')}`
}

/** The folder's key; it is made when it is missing, with those above it, and what is made is private. */
export async function ensurePrivateFolder(
  client: MediaFire,
  names: readonly string[],
  signal: AbortSignal,
): Promise<{ key: string; made: boolean }> {
  let key = rootKey
  let made = false
  for (let depth = 1; depth <= names.length; depth++) {
    const part = names.slice(0, depth)
    const there = await findIfThere(client, { kind: 'path', names: part, asFolder: true }, signal)
    made = there === undefined
    key = there?.key ?? (await client.paths.ensureFolder(clientPath(part), { signal }))
    // The service makes new folders public.
    if (made) await client.sharing.unpublishFolder(key, { signal })
  }
  return { key, made }
}

/** What a folder holds, names as they are, several of a name as they are. */
export async function listFolder(
  client: MediaFire,
  key: string,
  signal: AbortSignal,
): Promise<{ files: FileInfo[]; folders: FolderInfo[] }> {
  const [files, folders]: [FileInfo[], FolderInfo[]] = [[], []]
  for await (const folder of client.api.folder.folders(key, { signal })) folders.push(folder)
  for await (const file of client.api.folder.files(key, { signal })) files.push(file)
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  return { files: files.sort(byName), folders: folders.sort(byName) }
}
