import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { RawPath } from '@coalmine/bytes'
import { type FileInfo, type FolderInfo, type MediaFire, MediaFireError } from '@coalmine/mediafire'
import { CommandError, exitCode } from '../exit-codes.ts'
import { expandHome } from '../settings.ts'
import { oneLine } from '../visible.ts'
import type { MfContext } from './client.ts'
import { type Existing, existingOf } from './existing.ts'
import { inTheWay, Landing, landingProblem, partPrefix } from './landing.ts'
import { findItem, type Item, listFolder, parsePlace, shownPlace } from './remote.ts'
import { type Outcome, type Transfer, Transfers } from './transfers.ts'

/** A server could make up folders in folders without end. */
const deepest = 200

/** A file of the account, and where it goes below the target. */
interface Wanted {
  readonly info: FileInfo
  readonly names: readonly string[]
  /** For people and programs: its path in the account. */
  readonly path: string
}

/** `mf get PATH… LOCAL` */
export async function get(operands: readonly RawPath[], context: MfContext): Promise<void> {
  const { client, settings, signal } = context
  const existing = existingOf(settings, ['refuse', 'replace', 'skip'])
  const places = operands.slice(0, -1).map(parsePlace)
  const transfers = new Transfers(context)
  const items: { item: Item; path: string }[] = []
  // All of them are looked for before anything is fetched.
  for (const place of places) items.push({ item: await findItem(client, place, signal), path: shownPlace(place) })
  const target = await Landing.open(expandHome(operands.at(-1)!))
  try {
    const plan = new Plan(context, transfers, target)
    for (const { item, path } of items) {
      if (item.kind === 'file') await plan.take([{ info: item.info, names: [item.name], path }], [])
      else await plan.visit(item, [], path === '/' ? '' : path)
    }
    const jobs = plan.wanted.map((wanted): Transfer => {
      const fields = { path: wanted.path, key: wanted.info.key }
      const name = oneLine(wanted.path)
      const run: Transfer['run'] = (onBytes) =>
        land(wanted, target, { client, existing, signal, onBytes, fields, name })
      return { name, bytes: wanted.info.size ?? 0, fields, run }
    })
    await transfers.run(jobs, Math.max(1, settings.integer('concurrency') ?? 2))
  } finally {
    await target.close()
  }
  transfers.end('Got')
}

/** Which files go where. What cannot be written, or not without guessing, is told and left out. */
class Plan {
  readonly wanted: Wanted[] = []
  readonly #context: MfContext
  readonly #transfers: Transfers
  readonly #target: Landing
  #caseSensitive: Promise<boolean> | undefined
  /** Names that are taken, by the folder that they are in. */
  readonly #taken = new Map<string, Map<string, { readonly name: string; readonly isFolder: boolean }>>()

  constructor(context: MfContext, transfers: Transfers, target: Landing) {
    this.#context = context
    this.#transfers = transfers
    this.#target = target
  }

  async visit(
    folder: { readonly key: string },
    names: readonly string[],
    path: string,
    above: ReadonlySet<string> = new Set(),
  ): Promise<void> {
    const { client, signal } = this.#context
    signal.throwIfAborted()
    const tooDeep = names.length > deepest ? `there are more than ${deepest} folders in each other` : undefined
    const state = above.has(folder.key) ? 'the folder is said to be in itself' : tooDeep
    if (state !== undefined) {
      return this.#fail(path, new MediaFireError('refused', state, { attempted: `get "${oneLine(path)}"` }))
    }
    const { files, folders } = await listFolder(client, folder.key, signal)
    const twice = severalTimes([...files, ...folders])
    const isAlone = ({ name }: { readonly name: string }): boolean => !twice.has(name)
    for (const [name, keys] of twice) {
      const state = `there are ${keys.length} of that name, and which one is meant cannot be told; say key:${keys[0]!}`
      const attempted = `get "${oneLine(`${path}/${name}`)}"`
      this.#fail(`${path}/${name}`, new MediaFireError('duplicates', state, { attempted, keys }))
    }
    const below = await this.take(
      files.filter(isAlone).map((info) => ({ info, names: [...names, info.name], path: `${path}/${info.name}` })),
      folders.filter(isAlone).map((info) => ({ info, names: [...names, info.name], path: `${path}/${info.name}` })),
    )
    if (files.length + folders.length === 0 && names.length > 0) await this.#makeEmpty(names, path)
    const here = new Set([...above, folder.key])
    for (const { info, names: inside, path: where } of below) await this.visit(info, inside, where, here)
  }

  /** Takes what lies in one folder; returns the folders that can be visited. */
  async take(
    files: readonly Wanted[],
    folders: readonly (Omit<Wanted, 'info'> & { readonly info: FolderInfo })[],
  ): Promise<typeof folders> {
    const good: (typeof folders)[number][] = []
    for (const one of [...folders, ...files]) {
      const { info, names, path } = one
      const problem = landingProblem(names.at(-1)!) ?? (await this.#clash(names, 'folderCount' in info))
      if (problem !== undefined) {
        const error = new CommandError(exitCode.user, `Cannot get "${oneLine(path)}": ${problem}`, { name: 'BadName' })
        this.#fail(path, error, info.key)
      } else if ('folderCount' in info) good.push({ ...one, info })
      else this.wanted.push({ ...one, info: info as FileInfo })
    }
    return good
  }

  /** A folder that is empty is made all the same. */
  async #makeEmpty(names: readonly string[], path: string): Promise<void> {
    try {
      await (await folderOf(this.#target, names, path)).close()
    } catch (error) {
      this.#fail(path, error)
    }
  }

  /** Where case does not count, one of two such names would be written over the other one. */
  async #clash(names: readonly string[], isFolder: boolean): Promise<string | undefined> {
    const folder = names.slice(0, -1).join('/')
    const name = names.at(-1)!
    const folded = name.normalize('NFC').toLowerCase()
    const taken = this.#taken.get(folder) ?? new Map<string, { name: string; isFolder: boolean }>()
    this.#taken.set(folder, taken)
    const other = taken.get(folded)
    if (other === undefined) {
      taken.set(folded, { name, isFolder })
      return undefined
    }
    // Folders of several places may be put together.
    if (other.name === name && other.isFolder && isFolder) return undefined
    if (other.name !== name && (await (this.#caseSensitive ??= this.#target.isCaseSensitive()))) return undefined
    return other.name === name
      ? 'two things of that name were asked for'
      : `"${oneLine(other.name)}" is there too, and this file system takes the two names for one`
  }

  #fail(path: string, error: unknown, key?: string): void {
    this.#transfers.fail(oneLine(path), error, { path, key })
  }
}

function severalTimes(items: readonly { readonly name: string; readonly key: string }[]): Map<string, string[]> {
  const keys = new Map<string, string[]>()
  for (const { name, key } of items) keys.set(name, [...(keys.get(name) ?? []), key])
  return new Map([...keys].filter(([, all]) => all.length > 1))
}

/** The folder that the names lead to, each one opened in the one before. */
async function folderOf(target: Landing, names: readonly string[], path: string): Promise<Landing> {
  let at = target
  for (const name of names) {
    const next = await at.folder(name, oneLine(path))
    if (at !== target) await at.close()
    at = next
  }
  return at
}

interface LandOptions {
  readonly client: MediaFire
  readonly existing: Existing
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
  readonly fields: Readonly<Record<string, unknown>>
  readonly name: string
}

async function land({ info, names }: Wanted, target: Landing, options: LandOptions): Promise<Outcome> {
  const { existing, signal, fields, name: shown } = options
  const folder = await folderOf(target, names.slice(0, -1), shown)
  try {
    const name = names.at(-1)!
    const there = await folder.look(name)
    const outcome = (word: string, fetchedBytes: number): Outcome => {
      const { size, sha256 } = info
      return { outcome: word, name: shown, fields: { ...fields, size, sha256, local: names.join('/'), fetchedBytes } }
    }
    if (there !== undefined) {
      if (!there.isFile()) throw inTheWay(shown, there)
      if (await holds(folder, name, { info, size: there.size, signal, shown })) return outcome('unchanged', 0)
      if (existing === 'skip') return outcome('skipped', 0)
      if (existing === 'refuse') {
        const state = 'a file of that name with other bytes is there; --existing replace puts this one in its place'
        throw new CommandError(exitCode.user, `Cannot get "${shown}": ${state}`, { name: 'Exists' })
      }
    }
    const fetched = await fetchInto(folder, name, info, options)
    return outcome('downloaded', fetched)
  } finally {
    if (folder !== target) await folder.close()
  }
}

/** Whether the local file has the bytes of the one in the account. */
async function holds(
  folder: Landing,
  name: string,
  { info, size, signal, shown }: { info: FileInfo; size: number; signal: AbortSignal; shown: string },
): Promise<boolean> {
  const digest = digestOf(info)
  if (size !== info.size || digest === undefined) return false
  const handle = await folder.read(name, shown)
  try {
    return (await hashed(handle, size, digest.algorithm, signal)).digest('hex') === digest.hex
  } finally {
    await handle.close()
  }
}

function digestOf({ sha256, md5 }: FileInfo): { algorithm: 'sha256' | 'md5'; hex: string } | undefined {
  if (sha256 !== undefined) return { algorithm: 'sha256', hex: sha256 }
  return md5 === undefined ? undefined : { algorithm: 'md5', hex: md5 }
}

async function hashed(handle: FileHandle, size: number, algorithm: 'sha256' | 'md5', signal: AbortSignal) {
  const hash = createHash(algorithm)
  const buffer = Buffer.allocUnsafe(Math.min(1_048_576, Math.max(1, size)))
  for (let at = 0; at < size;) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - at), at)
    if (bytesRead === 0) break
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash
}

/**
 * Brings the bytes into an unfinished file beside its place, goes on with one that an earlier run has left, compares the hash
 * of the whole, and gives it its name. Returns how many bytes were fetched.
 */
async function fetchInto(folder: Landing, name: string, info: FileInfo, options: LandOptions): Promise<number> {
  const { client, existing, signal, onBytes, name: shown } = options
  const { size } = info
  const attempted = `get "${shown}"`
  if (size === undefined) throw new MediaFireError('malformed', 'MediaFire does not tell its size', { attempted })
  const digest = digestOf(info)
  // Where the unfinished bytes come from is in the name: those of another file are never gone on with.
  const id = createHash('sha256').update(`${name}\0${info.key}\0${digest?.hex ?? ''}\0${size}`)
  const part = `${partPrefix}${id.digest('hex').slice(0, 32)}`
  const handle = await folder.part(part, shown)
  let fetched = 0
  try {
    for (;;) {
      const { size: left } = await handle.stat()
      let at = digest !== undefined && left <= size ? left : 0
      await handle.truncate(at)
      const hash = digest && (await hashed(handle, at, digest.algorithm, signal))
      const before = at
      onBytes(at)
      const range = { start: at, end: size }
      for await (const chunk of client.download(info.key, { info, range, signal })) {
        for (let from = 0; from < chunk.length;) {
          const { bytesWritten } = await handle.write(chunk, from, chunk.length - from, at + from)
          from += bytesWritten
        }
        hash?.update(chunk)
        at += chunk.length
        fetched += chunk.length
        onBytes(at)
      }
      if (hash === undefined || hash.digest('hex') === digest!.hex) break
      await handle.truncate(0)
      // What an earlier run has left may be to blame, once.
      if (before === 0) {
        throw new MediaFireError('mismatch', 'other bytes have come than the hash of the file says', { attempted })
      }
    }
    await handle.datasync()
  } catch (error) {
    // What is proven wrong is not gone on with.
    if (error instanceof MediaFireError && error.code === 'mismatch') await folder.remove(part)
    throw error
  } finally {
    await handle.close()
  }
  await folder.settle(part, name, { replace: existing === 'replace', shown })
  return fetched
}
