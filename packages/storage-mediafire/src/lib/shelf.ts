import { type FileInfo, type MediaFire, MediaFireError } from '@coalmine/mediafire'
import { isAbsence } from './failure.ts'
import { foldedName } from './names.ts'

/** What a storage holds under a name: how the service knows it, and what is known of it. */
export type Held = Pick<FileInfo, 'key' | 'name' | 'size' | 'sha256' | 'created'>

export interface ShelfOptions {
  readonly client: MediaFire
  /** How long, in milliseconds, a listing may show how things were. */
  readonly lagMs: number
  readonly now: () => number
}

/** What this storage did itself is remembered for so long, in case a listing does not show it. */
const memoryMs = 600_000

interface Listing {
  readonly startMs: number
  readonly names: Map<string, readonly Held[]>
  /** A name for each that looks the same without its case. */
  readonly folded: Map<string, string>
  /** Keys of files that are as this storage has put them a moment ago, whatever the service lists. */
  readonly assumed: ReadonlySet<string>
}

/**
 * Which files have which names in a folder.
 *
 * A listing is kept, because asking for one takes a call per thousand files. What it says of a name is asked of the file
 * itself before it is believed; what it does not say, of a new listing, and then of the service by name. So only who lists
 * may be late, and not about what this storage has done.
 */
export class Shelf {
  readonly #client: MediaFire
  readonly #lagMs: number
  readonly #now: () => number
  #kept: Listing | undefined
  readonly #put = new Map<string, { readonly file: Held; readonly atMs: number }>()
  /** Keys of what was deleted or replaced, and when. */
  readonly #gone = new Map<string, number>()

  constructor({ client, lagMs, now }: ShelfOptions) {
    this.#client = client
    this.#lagMs = lagMs
    this.#now = now
  }

  /** The files of each name, as the service lists them now, with what was done here. */
  async list(folderKey: string, signal?: AbortSignal): Promise<ReadonlyMap<string, readonly Held[]>> {
    return (await this.#read(folderKey, signal)).names
  }

  /** The files of a name as they are now; none for absence. */
  async find(folderKey: string, name: string, signal?: AbortSignal): Promise<readonly Held[]> {
    const kept = this.#kept?.names.get(name) ?? []
    if (kept.length > 0) {
      const now = await Promise.all(kept.map(({ key }) => this.#ask(folderKey, key, name, signal)))
      if (now.every((file) => typeof file !== 'string')) return now
    }
    const { names, assumed } = await this.#read(folderKey, signal)
    const listed = names.get(name) ?? []
    if (listed.length > 0 && !listed.some(({ key }) => assumed.has(key))) return listed
    const key = await this.#keyNamed(folderKey, name, signal)
    if (key === undefined || this.#gone.has(key)) return []
    const own = this.#put.get(name)?.file
    const asked = await this.#ask(folderKey, key, name, signal)
    if (asked === 'unknown') {
      if (own?.key === key) return [own]
      const state = 'MediaFire has it, and does not tell yet what it is'
      throw new MediaFireError('busy', state, { attempted: `find "${name}"`, keys: [key] })
    }
    const found = asked === 'elsewhere' ? [] : [asked]
    if (found.length > 0) this.#kept?.names.set(name, found)
    return found
  }

  /** The files of a name, and a name that a service might take for it, as they were when they were last listed. */
  async beforePut(
    folderKey: string,
    name: string,
    signal?: AbortSignal,
  ): Promise<{ same: readonly Held[]; alike: string | undefined }> {
    const { names, folded } = this.#kept ?? (await this.#read(folderKey, signal))
    const alike = folded.get(foldedName(name))
    return { same: names.get(name) ?? [], alike: alike === name || !names.has(alike ?? '') ? undefined : alike }
  }

  /** A file was stored, in place of all others of its name. */
  stored(file: Held): void {
    const { name } = file
    const atMs = this.#now()
    for (const { key } of this.#kept?.names.get(name) ?? []) if (key !== file.key) this.#gone.set(key, atMs)
    this.#gone.delete(file.key)
    this.#put.set(name, { file, atMs })
    this.#kept?.names.set(name, [file])
    this.#kept?.folded.set(foldedName(name), name)
  }

  /** Files were deleted. */
  removed(name: string, keys: readonly string[]): void {
    const atMs = this.#now()
    for (const key of keys) this.#gone.set(key, atMs)
    this.#put.delete(name)
    this.#kept?.names.delete(name)
  }

  /** The folder is another one. */
  forget(): void {
    this.#kept = undefined
    this.#put.clear()
  }

  async #read(folderKey: string, signal: AbortSignal | undefined): Promise<Listing> {
    const startMs = this.#now()
    const names = new Map<string, Held[]>()
    const assumed = new Set<string>()
    for await (const file of this.#client.api.folder.files(folderKey, { signal })) {
      // Still being put together, or on its way out.
      if (file.ready === false || file.deletedAt !== undefined || this.#gone.has(file.key)) continue
      const own = this.#put.get(file.name)
      if (own?.file.key === file.key && startMs - own.atMs < this.#lagMs) {
        add(names, own.file)
        assumed.add(file.key)
      } else {
        add(names, heldOf(file))
      }
    }
    for (const [name, { file, atMs }] of this.#put) {
      const isListed = names.get(name)?.some(({ key }) => key === file.key) === true
      if (startMs - atMs >= memoryMs) this.#put.delete(name)
      else if (isListed) continue
      else if (startMs - atMs < this.#lagMs) assumed.add(file.key)
      else if ((await this.#keyNamed(folderKey, name, signal)) !== file.key) continue
      if (!isListed) add(names, file)
    }
    for (const [key, atMs] of this.#gone) if (startMs - atMs >= memoryMs) this.#gone.delete(key)
    const folded = new Map([...names.keys()].map((name) => [foldedName(name), name]))
    const listing: Listing = { startMs, names, folded, assumed }
    if (startMs >= (this.#kept?.startMs ?? startMs)) this.#kept = listing
    return listing
  }

  /** What a file is now, unless it is under another name or in another place, or not known at all. */
  async #ask(
    folderKey: string,
    key: string,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<Held | 'elsewhere' | 'unknown'> {
    try {
      const file = await this.#client.api.file.getInfo(key, { signal })
      const isHere = file.deletedAt === undefined && (file.parentKey === undefined || file.parentKey === folderKey)
      return isHere && file.name === name ? heldOf(file) : 'elsewhere'
    } catch (error) {
      if (isAbsence(error)) return 'unknown'
      throw error
    }
  }

  /** The file of a name as uploads know it, who are told of a file that listings do not show yet. */
  async #keyNamed(folderKey: string, name: string, signal: AbortSignal | undefined) {
    const params = { filename: name, size: 0, folder_key: folderKey }
    const answer = await this.#client.call('upload/check', params, { auth: 'upload', signal })
    return answer.flag('file_exists') === true ? answer.someText('duplicate_quickkey') : undefined
  }
}

function heldOf({ key, name, size, sha256, created }: FileInfo): Held {
  return { key, name, size, sha256, created }
}

function add(names: Map<string, Held[]>, file: Held): void {
  const same = names.get(file.name)
  if (same === undefined) names.set(file.name, [file])
  else same.push(file)
}
