import type { DeviceApi } from './api-device.ts'
import type { FileApi } from './api-file.ts'
import type { FolderApi } from './api-folder.ts'
import type { SignalOption } from './api-user.ts'
import type { Engine } from './engine.ts'
import type { FileInfo, FolderInfo } from './items.ts'
import { keyGroups, rootKey, trashKey } from './keys.ts'
import { MediaFireError } from './media-fire-error.ts'

/** What is asked of a file or a folder alike. */
interface Kind {
  readonly what: 'file' | 'folder'
  delete(keys: string[], options: SignalOption): Promise<{ asynchronous: boolean }>
  purge(keys: string[], options: SignalOption): Promise<{ asynchronous: boolean }>
  info(key: string, options: SignalOption): Promise<FileInfo | FolderInfo>
  infos(keys: string[], options: SignalOption): Promise<(FileInfo | FolderInfo)[]>
  list(parentKey: string, options: SignalOption): AsyncIterable<{ readonly key: string }>
}

// What was deleted may be seen for a while.
const pausesMs = [0, 500, 1000, 2000, 4000, 8000]

/**
 * Deletes, and makes sure of it: the service answers with an error now and then though it was done, and the other way round.
 * What is gone already is fine.
 *
 * @throws MediaFireError `not-deleted` with the keys of what is still there.
 */
export class Trash {
  readonly #files: Kind
  readonly #folders: Kind
  readonly #device: DeviceApi
  readonly #engine: Engine
  readonly #apis: { readonly file: FileApi; readonly folder: FolderApi }

  constructor(apis: { file: FileApi; folder: FolderApi; device: DeviceApi }, engine: Engine) {
    const { file, folder, device } = apis
    this.#apis = { file, folder }
    this.#device = device
    this.#engine = engine
    this.#files = {
      what: 'file',
      delete: (keys, options) => file.delete(keys, options),
      purge: (keys, options) => file.purge(keys, options),
      info: (key, options) => file.getInfo(key, options),
      infos: async (keys, options) => (await file.getInfos(keys, options)).files,
      list: (key, options) => folder.files(key, options),
    }
    this.#folders = {
      what: 'folder',
      delete: (keys, options) => folder.delete(keys, options),
      purge: (keys, options) => folder.purge(keys, options),
      info: (key, options) => folder.getInfo(key, options),
      infos: (keys, options) => folder.getInfos(keys, options),
      list: (key, options) => folder.folders(key, options),
    }
  }

  /** What lies in the trash: it still takes room. */
  files(options: SignalOption = {}): AsyncIterable<FileInfo> {
    return this.#device.trashedFiles(options)
  }

  folders(options: SignalOption = {}): AsyncIterable<FolderInfo> {
    return this.#device.trashedFolders(options)
  }

  /** Moves files to the trash. */
  deleteFiles(keys: string | readonly string[], options: SignalOption = {}): Promise<void> {
    return this.#remove(this.#files, keys, 'delete', options)
  }

  /** Moves folders to the trash, with all that is in them. */
  deleteFolders(keys: string | readonly string[], options: SignalOption = {}): Promise<void> {
    return this.#remove(this.#folders, keys, 'delete', options)
  }

  /** Deletes files for good, also those in the trash. */
  purgeFiles(keys: string | readonly string[], options: SignalOption = {}): Promise<void> {
    return this.#remove(this.#files, keys, 'purge', options)
  }

  /** Deletes folders for good, with all that is in them. */
  purgeFolders(keys: string | readonly string[], options: SignalOption = {}): Promise<void> {
    return this.#remove(this.#folders, keys, 'purge', options)
  }

  /** Deletes for good all that is in the trash. */
  async empty(options: SignalOption = {}): Promise<void> {
    const attempted = 'empty the trash'
    const { asynchronous } = await this.#device.emptyTrash(options)
    if (asynchronous) await this.#device.waitForJobs(options)
    for (const pauseMs of pausesMs) {
      if (pauseMs > 0) await this.#engine.sleep(pauseMs, options.signal)
      const left = [await firstOf(this.files(options)), await firstOf(this.folders(options))]
      if (left.every((item) => item === undefined)) return
    }
    throw new MediaFireError('not-deleted', 'there is still something in it', { attempted })
  }

  async #remove(
    kind: Kind,
    given: string | readonly string[],
    how: 'delete' | 'purge',
    options: SignalOption,
  ): Promise<void> {
    for (const keys of keyGroups(given)) {
      if (kind.what === 'folder' && keys.some((key) => key === rootKey || key === trashKey)) {
        throw new TypeError(`Cannot ${how} the folder "${rootKey}" or "${trashKey}"`)
      }
      let failure: MediaFireError | undefined
      try {
        const { asynchronous } = await kind[how](keys, options)
        if (asynchronous) await this.#device.waitForJobs(options)
      } catch (error) {
        if (!(error instanceof MediaFireError)) throw error
        if (error.apiCode === 242) {
          for (const key of keys) await this.#removeInPieces(key, how, options)
        } else if (error.code !== 'server' && error.code !== 'not-found' && error.code !== 'deleted') {
          throw error
        }
        // It may have been done all the same: what is there now decides.
        failure = error
      }
      await this.#requireGone(kind, keys, how, failure, options)
    }
  }

  /** A folder with more files than the service deletes at once. */
  async #removeInPieces(key: string, how: 'delete' | 'purge', options: SignalOption): Promise<void> {
    const files = await keysOf(this.#apis.folder.files(key, options))
    if (files.length > 0) await this.#remove(this.#files, files, how, options)
    for (const folder of await keysOf(this.#apis.folder.folders(key, options))) {
      await this.#remove(this.#folders, [folder], how, options)
    }
    await this.#remove(this.#folders, [key], how, options)
  }

  async #requireGone(
    kind: Kind,
    keys: string[],
    how: 'delete' | 'purge',
    failure: MediaFireError | undefined,
    options: SignalOption,
  ): Promise<void> {
    let left = keys
    for (const pauseMs of pausesMs) {
      if (pauseMs > 0) await this.#engine.sleep(pauseMs, options.signal)
      left = await this.#stillThere(kind, left, how, options)
      if (left.length === 0) return
    }
    const [only] = left
    const attempted = left.length === 1 ? `${how} the ${kind.what} "${only!}"` : `${how} ${left.length} ${kind.what}s`
    const words = failure === undefined ? 'MediaFire says that it was done' : 'MediaFire reports an internal error'
    const state = `${words}, and ${left.length === 1 ? 'it is' : 'they are'} still there`
    throw new MediaFireError('not-deleted', state, { attempted, keys: left, cause: failure })
  }

  async #stillThere(kind: Kind, keys: string[], how: 'delete' | 'purge', options: SignalOption): Promise<string[]> {
    const infos = await this.#known(kind, keys, options)
    if (how === 'purge') return infos.map(({ key }) => key)
    const visible = infos.filter(({ deletedAt, parentKey }) => deletedAt === undefined && parentKey !== trashKey)
    // The thing itself does not always tell that it is in the trash; the folder that it was in does.
    const left: string[] = []
    const listings = new Map<string, Set<string>>()
    for (const { key, parentKey = rootKey } of visible) {
      let listing = listings.get(parentKey)
      if (listing === undefined) {
        listing = new Set(await keysOf(kind.list(parentKey, options)).catch(noneWhereGone))
        listings.set(parentKey, listing)
      }
      if (listing.has(key)) left.push(key)
    }
    return left
  }

  /** Those that the service knows. */
  async #known(kind: Kind, keys: string[], options: SignalOption): Promise<(FileInfo | FolderInfo)[]> {
    try {
      if (keys.length > 1) return await kind.infos(keys, options)
    } catch (error) {
      // Because of one that is gone nothing is told of the others: they are asked for one by one.
      if (!isGone(error)) throw error
    }
    const infos: (FileInfo | FolderInfo)[] = []
    for (const key of keys) {
      const info = await kind.info(key, options).catch((error: unknown) => {
        if (isGone(error)) return undefined
        throw error
      })
      if (info !== undefined) infos.push(info)
    }
    return infos
  }
}

function isGone(error: unknown): boolean {
  return error instanceof MediaFireError && (error.code === 'not-found' || error.code === 'deleted')
}

function noneWhereGone(error: unknown): string[] {
  if (isGone(error)) return []
  throw error
}

async function keysOf(items: AsyncIterable<{ readonly key: string }>): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of items) keys.push(key)
  return keys
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item
  return undefined
}
