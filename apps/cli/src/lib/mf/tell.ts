import type { RawPath } from '@coalmine/bytes'
import { type FileInfo, type FolderInfo, MediaFireError } from '@coalmine/mediafire'
import { UsageError } from '../exit-codes.ts'
import { counted } from '../counted.ts'
import { jsonLine } from '../json.ts'
import { textOf } from '../parse-arguments.ts'
import { byteText } from '../statistics-text.ts'
import { oneLine } from '../visible.ts'
import type { MfContext } from './client.ts'
import { findItem, type Item, listFolder, parsePlace, shownPlace } from './remote.ts'

/** `mf ls [PATH]…` */
export async function ls(operands: readonly RawPath[], context: MfContext): Promise<void> {
  const { client, settings, signal } = context
  const places = (operands.length === 0 ? ['/' as RawPath] : operands).map(parsePlace)
  for (const place of places) {
    const item = await findItem(client, place, signal)
    if (item.kind === 'file') tellItem(context, 'file', item.info, item.name)
    else await lsFolder(item.key, '', { context, recursive: settings.flag('recursive'), above: new Set() })
  }
}

async function lsFolder(
  key: string,
  path: string,
  how: { readonly context: MfContext; readonly recursive: boolean; readonly above: ReadonlySet<string> },
): Promise<void> {
  const { context, recursive, above } = how
  const { files, folders } = await listFolder(context.client, key, context.signal)
  for (const info of folders) {
    tellItem(context, 'folder', info, path + info.name)
    // A server could say that a folder is in itself.
    if (!recursive || above.has(info.key)) continue
    await lsFolder(info.key, `${path}${info.name}/`, { ...how, above: new Set([...above, info.key]) })
  }
  for (const info of files) tellItem(context, 'file', info, path + info.name)
}

function tellItem({ settings, log }: MfContext, kind: Item['kind'], info: FileInfo | FolderInfo, path: string): void {
  if (settings.flag('json')) return log.data(jsonLine({ kind, path, ...info }))
  const size = 'size' in info && kind === 'file' ? String(info.size ?? '?') : '-'
  const time = info.created?.toISOString().slice(0, 16).replace('T', ' ') ?? ''
  const privacy = info.isPrivate === undefined ? '?' : info.isPrivate ? 'private' : 'public'
  const name = `${oneLine(path)}${kind === 'folder' ? '/' : ''}`
  log.always(
    'notice',
    `${size.padStart(13)}  ${time.padEnd(16)}  ${privacy.padEnd(7)}  ${oneLine(info.key).padEnd(15)}  ${name}`,
  )
}

/** `mf info PATH…` */
export async function info(operands: readonly RawPath[], { client, settings, log, signal }: MfContext): Promise<void> {
  for (const place of operands.map(parsePlace)) {
    const item = await findItem(client, place, signal)
    // Listings tell less than the thing itself.
    const whole =
      item.kind === 'file'
        ? await client.api.file.getInfo(item.key, { signal })
        : await client.api.folder.getInfo(item.key, { signal, details: true })
    if (settings.flag('json')) {
      log.data(jsonLine({ kind: item.kind, path: shownPlace(place), ...whole }))
      continue
    }
    const rows = Object.entries({ kind: item.kind, ...whole }).flatMap(([name, value]) => wordsOf(name, value))
    log.always('notice', [`${shownPlace(place)}:`, ...rows.map((row) => `  ${row}`)].join('\n'))
  }
}

function wordsOf(name: string, value: unknown): string[] {
  if (value === undefined || value === '') return []
  if (value instanceof Date) return [`${name}: ${value.toISOString()}`]
  if (typeof value === 'boolean') return [`${name}: ${value ? 'yes' : 'no'}`]
  if (typeof value === 'string' || typeof value === 'number') return [`${name}: ${oneLine(String(value))}`]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([inside, one]) => wordsOf(`${name}.${inside}`, one))
}

/** `mf links PATH…` */
export async function links(operands: readonly RawPath[], { client, settings, log, signal }: MfContext): Promise<void> {
  const items = []
  for (const place of operands.map(parsePlace)) {
    const item = await findItem(client, place, signal)
    if (item.kind === 'folder') {
      const attempted = `get links to "${shownPlace(place)}"`
      throw new MediaFireError('invalid', 'it is a folder; "mf publish" tells its address', { attempted })
    }
    items.push({ item, path: shownPlace(place) })
  }
  for (const { item, path } of items) {
    const found = await client.api.file.getLinks(item.key, { types: ['normal_download', 'view'], signal })
    const page = found.links[0]?.normalDownload ?? found.links[0]?.view
    const direct = await client.sharing.direct(item.key, { signal })
    const made = settings.flag('one-time') ? await client.sharing.oneTime(item.key, { signal }) : undefined
    const all = { page, direct, oneTime: made?.links.download }
    if (settings.flag('json')) log.data(jsonLine({ path, key: item.key, ...all }))
    else log.always('notice', [`${path}:`, ...wordsOf('', all).map((row) => `  ${row.slice(1)}`)].join('\n'))
  }
}

/** `mf df` */
export async function df({ client, settings, log, signal }: MfContext): Promise<void> {
  const { usedStorage, storageLimit, usedRevisionStorage, email } = await client.api.user.getInfo({ signal })
  const trash = await inTrash({ client, signal })
  const isKnown = usedStorage !== undefined && storageLimit !== undefined
  const freeBytes = isKnown ? Math.max(0, storageLimit - usedStorage) : undefined
  const trashBytes = trash.files.reduce((sum, { size = 0 }) => sum + size, 0)
  const answer = {
    email,
    totalBytes: storageLimit,
    usedBytes: usedStorage,
    freeBytes,
    revisionBytes: usedRevisionStorage,
    trashFiles: trash.files.length,
    trashFileBytes: trashBytes,
    trashFolders: trash.folders.length,
  }
  if (settings.flag('json')) return log.data(jsonLine(answer))
  const text = (bytes: number | undefined): string => (bytes === undefined ? 'not told' : byteText(bytes))
  const held = [counted(trash.files.length, 'file'), counted(trash.folders.length, 'folder')].join(' and ')
  log.always(
    'notice',
    [
      `Total: ${text(storageLimit)}`,
      `Used:  ${text(usedStorage)}`,
      `Left:  ${text(freeBytes)}`,
      `Trash: ${held} (files: ${text(trashBytes)}), which count as used`,
    ].join('\n'),
  )
}

/** `mf trash [empty]` */
export async function trash([word]: readonly RawPath[], context: MfContext): Promise<void> {
  const { client, settings, log, signal } = context
  if (word !== undefined && word !== 'empty') {
    throw new UsageError(`Cannot run "mf trash ${textOf(word)}": it is "mf trash" or "mf trash empty"`)
  }
  const { files, folders } = await inTrash(context)
  if (word === undefined) {
    for (const one of folders) tellItem(context, 'folder', one, one.name)
    for (const one of files) tellItem(context, 'file', one, one.name)
    return
  }
  await client.trash.empty({ signal })
  if (settings.flag('json')) return log.data(jsonLine({ emptied: true, files: files.length, folders: folders.length }))
  log.notice(`Deleted for good: ${counted(files.length, 'file')} and ${counted(folders.length, 'folder')} of the trash`)
}

async function inTrash({ client, signal }: Pick<MfContext, 'client' | 'signal'>) {
  const [files, folders]: [FileInfo[], FolderInfo[]] = [[], []]
  for await (const file of client.trash.files({ signal })) files.push(file)
  for await (const folder of client.trash.folders({ signal })) folders.push(folder)
  return { files, folders }
}
