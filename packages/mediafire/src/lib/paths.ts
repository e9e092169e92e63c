import type { FolderApi } from './api-folder.ts'
import type { SignalOption } from './api-user.ts'
import type { Engine } from './engine.ts'
import type { FileInfo, FolderInfo } from './items.ts'
import { rootKey } from './keys.ts'
import { MediaFireError } from './media-fire-error.ts'
import { doing, requireName } from './names.ts'
import { untilAborted } from './waiting.ts'

/** What a path leads to. */
export type Found =
  | { readonly kind: 'file'; readonly key: string; readonly info: FileInfo }
  | { readonly kind: 'folder'; readonly key: string; readonly info: FolderInfo | undefined }

interface Listing<T> {
  readonly readMs: number
  readonly byName: ReadonlyMap<string, readonly T[]>
}

/**
 * The names of a path such as `mf:/Folder/File`, taken as they are: nothing is unescaped. The root is `mf:/`.
 *
 * @throws MediaFireError `invalid`
 */
export function parsePath(path: string): string[] {
  const attempted = doing('use the path', path)
  if (!path.startsWith('mf:/')) {
    throw new MediaFireError('invalid', 'a path begins with mf:/', { attempted })
  }
  const names = path.slice('mf:/'.length).split('/')
  // One slash at the end does no harm: `mf:/Folder/`.
  if (names.at(-1) === '') names.pop()
  return names.map((name) => requireName(name, attempted))
}

/**
 * Finds files and folders by path, names compared character by character. What a folder holds is kept for `cacheMs`; what
 * this client changes itself is forgotten at once.
 *
 * The service allows several things of one name in a folder: such a name is refused with `duplicates`, never guessed.
 */
export class Paths {
  readonly #folders: FolderApi
  readonly #engine: Engine
  readonly #cacheMs: number
  readonly #folderListings = new Map<string, Promise<Listing<FolderInfo>>>()
  readonly #fileListings = new Map<string, Promise<Listing<FileInfo>>>()

  constructor(folders: FolderApi, engine: Engine, cacheMs: number) {
    this.#folders = folders
    this.#engine = engine
    this.#cacheMs = cacheMs
  }

  /** @throws MediaFireError `not-found`, `duplicates`, `invalid` */
  async find(path: string, options: SignalOption = {}): Promise<Found> {
    const names = parsePath(path)
    const attempted = doing('find', path)
    const name = names.pop()
    if (name === undefined) return { kind: 'folder', key: rootKey, info: undefined }
    const parent = await this.#walk(names, attempted, options)
    const [folders, files] = [await this.#foldersOf(parent, name, options), await this.#filesOf(parent, name, options)]
    const found: Found[] = [
      ...folders.map((info): Found => ({ kind: 'folder', key: info.key, info })),
      ...files.map((info): Found => ({ kind: 'file', key: info.key, info })),
    ]
    return this.#only(found, name, attempted)
  }

  /** @throws MediaFireError `not-found`, `duplicates`, `invalid` */
  async findFile(path: string, options: SignalOption = {}): Promise<FileInfo> {
    const names = parsePath(path)
    const attempted = doing('find', path)
    const name = names.pop()
    if (name === undefined) throw new MediaFireError('invalid', 'it is the root folder', { attempted })
    const parent = await this.#walk(names, attempted, options)
    return this.#only(await this.#filesOf(parent, name, options), name, attempted)
  }

  /** The key of a folder. @throws MediaFireError `not-found`, `duplicates`, `invalid` */
  findFolder(path: string, options: SignalOption = {}): Promise<string> {
    return this.#walk(parsePath(path), doing('find', path), options)
  }

  /** The key of a folder, which is made when it is not there, with all above it. */
  async ensureFolder(path: string, options: SignalOption = {}): Promise<string> {
    const attempted = doing('make the folder', path)
    let key = rootKey
    for (const name of parsePath(path)) {
      const found = await this.#foldersOf(key, name, options)
      if (found.length > 0) {
        key = this.#only(found, name, attempted).key
        continue
      }
      // Somebody may have made it meanwhile: the service finds it then.
      const made = await this.#folders.create(name, { parent: key, signal: options.signal })
      this.forgetFolders()
      key = made.key
    }
    return key
  }

  forgetFolders(): void {
    this.#folderListings.clear()
  }

  forgetFiles(): void {
    this.#fileListings.clear()
  }

  async #walk(names: readonly string[], attempted: string, options: SignalOption): Promise<string> {
    let key = rootKey
    for (const name of names) key = this.#only(await this.#foldersOf(key, name, options), name, attempted).key
    return key
  }

  #foldersOf(key: string, name: string, options: SignalOption): Promise<readonly FolderInfo[]> {
    return this.#named(this.#folderListings, key, name, options, (signal) => this.#folders.folders(key, { signal }))
  }

  #filesOf(key: string, name: string, options: SignalOption): Promise<readonly FileInfo[]> {
    return this.#named(this.#fileListings, key, name, options, (signal) => this.#folders.files(key, { signal }))
  }

  async #named<T extends { readonly name: string }>(
    listings: Map<string, Promise<Listing<T>>>,
    key: string,
    name: string,
    { signal }: SignalOption,
    list: (signal: AbortSignal) => AsyncIterable<T>,
  ): Promise<readonly T[]> {
    const kept = listings.get(key)
    if (kept !== undefined) {
      const { readMs, byName } = await untilAborted(kept, signal)
      const found = byName.get(name)
      // What was not there may be there now; what was there is believed for a while.
      if (found !== undefined && this.#engine.now() - readMs < this.#cacheMs) return found
      if (listings.get(key) === kept) listings.delete(key)
    }
    let reading = listings.get(key)
    if (reading === undefined) {
      reading = this.#read(list(this.#engine.closedSignal))
      listings.set(key, reading)
      const mine = reading
      reading.catch(() => {
        // Those who wait are told; the next one asks again.
        if (listings.get(key) === mine) listings.delete(key)
      })
    }
    return (await untilAborted(reading, signal)).byName.get(name) ?? []
  }

  async #read<T extends { readonly name: string }>(items: AsyncIterable<T>): Promise<Listing<T>> {
    const readMs = this.#engine.now()
    const byName = new Map<string, T[]>()
    for await (const item of items) {
      const same = byName.get(item.name)
      if (same === undefined) byName.set(item.name, [item])
      else same.push(item)
    }
    return { readMs, byName }
  }

  #only<T extends { readonly key: string }>(found: readonly T[], name: string, attempted: string): T {
    const [first, ...others] = found
    if (first === undefined) {
      throw new MediaFireError('not-found', `there is no "${name}" there`, { attempted })
    }
    if (others.length > 0) {
      const state = `there are ${found.length} of the name "${name}", and which one is meant cannot be told`
      throw new MediaFireError('duplicates', state, { attempted, keys: found.map(({ key }) => key) })
    }
    return first
  }
}
