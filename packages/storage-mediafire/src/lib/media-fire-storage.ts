import { type ByteSource, type ByteStream, displayPath, rawFromText } from '@coalmine/bytes'
import { type MediaFire, MediaFireError, type UploadProgress } from '@coalmine/mediafire'
import {
  bodyBytes,
  type CallOptions,
  closedError,
  type GetOptions,
  invalidKeyError,
  keyProblem,
  type ListOptions,
  notFoundError,
  type ObjectInfo,
  type PutOptions,
  requireKey,
  requireRange,
  sourceBytes,
  type Storage,
  type StorageInfo,
  type StorageOperation,
  type Usage,
} from '@coalmine/storage'
import { type Attempt, isAbsence, reasonOf, storageError, storageFailure } from './failure.ts'
import { nameProblem } from './names.ts'
import { Place } from './place.ts'
import { type Held, Shelf } from './shelf.ts'

export interface MediaFireStorageOptions {
  /** A client that is signed in; it is closed with the storage. */
  readonly client: MediaFire
  /** Names of folders from the root of the account, which is meant when there are none. Missing ones are made by the first put. */
  readonly folder: readonly string[]
  /** For people; `mf://` and the names by default. */
  readonly display?: string
  /**
   * What becomes of deleted objects: `purge`, the default, removes them for good; `trash` leaves them in the trash of the
   * account, where they still take room.
   */
  readonly deleted?: 'purge' | 'trash'
  /** How long, in milliseconds, a listing may not show what others have just done; 5 s. */
  readonly listLagMs?: number
  /** Told what a person should know, as the end of a sentence: that the folder is public, or shared. */
  readonly onWarning?: (warning: string) => void
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/**
 * A folder of a MediaFire account as a storage: an object is a file of that name.
 *
 * Nothing happens before the first call. The folder is made by the first put, and made private.
 *
 * @throws TypeError when MediaFire cannot have folders of such names.
 */
export function createMediaFireStorage(options: MediaFireStorageOptions): Storage {
  return new MediaFireStorage(options)
}

class MediaFireStorage implements Storage {
  readonly info: StorageInfo
  readonly #client: MediaFire
  readonly #place: Place
  readonly #shelf: Shelf
  readonly #purge: boolean
  /** The last put or delete of each key that is under way. */
  readonly #turns = new Map<string, Promise<void>>()
  #closed = false

  constructor(options: MediaFireStorageOptions) {
    const { client, folder, deleted = 'purge', listLagMs = 5000, now = Date.now, onWarning = () => undefined } = options
    for (const name of folder) {
      const problem = nameProblem(name)
      if (problem !== undefined) throw new TypeError(`Cannot use the folder "${name}" as a storage: ${problem}`)
    }
    if (!(listLagMs >= 0)) throw new RangeError(`Cannot take listings to be late by ${listLagMs} ms`)
    this.#client = client
    this.#purge = deleted === 'purge'
    this.#place = new Place({ client, names: folder, onWarning })
    this.#shelf = new Shelf({ client, lagMs: listLagMs, now })
    this.info = {
      scheme: 'mf',
      display: options.display ?? `mf://${displayPath(rawFromText(folder.join('/')))}`,
      capabilities: { ranges: true, putIfAbsent: false, parallel: 3, listLagMs, digests: ['sha256'] },
    }
  }

  put(key: string, source: ByteSource, options: PutOptions = {}): Promise<ObjectInfo> {
    return this.#attempt('put', key, options.signal, async (attempt) => {
      if (options.ifAbsent === true) {
        throw storageError(attempt, 'unsupported', 'MediaFire cannot be told to put only what is not there yet')
      }
      return await this.#inTurn(key, options.signal, () => this.#put(attempt, source, options))
    })
  }

  async #put(attempt: KeyAttempt, source: ByteSource, options: PutOptions): Promise<ObjectInfo> {
    const { key } = attempt
    const { signal, digests = {}, onProgress } = options
    const folderKey = await this.#place.make(signal)
    const { same, alike } = await this.#shelf.beforePut(folderKey, key, signal)
    if (same.length > 1) throw severalError(attempt, same)
    if (alike !== undefined) {
      const problem = `there is "${alike}", and MediaFire may take the two names for one`
      throw invalidKeyError('put', key, problem)
    }
    const stored = await this.#client
      .upload(key, checkedSource(source, key, signal), {
        folderKey,
        onDuplicate: 'replace',
        sha256: digests.sha256,
        signal,
        onProgress: onProgress && progressOf(onProgress),
      })
      .catch((error: unknown) => {
        // The folder may have been removed meanwhile: the next put makes it again.
        if (isAbsence(error)) {
          this.#place.forget()
          this.#shelf.forget()
          throw storageError(attempt, 'unavailable', 'the folder is gone', { retry: 'now', cause: error })
        }
        throw error
      })
    const { size, sha256 } = stored
    this.#shelf.stored({ key: stored.key, name: key, size, sha256, created: undefined })
    return { key, size, digests: { sha256 } }
  }

  async *get(key: string, options: GetOptions = {}): ByteStream {
    const attempt = this.#begin('get', key, options.signal)
    const { signal } = options
    let got = 0
    try {
      const file = await this.#only(attempt, signal)
      if (file === undefined) throw notFoundError(key, this.info.display)
      const { start, end } = requireRange(options.range, file.size ?? 0, key)
      const info = await this.#client.api.file.getInfo(file.key, { signal })
      if (info.size !== file.size) throw storageError(attempt, 'unavailable', 'it is just being replaced')
      const body = this.#client.download(file.key, { info, range: { start, end }, signal })
      for await (const chunk of bodyBytes(body, end - start, { key, signal })) {
        got += chunk.length
        yield chunk
      }
    } catch (error) {
      throw this.#told(attempt, got > 0 ? asShortBody(attempt, error, got) : error, signal)
    }
  }

  stat(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#attempt('stat', key, options.signal, async (attempt) => {
      const file = await this.#only(attempt, options.signal)
      return file && objectOf(file)
    })
  }

  async *list(options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    const { signal, onForeign } = options
    const attempt = this.#begin('list', undefined, signal)
    try {
      const folderKey = await this.#place.find(signal)
      if (folderKey === undefined) return
      const names = await this.#shelf.list(folderKey, signal)
      for (const [name, files] of names) {
        signal?.throwIfAborted()
        if (keyProblem(name) !== undefined) {
          for (const _ of files) onForeign?.(shown(name))
          continue
        }
        const file = onlyOf({ ...attempt, key: name }, files)
        if (file !== undefined) yield objectOf(file)
      }
      if (onForeign === undefined) return
      for await (const { name } of this.#client.api.folder.folders(folderKey, { signal })) onForeign(shown(name))
    } catch (error) {
      throw this.#told(attempt, error, signal)
    }
  }

  delete(key: string, options: CallOptions = {}): Promise<void> {
    const { signal } = options
    return this.#attempt('delete', key, signal, (attempt) =>
      this.#inTurn(key, signal, async () => {
        const folderKey = await this.#place.find(signal)
        const files = folderKey === undefined ? [] : await this.#shelf.find(folderKey, key, signal)
        if (onlyOf(attempt, files) === undefined) return
        // Several of the same bytes go together: one that stayed would be the object again.
        const keys = files.map((file) => file.key)
        const { trash } = this.#client
        await (this.#purge ? trash.purgeFiles(keys, { signal }) : trash.deleteFiles(keys, { signal }))
        this.#shelf.removed(key, keys)
      }),
    )
  }

  usage(options: CallOptions = {}): Promise<Usage> {
    const { signal } = options
    return this.#attempt('usage', undefined, signal, async () => {
      const { usedStorage, storageLimit } = await this.#client.api.user.getInfo({ signal })
      const isKnown = usedStorage !== undefined && storageLimit !== undefined
      const freeBytes = isKnown ? Math.max(0, storageLimit - usedStorage) : undefined
      return { usedBytes: usedStorage, totalBytes: storageLimit, freeBytes }
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#client.close()
  }

  async #only(attempt: KeyAttempt, signal: AbortSignal | undefined): Promise<Held | undefined> {
    const folderKey = await this.#place.find(signal)
    if (folderKey === undefined) return undefined
    return onlyOf(attempt, await this.#shelf.find(folderKey, attempt.key, signal))
  }

  async #attempt<K extends string | undefined, T>(
    operation: StorageOperation,
    key: K,
    signal: AbortSignal | undefined,
    run: (attempt: Attempt & { readonly key: K }) => Promise<T>,
  ): Promise<T> {
    const attempt = this.#begin(operation, key, signal)
    try {
      return await run(attempt)
    } catch (error) {
      throw this.#told(attempt, error, signal)
    }
  }

  #begin<K extends string | undefined>(operation: StorageOperation, key: K, signal: AbortSignal | undefined) {
    if (key !== undefined) {
      requireKey(operation, key)
      const problem = nameProblem(key)
      if (problem !== undefined) throw invalidKeyError(operation, key, problem)
    }
    if (this.#closed) throw closedError(operation, key, this.info.display)
    signal?.throwIfAborted()
    return { operation, key, display: this.info.display }
  }

  #told(attempt: Attempt, error: unknown, signal: AbortSignal | undefined): unknown {
    return signal?.aborted === true ? signal.reason : storageFailure(attempt, error)
  }

  /** One after the other for each key: a replacement must not meet another one that is being put together. */
  async #inTurn<T>(key: string, signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key)
    const mine = (async () => {
      await before
      signal?.throwIfAborted()
      return await run()
    })()
    // Those who wait do so for the end, whatever it is.
    const ended = mine.then(
      () => undefined,
      () => undefined,
    )
    this.#turns.set(key, ended)
    try {
      return await mine
    } finally {
      if (this.#turns.get(key) === ended) this.#turns.delete(key)
    }
  }
}

type KeyAttempt = Attempt & { readonly key: string }

/** The one file of a name. Several of the same bytes are as good as one. */
function onlyOf(attempt: KeyAttempt, files: readonly Held[]): Held | undefined {
  const [first, ...others] = files
  if (first === undefined) return undefined
  const isSame = (other: Held): boolean =>
    first.sha256 !== undefined && other.sha256 === first.sha256 && other.size === first.size
  if (!others.every(isSame)) throw severalError(attempt, files)
  return first
}

function severalError(attempt: KeyAttempt, files: readonly Held[]): Error {
  const reason = `the folder has ${files.length} files of that name, and which one is meant cannot be told; remove or rename the others on MediaFire's website`
  return storageError(attempt, 'failed', reason)
}

function objectOf({ name, size = 0, sha256, created }: Held): ObjectInfo {
  return { key: name, size, modifiedMs: created?.getTime(), digests: sha256 === undefined ? undefined : { sha256 } }
}

/** What breaks off behind its first byte, and could not be had again, is an object that ended too early. */
function asShortBody(attempt: KeyAttempt, error: unknown, got: number): unknown {
  if (!(error instanceof MediaFireError) || error.code !== 'unreachable') return error
  const options = { retry: error.retry, retryAfterMs: error.retryAfterMs, cause: error }
  return storageError(attempt, 'short-body', `it broke off after ${got} bytes: ${reasonOf(error)}`, options)
}

function shown(name: string): string {
  return displayPath(rawFromText(name))
}

/** The source as the client may read it: exact, and ending with the signal also while it makes the reader wait. */
function checkedSource(source: ByteSource, key: string, signal: AbortSignal | undefined): ByteSource {
  const { size, localPath } = source
  return { size, localPath, open: (range) => sourceBytes(source, { key, range, signal }) }
}

/** What the client tells, in the words of storages. */
function progressOf(onProgress: NonNullable<PutOptions['onProgress']>): (progress: UploadProgress) => void {
  let sent = -1
  const send = (bytes: number): void => {
    if (bytes <= sent) return
    sent = bytes
    onProgress({ phase: 'sent', bytes })
  }
  return ({ phase, bytes, total }) => {
    if (phase === 'hashing') return
    send(phase === 'sending' ? bytes : total)
    if (phase !== 'sending') onProgress({ phase, bytes })
  }
}
