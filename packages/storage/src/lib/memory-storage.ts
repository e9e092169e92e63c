import { createHash } from 'node:crypto'
import { type ByteSource, type ByteStream, concat, fromBytes } from '@coalmine/bytes'
import { sourceBytes } from './exact-bytes.ts'
import { quoteKey } from './keys.ts'
import { closedError, existsError, notFoundError, requireKey, requireRange, requireSize } from './refusals.ts'
import type {
  CallOptions,
  DigestName,
  Digests,
  GetOptions,
  ListOptions,
  ObjectInfo,
  PutOptions,
  Storage,
  StorageInfo,
  Usage,
} from './storage.ts'
import { StorageError, type StorageOperation } from './storage-error.ts'

/** What a memory storage keeps for a key. */
export interface MemoryObject {
  readonly bytes: Uint8Array
  readonly modifiedMs: number
  readonly digests?: Digests
}

export interface MemoryStorageOptions {
  /** The objects by key; give the same map to several storages to open one place again. A new map otherwise. */
  readonly objects?: Map<string, MemoryObject>
  /** For `info.display`, as `memory:NAME`; `memory` otherwise. */
  readonly name?: string
  /** Space for all objects together; puts beyond it are refused with `no-space`. Unlimited by default. */
  readonly maxBytes?: number
  readonly maxObjectSize?: number
  /** Digests to compute, compare and return; none by default. */
  readonly digests?: readonly DigestName[]
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const chunkBytes = 262_144

/** A storage that forgets: for tests, and for trying things. */
export function createMemoryStorage(options: MemoryStorageOptions = {}): Storage {
  return new MemoryStorage(options)
}

class MemoryStorage implements Storage {
  readonly info: StorageInfo
  readonly #objects: Map<string, MemoryObject>
  readonly #maxBytes: number
  readonly #now: () => number
  #closed = false

  constructor(options: MemoryStorageOptions) {
    const { objects = new Map(), name, maxBytes = Number.POSITIVE_INFINITY, maxObjectSize, digests = [] } = options
    this.#objects = objects
    this.#maxBytes = maxBytes
    this.#now = options.now ?? Date.now
    this.info = {
      scheme: 'memory',
      display: name === undefined ? 'memory' : `memory:${name}`,
      capabilities: { ranges: true, putIfAbsent: true, maxObjectSize, parallel: 16, listLagMs: 0, digests },
    }
  }

  async put(key: string, source: ByteSource, options: PutOptions = {}): Promise<ObjectInfo> {
    this.#begin('put', key, options.signal)
    const { maxObjectSize, digests: wanted } = this.info.capabilities
    requireSize(source, maxObjectSize, key)
    this.#refusePresent(key, options)
    if (source.size > this.#maxBytes) throw this.#full(key)
    const chunks: Uint8Array[] = []
    let sent = 0
    for await (const chunk of sourceBytes(source, { key, signal: options.signal })) {
      chunks.push(chunk)
      sent += chunk.length
      options.onProgress?.({ phase: 'sent', bytes: sent })
    }
    options.signal?.throwIfAborted()
    if (sent === 0) options.onProgress?.({ phase: 'sent', bytes: 0 })
    // The bytes are ours from here on, whatever becomes of the array they came from.
    const bytes = chunks.length === 1 ? chunks[0]!.slice() : concat(chunks)
    const digests = digestsOf(bytes, wanted)
    for (const name of wanted) {
      if (options.digests?.[name] !== undefined && options.digests[name] !== digests?.[name]) {
        const message = `Cannot put ${quoteKey(key)}: the ${name} of what came is not the one that was given`
        throw new StorageError('mismatch', message, { operation: 'put', key })
      }
    }
    this.#refusePresent(key, options)
    if (this.#usedBytes() - (this.#objects.get(key)?.bytes.length ?? 0) + sent > this.#maxBytes) throw this.#full(key)
    this.#objects.set(key, { bytes, modifiedMs: this.#now(), digests })
    return this.#infoOf(key)!
  }

  async *get(key: string, options: GetOptions = {}): ByteStream {
    this.#begin('get', key, options.signal)
    const object = this.#objects.get(key)
    if (object === undefined) throw notFoundError(key, this.info.display)
    const range = requireRange(options.range, object.bytes.length, key)
    for await (const chunk of fromBytes(object.bytes, chunkBytes).open(range)) {
      options.signal?.throwIfAborted()
      yield chunk
    }
  }

  async stat(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    this.#begin('stat', key, options.signal)
    return this.#infoOf(key)
  }

  async *list(options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    this.#begin('list', undefined, options.signal)
    // A copy: a key that is deleted and put again moves to the end of the map, where it would come a second time.
    const keys = Array.from(this.#objects.keys())
    for (const key of keys) {
      options.signal?.throwIfAborted()
      const info = this.#infoOf(key)
      if (info !== undefined) yield info
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    this.#begin('delete', key, options.signal)
    this.#objects.delete(key)
  }

  async usage(options: CallOptions = {}): Promise<Usage> {
    this.#begin('usage', undefined, options.signal)
    const usedBytes = this.#usedBytes()
    if (this.#maxBytes === Number.POSITIVE_INFINITY) return { usedBytes }
    return { usedBytes, freeBytes: Math.max(0, this.#maxBytes - usedBytes), totalBytes: this.#maxBytes }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #begin(operation: StorageOperation, key: string | undefined, signal: AbortSignal | undefined): void {
    if (key !== undefined) requireKey(operation, key)
    if (this.#closed) throw closedError(operation, key, this.info.display)
    signal?.throwIfAborted()
  }

  #refusePresent(key: string, options: PutOptions): void {
    if (options.ifAbsent === true && this.#objects.has(key)) throw existsError(key, this.info.display)
  }

  #full(key: string): StorageError {
    const message = `Cannot put ${quoteKey(key)}: ${this.info.display} has room for ${this.#maxBytes} bytes in all`
    return new StorageError('no-space', message, { operation: 'put', key })
  }

  #infoOf(key: string): ObjectInfo | undefined {
    const object = this.#objects.get(key)
    if (object === undefined) return undefined
    return { key, size: object.bytes.length, modifiedMs: object.modifiedMs, digests: object.digests }
  }

  #usedBytes(): number {
    let bytes = 0
    for (const object of this.#objects.values()) bytes += object.bytes.length
    return bytes
  }
}

function digestsOf(bytes: Uint8Array, names: readonly DigestName[]): Digests | undefined {
  if (names.length === 0) return undefined
  return Object.fromEntries(names.map((name) => [name, createHash(name).update(bytes).digest('hex')]))
}
