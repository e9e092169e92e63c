import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { displayPath, type RawPath, rawFromBytes, rawToBytes } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { type FileInfo, MediaFireError } from '@coalmine/mediafire'
import { CommandError, exitCode } from '../exit-codes.ts'
import { nameFields } from '../json.ts'
import { textOf } from '../parse-arguments.ts'
import { oneLine } from '../visible.ts'
import type { MfContext } from './client.ts'
import { existingOf } from './existing.ts'
import { ensurePrivateFolder, findItem, listFolder, parsePlace, shownPath } from './remote.ts'
import { type Outcome, type Transfer, Transfers } from './transfers.ts'

interface LocalFile {
  readonly path: RawPath
  readonly name: RawPath
  readonly size: number
  readonly mtimeMs: number
}

/** A local folder and the folder that it goes to. */
interface LocalFolder {
  readonly names: readonly RawPath[]
  readonly files: LocalFile[]
}

/** A folder of the account as it is when the run begins. */
interface RemoteFolder {
  readonly key: string
  readonly names: readonly string[]
  readonly files: ReadonlyMap<string, readonly FileInfo[]>
  readonly folders: ReadonlySet<string>
}

/** `mf put LOCAL… FOLDER` */
export async function put(operands: readonly RawPath[], context: MfContext): Promise<void> {
  const { client, settings, signal } = context
  const existing = existingOf(settings, ['refuse', 'replace', 'keep', 'skip'])
  const place = parsePlace(operands.at(-1)!)
  const transfers = new Transfers(context)
  const folders = await localFolders(operands.slice(0, -1), context)
  let base: { key: string; names: readonly string[] }
  if (place.kind === 'key') {
    const item = await findItem(client, place, signal)
    if (item.kind !== 'folder') throw inTheWay(`put into "key:${item.key}"`, 'it is a file')
    base = { key: item.key, names: [`key:${item.key}`] }
  } else {
    base = { key: (await ensurePrivateFolder(client, place.names, signal)).key, names: place.names }
  }
  const remote = new Map<string, Promise<RemoteFolder>>()
  const folderOf = (names: readonly RawPath[]): Promise<RemoteFolder> => {
    const id = names.join('/')
    let found = remote.get(id)
    if (found === undefined) {
      found = openRemote(names, id === '' ? undefined : folderOf(names.slice(0, -1)), base, context)
      remote.set(id, found)
      // Each file of it tells; here nobody waits.
      found.catch(() => undefined)
    }
    return found
  }
  const jobs: Transfer[] = []
  for (const { names, files } of folders) {
    // Also an empty folder is one.
    if (files.length === 0) await folderOf(names).catch((error: unknown) => transfers.fail(names.join('/'), error))
    for (const file of files) {
      jobs.push({
        name: displayPath(file.path),
        bytes: file.size,
        fields: nameFields('local', file.path),
        run: async (onBytes) => putFile(file, await folderOf(names), { context, existing, onBytes }),
      })
    }
  }
  await transfers.run(jobs, Math.max(1, settings.integer('concurrency') ?? 2))
  transfers.end('Put')
}

/** The folder of that name in `above`; made, and private then, when it is missing. */
async function openRemote(
  names: readonly RawPath[],
  above: Promise<RemoteFolder> | undefined,
  base: { readonly key: string; readonly names: readonly string[] },
  { client, signal }: MfContext,
): Promise<RemoteFolder> {
  const all = [...base.names, ...names.map(textOf)]
  const path = shownPath(all)
  let { key } = base
  if (above !== undefined) {
    const { key: parent, files, folders } = await above
    const name = requireText(names.at(-1)!, path)
    const attempted = `make the folder "${path}"`
    if (files.has(name)) throw new MediaFireError('exists', 'there is a file of that name', { attempted })
    if (folders.has(name)) {
      key = await onlyFolder(parent, name, attempted, { client, signal })
    } else {
      const made = await client.api.folder.create(name, { parent, signal })
      client.paths.forgetFolders()
      await client.sharing.unpublishFolder(made.key, { signal })
      return { key: made.key, names: all, files: new Map(), folders: new Set() }
    }
  }
  const listed = await listFolder(client, key, signal)
  const files = new Map<string, FileInfo[]>()
  for (const file of listed.files) files.set(file.name, [...(files.get(file.name) ?? []), file])
  return { key, names: all, files, folders: new Set(listed.folders.map(({ name }) => name)) }
}

async function onlyFolder(
  parent: string,
  name: string,
  attempted: string,
  { client, signal }: Pick<MfContext, 'client' | 'signal'>,
): Promise<string> {
  const { folders } = await listFolder(client, parent, signal)
  const keys = folders.filter((folder) => folder.name === name).map(({ key }) => key)
  if (keys.length === 1) return keys[0]!
  const state = `there are ${keys.length} folders of that name, and which one is meant cannot be told`
  throw new MediaFireError('duplicates', state, { attempted, keys })
}

async function putFile(
  file: LocalFile,
  folder: RemoteFolder,
  { context, existing, onBytes }: { context: MfContext; existing: string; onBytes: (bytes: number) => void },
): Promise<Outcome> {
  const { client, signal } = context
  const path = pathOf(folder, textOf(file.name))
  const name = requireText(file.name, path)
  const attempted = `put "${oneLine(path)}"`
  if (folder.folders.has(name)) throw new MediaFireError('exists', 'there is a folder of that name', { attempted })
  const same = folder.files.get(name) ?? []
  const local = nameFields('local', file.path)
  let sha256: string | undefined
  if (same.some(({ size }) => size === file.size)) sha256 = await sha256Of(rawToBytes(file.path), signal)
  const there = same.find((one) => one.size === file.size && one.sha256 === sha256)
  if (there !== undefined && existing !== 'keep') {
    const fields = { ...local, path, key: there.key, size: file.size, sha256, sentBytes: 0 }
    return { outcome: 'unchanged', name: oneLine(path), fields }
  }
  if (same.length > 1 && existing !== 'keep' && existing !== 'skip') {
    const state = `there are ${same.length} files of that name, and which one is meant cannot be told`
    throw new MediaFireError('duplicates', state, { attempted, keys: same.map(({ key }) => key) })
  }
  const source = await fromFile(rawToBytes(file.path), { size: file.size, chunkBytes: 1_048_576 })
  const result = await client.upload(name, source, {
    folderKey: folder.key,
    onDuplicate: existing as 'refuse',
    sha256,
    mtime: new Date(file.mtimeMs),
    signal,
    onProgress: ({ phase, bytes }) => phase === 'sending' && onBytes(bytes),
  })
  const { outcome, key, size, sentBytes } = result
  const stored = pathOf(folder, result.name)
  const fields = { ...local, path: stored, key, size, sha256: result.sha256, sentBytes }
  return { outcome, name: oneLine(stored), fields }
}

/** MediaFire keeps names as text: one that is none cannot be kept. */
function requireText(name: RawPath, path: string): string {
  const text = textOf(name)
  if (!text.includes('\ufffd') || rawFromBytes(Buffer.from(text)) === name) return text
  throw new MediaFireError('invalid', 'its name is no UTF-8', { attempted: `put "${oneLine(path)}"` })
}

function pathOf({ names }: RemoteFolder, name: string): string {
  return `/${[...names, name].join('/')}`
}

/** Everything to be sent. Folders come before what is in them; names in byte order. */
async function localFolders(operands: readonly RawPath[], { log, signal }: MfContext): Promise<LocalFolder[]> {
  const top: LocalFolder = { names: [], files: [] }
  const all: LocalFolder[] = []
  const visit = async (path: RawPath, folder: LocalFolder): Promise<void> => {
    signal.throwIfAborted()
    all.push(folder)
    const names = (await readdir(rawToBytes(path), { encoding: 'buffer' })).map((name) => rawFromBytes(name)).sort()
    for (const name of names) {
      const inside = `${path}/${name}` as RawPath
      const stats = await lstat(rawToBytes(inside))
      if (stats.isFile()) folder.files.push({ path: inside, name, size: stats.size, mtimeMs: stats.mtimeMs })
      else if (stats.isDirectory()) await visit(inside, { names: [...folder.names, name], files: [] })
      else log.warning(`"${displayPath(inside)}" is left out: it is neither a file nor a folder`)
    }
  }
  all.push(top)
  for (const operand of operands) {
    const path = (operand.replace(/(?<=[^/])\/+$/, '') || operand) as RawPath
    try {
      // Through a link, because nobody means the link itself.
      const stats = await stat(rawToBytes(path))
      if (stats.isDirectory()) await visit(path, { names: [], files: [] })
      else if (stats.isFile()) {
        const name = path.slice(path.lastIndexOf('/') + 1) as RawPath
        top.files.push({ path, name, size: stats.size, mtimeMs: stats.mtimeMs })
      } else throw inTheWay(`put "${displayPath(path)}"`, 'it is neither a file nor a folder')
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
      if (code === undefined || code === 'ABORT_ERR') throw error
      const reason = code === 'ENOENT' ? 'no such file or folder' : code
      throw new CommandError(exitCode.sourceMissing, `Cannot put "${displayPath(operand)}": ${reason}`, {
        cause: error,
      })
    }
  }
  return top.files.length > 0 || all.length === 1 ? all : all.slice(1)
}

function inTheWay(attempted: string, reason: string): CommandError {
  return new CommandError(exitCode.user, `Cannot ${attempted}: ${reason}`)
}

async function sha256Of(path: Buffer, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1_048_576 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
