import type { ByteRange, ByteSource, ByteStream } from '@coalmine/bytes'

/**
 * A place that keeps objects by name: a folder, an account at a service, memory.
 *
 * The promises below hold for every storage. `storageCases` of `@coalmine/storage-testkit` tries each of them. A storage
 * contains no retry, no sleep and no log line: those are layers around it, see {@link StorageLayer}.
 *
 * What holds for every call:
 * - A key that breaks the rules of {@link keyProblem} is refused with `invalid-key` before anything is done.
 * - Whatever goes wrong on the storage's side is a {@link StorageError} with `operation`, `key` and `retry` set.
 * - When the `signal` of a call is aborted, the call rejects with the signal's reason, also while it waits, and lets go
 *   of what it holds. An aborted `put` has stored nothing, unless it was complete already.
 * - Calls may overlap. Puts and deletes of different keys do not disturb each other; of two puts of one key, one wins
 *   as a whole.
 */
export interface Storage {
  readonly info: StorageInfo

  /**
   * Stores an object, in place of one of the same name if there is one.
   *
   * All or nothing: until it is complete, `get`, `stat` and `list` show the old object, or none; when it fails they show
   * the same. A put that resolves is durable as far as the service allows.
   *
   * The source may be opened several times, also in part, and every stream that was opened is let go of. A source that
   * gives fewer or more bytes than its `size` is refused with `bad-source`; an error of the source itself comes out as
   * it is. The size that was stored is compared with the size that was sent, and digests are, where the service gives
   * them: `mismatch`.
   *
   * @returns The object as it is stored.
   */
  put(key: string, source: ByteSource, options?: PutOptions): Promise<ObjectInfo>

  /**
   * The bytes of an object, or of a range of it.
   *
   * Lazy: nothing happens before the first pull. Then a missing object is `not-found`, and a range that does not lie
   * within the object `invalid-range`. A body that ends too early is an error (`short-body`), never a silent end. When
   * the object is replaced meanwhile, the old bytes come to their end or the stream fails; they are never mixed.
   * The stream is read once and may be left early.
   */
  get(key: string, options?: GetOptions): ByteStream

  /** What is known about an object; `undefined` for absence only: any other trouble is an error. */
  stat(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>

  /**
   * All objects in no particular order, each key once, page after page to the end; nothing that is not completely
   * uploaded. An object that is there all the while is listed, whatever is put and deleted meanwhile. A place that does
   * not exist yet lists nothing; a place that cannot be asked is an error.
   *
   * Names that are no valid keys (see {@link keyProblem}), and folders, are not listed: `onForeign` is told of each.
   */
  list(options?: ListOptions): AsyncIterable<ObjectInfo>

  /** Removes an object, for good: no later call shows it. One that is not there is success. */
  delete(key: string, options?: CallOptions): Promise<void>

  /** The space that is used and left, where the service tells; a storage that cannot tell has no such method. */
  usage?(options?: CallOptions): Promise<Usage>

  /** Lets go of everything. May be called again; every other call after it is refused with `closed`. */
  close(): Promise<void>
}

/** `(inner) => outer`: something around a storage that is a storage again. */
export type StorageLayer = (inner: Storage) => Storage

export interface StorageInfo {
  /** Of its URL: `file`, `mf`, `memory`. */
  readonly scheme: string
  /** For people; never shows secrets. */
  readonly display: string
  readonly capabilities: Capabilities
}

export interface Capabilities {
  /** Whether `get` takes a range; if not, one is refused with `unsupported`. */
  readonly ranges: boolean
  /** Whether `put` takes `ifAbsent`; if not, it is refused with `unsupported`. */
  readonly putIfAbsent: boolean
  /** In bytes; a larger source is refused with `too-large` before it is opened. */
  readonly maxObjectSize?: number
  /** Calls that may well overlap; more are allowed and bring nothing. */
  readonly parallel: number
  /** How long, in milliseconds, `list` may still show how things were. `get` and `stat` are never late. */
  readonly listLagMs: number
  /** What `put` likes to be given in `digests`, because the service compares or returns it. */
  readonly digests: readonly DigestName[]
}

export type DigestName = 'md5' | 'sha1' | 'sha256'

/** Lower-case hexadecimal. */
export type Digests = { readonly [name in DigestName]?: string }

export interface ObjectInfo {
  readonly key: string
  /** In bytes. */
  readonly size: number
  /** Milliseconds since 1970, by the storage's clock. */
  readonly modifiedMs?: number
  /** As the service tells them about what it holds; never merely what `put` was given. */
  readonly digests?: Digests
}

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface PutOptions extends CallOptions {
  /** Of the whole source. Where the storage can compare them, a difference is `mismatch` and nothing is stored. */
  readonly digests?: Digests
  /** Refuse with `exists` when there is an object of that name. Of two such puts at once, one wins. */
  readonly ifAbsent?: boolean
  /** Called and forgotten. */
  readonly onProgress?: (progress: PutProgress) => void
}

/**
 * How far a put is: `sent`, up to the size of the source, at the latest when it is complete; then, where the service
 * takes its time, `assembling`; then, where stored bytes were compared, `verified`. A second try starts again at 0.
 */
export interface PutProgress {
  readonly phase: 'sent' | 'assembling' | 'verified'
  readonly bytes: number
}

export interface GetOptions extends CallOptions {
  /** Both edges must lie within the object. */
  readonly range?: ByteRange
}

export interface ListOptions extends CallOptions {
  /** Called with each name that is left out, made fit for a screen. */
  readonly onForeign?: (name: string) => void
}

/** In bytes; what the service does not tell is left out. */
export interface Usage {
  readonly usedBytes?: number
  readonly freeBytes?: number
  readonly totalBytes?: number
}
