import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { displayPath, rawFromBytes } from '@coalmine/bytes'
import {
  type CallOptions,
  closedError,
  existsError,
  type GetOptions,
  invalidKeyError,
  keyProblem,
  type ListOptions,
  notFoundError,
  type ObjectInfo,
  type PutOptions,
  requireKey,
  type Storage,
  StorageError,
  type StorageInfo,
  type StorageOperation,
  type Usage,
} from '@coalmine/storage'
import { aroundEffects, type FileFacts, type FileStorageEffects, nodeFileStorageEffects } from './effects.ts'
import { type Attempt, errnoOf, fileError, storageError } from './file-error.ts'
import { isTemporary, parentOf, pathIn, temporaryName, windowsKeyProblem } from './file-names.ts'
import { readObject } from './read-object.ts'
import { writeObject } from './write-object.ts'

export interface FileStorageOptions {
  /** The folder; made by the first put when it is missing. Text is taken as UTF-8. */
  readonly path: string | Buffer
  /**
   * Return from a put only when the object is on the disk and found there after a loss of power; true by default. Puts
   * are all or nothing in any case, as long as the system does not crash.
   */
  readonly durable?: boolean
  /** Read every object again after writing it and compare digests; false by default. It may come from the cache. */
  readonly verify?: boolean
  /** What touches the file system; tests pass their own. */
  readonly effects?: FileStorageEffects
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/**
 * A folder as a storage: an object is a file of that name.
 *
 * A put writes to a new file whose name begins with `.coalmine-tmp-`, flushes it, and renames it; files are readable by
 * their owner only. Such files that a crash has left are never listed, and removed by the first put a day later.
 */
export function createFileStorage(options: FileStorageOptions): Storage {
  return new FileStorage(options)
}

const dayMs = 86_400_000
// Looked up side by side: enough to keep the thread pool busy, not so many that others wait long.
const statsAtOnce = 16

class FileStorage implements Storage {
  readonly info: StorageInfo
  readonly #folder: Buffer
  readonly #effects: FileStorageEffects
  readonly #durable: boolean
  readonly #verify: boolean
  readonly #now: () => number
  #cleaned: Promise<void> | undefined
  #deleted = false
  #closed = false

  constructor(options: FileStorageOptions) {
    const { path, durable = true, verify = false, effects = nodeFileStorageEffects, now = Date.now } = options
    this.#folder = withoutEndSlashes(Buffer.from(path))
    if (this.#folder.length === 0 || this.#folder.includes(0)) {
      throw new TypeError(`Cannot open a folder as a storage: "${path.toString()}" is no path`)
    }
    this.#effects = effects
    this.#durable = durable
    this.#verify = verify
    this.#now = now
    this.info = {
      scheme: 'file',
      display: `file://${displayPath(rawFromBytes(this.#folder))}`,
      capabilities: { ranges: true, putIfAbsent: true, parallel: 4, listLagMs: 0, digests: verify ? ['sha1'] : [] },
    }
  }

  async put(key: string, source: ByteSource, options: PutOptions = {}): Promise<ObjectInfo> {
    const attempt = this.#begin('put', key, options.signal)
    const effects = this.#told(attempt)
    const path = pathIn(this.#folder, key)
    // Said again below, for good; here before anything is sent.
    if (options.ifAbsent === true && (await this.#factsOf(attempt, path)) !== undefined) {
      throw existsError(key, this.info.display)
    }
    await this.#makeFolder(effects, this.#folder)
    await (this.#cleaned ??= this.#removeStale())
    const temporary = pathIn(this.#folder, temporaryName())
    const durable = this.#durable
    let written
    try {
      written = await writeObject(effects, temporary, source, { attempt, put: options, durable, verify: this.#verify })
      options.signal?.throwIfAborted()
      if (options.ifAbsent === true) await this.#linkNew(attempt, temporary, path)
      else await effects.rename(temporary, path)
    } catch (error) {
      // If it cannot be removed either, a put on another day will.
      await this.#effects.remove(temporary).catch(() => undefined)
      throw error
    }
    if (durable) await effects.syncFolder(this.#folder)
    return { key, size: written.facts.size, modifiedMs: written.facts.modifiedMs, digests: written.digests }
  }

  async *get(key: string, options: GetOptions = {}): ByteStream {
    const attempt = this.#begin('get', key, options.signal)
    try {
      yield* readObject(this.#told(attempt), pathIn(this.#folder, key), attempt, options)
    } catch (error) {
      const missing = error instanceof StorageError && errnoOf(error.cause) === 'ENOENT'
      throw missing ? notFoundError(key, this.info.display, error.cause) : error
    }
  }

  async stat(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    const attempt = this.#begin('stat', key, options.signal)
    const facts = await this.#factsOf(attempt, pathIn(this.#folder, key))
    if (facts === undefined) return undefined
    if (!facts.isFile) throw storageError(attempt, 'failed', 'it is no regular file')
    return { key, size: facts.size, modifiedMs: facts.modifiedMs }
  }

  async *list(options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    const attempt = this.#begin('list', undefined, options.signal)
    let entries
    try {
      entries = await this.#effects.list(this.#folder)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      throw fileError(attempt, error)
    }
    const names: { key: string; name: Buffer }[] = []
    for (const { name, isFolder } of entries) {
      if (isTemporary(name)) continue
      const key = name.toString('utf8')
      if (isFolder || keyProblem(key) !== undefined || !Buffer.from(key).equals(name)) tellForeign(options, name)
      else names.push({ key, name })
    }
    for (let at = 0; at < names.length; at += statsAtOnce) {
      const batch = names.slice(at, at + statsAtOnce)
      const facts = await Promise.all(batch.map(({ name }) => this.#listedFacts(attempt, name)))
      for (const [i, { key, name }] of batch.entries()) {
        options.signal?.throwIfAborted()
        const found = facts[i]
        if (found === undefined) continue
        if (found.isFile) yield { key, size: found.size, modifiedMs: found.modifiedMs }
        else tellForeign(options, name)
      }
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    const attempt = this.#begin('delete', key, options.signal)
    try {
      await this.#effects.remove(pathIn(this.#folder, key))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw fileError(attempt, error)
      return
    }
    this.#deleted = true
  }

  async usage(options: CallOptions = {}): Promise<Usage> {
    const attempt = this.#begin('usage', undefined, options.signal)
    for (let path = this.#folder; ; path = parentOf(path)) {
      try {
        return await this.#effects.space(path)
      } catch (error) {
        // The folder is not made yet: it will lie where the folder above it does.
        if (errnoOf(error) !== 'ENOENT' || parentOf(path).equals(path)) throw fileError(attempt, error)
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // Puts are on the disk already, and with them what was deleted before; this is for the last deletes.
    if (!this.#deleted || !this.#durable) return
    try {
      await this.#effects.syncFolder(this.#folder)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw fileError({ operation: 'close', display: this.info.display }, error)
    }
  }

  #begin<K extends string | undefined>(operation: StorageOperation, key: K, signal: AbortSignal | undefined) {
    if (key !== undefined) {
      requireKey(operation, key)
      const problem = process.platform === 'win32' ? windowsKeyProblem(key) : undefined
      if (problem !== undefined) throw invalidKeyError(operation, key, problem)
    }
    if (this.#closed) throw closedError(operation, key, this.info.display)
    signal?.throwIfAborted()
    return { operation, key, display: this.info.display }
  }

  /** The effects, failing with storage errors about this attempt. */
  #told(attempt: Attempt): FileStorageEffects {
    return aroundEffects(this.#effects, async (_, run) => {
      try {
        return await run()
      } catch (error) {
        throw fileError(attempt, error)
      }
    })
  }

  /** What is at a path; `undefined` for absence only. */
  async #factsOf(attempt: Attempt, path: Buffer): Promise<FileFacts | undefined> {
    try {
      return await this.#effects.facts(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw fileError(attempt, error)
    }
  }

  /** The facts of a name that was in the folder; `undefined` when it has gone, a dangling link is what it is. */
  async #listedFacts(attempt: Attempt, name: Buffer): Promise<FileFacts | undefined> {
    const path = pathIn(this.#folder, name)
    const facts = await this.#factsOf(attempt, path)
    if (facts !== undefined) return facts
    try {
      return { ...(await this.#effects.ownFacts(path)), isFile: false }
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw fileError(attempt, error)
    }
  }

  /** Makes a folder and those above it, each on the disk before the next. */
  async #makeFolder(effects: FileStorageEffects, path: Buffer, parentIsThere = false): Promise<void> {
    try {
      await effects.makeFolder(path)
    } catch (error) {
      const missing = error instanceof StorageError && errnoOf(error.cause) === 'ENOENT'
      if (missing && !parentIsThere && !parentOf(path).equals(path)) {
        await this.#makeFolder(effects, parentOf(path))
        await this.#makeFolder(effects, path, true)
        return
      }
      // Whatever it says about a folder that is there (of a root, of a mount) does not matter.
      if ((await this.#effects.facts(path).catch(() => undefined))?.isFolder !== true) throw error
      return
    }
    if (this.#durable) await effects.syncFolder(parentOf(path))
  }

  /** Gives the new file its name unless something has it. Two at once cannot both succeed. */
  async #linkNew(attempt: Attempt & { readonly key: string }, temporary: Buffer, path: Buffer): Promise<void> {
    try {
      await this.#effects.link(temporary, path)
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'EEXIST') throw existsError(attempt.key, this.info.display, error)
      // FAT and some network file systems have no second names, and nothing else that would do.
      if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errno)) {
        throw storageError(attempt, 'unsupported', `this file system has no hard links (${errno})`, { cause: error })
      }
      throw fileError(attempt, error)
    }
    // The object is there. The second name is removed now, or by a put on another day.
    await this.#effects.remove(temporary).catch(() => undefined)
  }

  /** Removes what puts of other days have left. It is nobody's task, so nobody hears when it fails. */
  async #removeStale(): Promise<void> {
    const entries = await this.#effects.list(this.#folder).catch(() => [])
    for (const { name, isFolder } of entries) {
      if (isFolder || !isTemporary(name)) continue
      const path = pathIn(this.#folder, name)
      try {
        const { modifiedMs } = await this.#effects.ownFacts(path)
        if (this.#now() - modifiedMs > dayMs) await this.#effects.remove(path)
      } catch {
        // Gone meanwhile, or not ours to remove.
      }
    }
  }
}

function tellForeign(options: ListOptions, name: Buffer): void {
  options.onForeign?.(displayPath(rawFromBytes(name)))
}

function withoutEndSlashes(path: Buffer): Buffer {
  let end = path.length
  while (end > 1 && path[end - 1] === 47) end -= 1
  return path.subarray(0, end)
}
