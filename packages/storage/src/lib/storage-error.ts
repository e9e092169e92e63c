/**
 * What is the case:
 * - `not-found`: no such object
 * - `exists`: there is one, and `ifAbsent` was said
 * - `denied`: no permission, wrong credentials, a read-only place
 * - `no-space`: the place is full, or its quota is
 * - `too-large`: a single object may not be that large
 * - `invalid-key`, `invalid-range`, `invalid-url`, `unknown-scheme`: the argument is not usable
 * - `bad-source`: the source of a put has fewer or more bytes than its size
 * - `short-body`: the bytes of an object ended too early
 * - `mismatch`: what is stored, or came back, is not what was sent
 * - `timeout`: nothing moved for too long
 * - `unavailable`: the service does not answer, or says that it is busy
 * - `unsupported`: this storage cannot do that
 * - `closed`: the storage was closed before
 * - `failed`: anything else
 */
export type StorageErrorCode =
  | 'not-found'
  | 'exists'
  | 'denied'
  | 'no-space'
  | 'too-large'
  | 'invalid-key'
  | 'invalid-range'
  | 'invalid-url'
  | 'unknown-scheme'
  | 'bad-source'
  | 'short-body'
  | 'mismatch'
  | 'timeout'
  | 'unavailable'
  | 'unsupported'
  | 'closed'
  | 'failed'

export type StorageOperation = 'open' | 'put' | 'get' | 'stat' | 'list' | 'delete' | 'usage' | 'close'

const verbs: { readonly [operation in StorageOperation]: string } = {
  open: 'open',
  put: 'put',
  get: 'get',
  stat: 'look up',
  list: 'list',
  delete: 'delete',
  usage: 'measure',
  close: 'close',
}

/** What a call was about to do, for a sentence that begins with "Cannot". */
export function verbOf(operation: StorageOperation): string {
  return verbs[operation]
}

/** Whether the same call can succeed: at once, after a pause, or not at all. */
export type Retry = 'now' | 'later' | 'never'

const usualRetry: { readonly [code in StorageErrorCode]?: Retry } = {
  'short-body': 'now',
  mismatch: 'now',
  timeout: 'now',
  unavailable: 'later',
}

export interface StorageErrorOptions {
  readonly operation: StorageOperation
  readonly key?: string
  /** By default `now` for `short-body`, `mismatch` and `timeout`, `later` for `unavailable`, `never` for the others. */
  readonly retry?: Retry
  /** What the service asked to wait, in milliseconds. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** The one error of storages. Its message is a sentence for people, without secrets. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  readonly operation: StorageOperation
  readonly key?: string
  readonly retry: Retry
  /** What the service asked to wait, in milliseconds. */
  readonly retryAfterMs?: number

  constructor(code: StorageErrorCode, message: string, options: StorageErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.operation = options.operation
    this.key = options.key
    this.retry = options.retry ?? usualRetry[code] ?? 'never'
    this.retryAfterMs = options.retryAfterMs
  }
}
