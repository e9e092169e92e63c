import { MediaFireError, type MediaFireErrorCode } from '@coalmine/mediafire'
import {
  quoteKey,
  type Retry,
  StorageError,
  type StorageErrorCode,
  type StorageOperation,
  verbOf,
} from '@coalmine/storage'

/** What a call was about when the service failed. */
export interface Attempt {
  readonly operation: StorageOperation
  readonly key?: string
  readonly display: string
}

const codes: { readonly [code in MediaFireErrorCode]?: StorageErrorCode } = {
  unreachable: 'unavailable',
  malformed: 'unavailable',
  'rate-limited': 'unavailable',
  server: 'unavailable',
  busy: 'unavailable',
  session: 'unavailable',
  bandwidth: 'unavailable',
  'bot-challenge': 'unavailable',
  captcha: 'unavailable',
  'expired-link': 'unavailable',
  timeout: 'timeout',
  stalled: 'timeout',
  credentials: 'denied',
  application: 'denied',
  locked: 'denied',
  unverified: 'denied',
  terms: 'denied',
  denied: 'denied',
  'storage-full': 'no-space',
  'too-large': 'too-large',
  'not-found': 'not-found',
  exists: 'exists',
  mismatch: 'mismatch',
  'bad-source': 'bad-source',
  closed: 'closed',
}

/**
 * These last for longer than pauses between tries are: a page that asks for a browser comes again and again while somebody
 * knocks, the traffic of an account is measured by the day, a lock lasts ten minutes and grows with each login.
 */
const hopeless = new Set<MediaFireErrorCode>(['bot-challenge', 'captcha', 'bandwidth', 'locked'])

/** An error of the client as one of the storage. What is none of the client's comes out as it is. */
export function storageFailure(attempt: Attempt, cause: unknown): unknown {
  if (!(cause instanceof MediaFireError)) return cause
  const { code, retryAfterMs } = cause
  return storageError(attempt, codes[code] ?? 'failed', reasonOf(cause), {
    retry: hopeless.has(code) ? 'never' : cause.retry,
    retryAfterMs,
    cause,
  })
}

/** `Cannot put "key" in mf://Folder: reason`. */
export function storageError(
  attempt: Attempt,
  code: StorageErrorCode,
  reason: string,
  options: { cause?: unknown; retry?: Retry; retryAfterMs?: number } = {},
): StorageError {
  const { operation, key, display } = attempt
  const what = key === undefined ? display : `${quoteKey(key)} in ${display}`
  return new StorageError(code, `Cannot ${verbOf(operation)} ${what}: ${reason}`, { operation, key, ...options })
}

/** The part of the client's sentence that says how things are. */
export function reasonOf({ message, attempted }: MediaFireError): string {
  const start = `Cannot ${attempted}: `
  return message.startsWith(start) ? message.slice(start.length) : message
}

/** Whether it is the client's word for absence. */
export function isAbsence(error: unknown): boolean {
  return error instanceof MediaFireError && (error.code === 'not-found' || error.code === 'deleted')
}
