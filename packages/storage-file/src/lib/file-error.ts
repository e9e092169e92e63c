import {
  quoteKey,
  type Retry,
  StorageError,
  type StorageErrorCode,
  type StorageOperation,
  verbOf,
} from '@coalmine/storage'

const codes: { readonly [errno: string]: StorageErrorCode } = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EFBIG: 'too-large',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  EEXIST: 'exists',
  ENAMETOOLONG: 'invalid-key',
  EILSEQ: 'invalid-key',
  // A network file system that is away, a disk that stumbles, a process with too many files open: later may be better.
  EIO: 'unavailable',
  ESTALE: 'unavailable',
  ETIMEDOUT: 'unavailable',
  EHOSTDOWN: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENOTCONN: 'unavailable',
  EBUSY: 'unavailable',
  EAGAIN: 'unavailable',
  EMFILE: 'unavailable',
  ENFILE: 'unavailable',
}

/** What a call was about when an effect failed. */
export interface Attempt {
  readonly operation: StorageOperation
  readonly key?: string
  readonly display: string
}

/** An error of the file system as one of the storage. */
export function fileError(attempt: Attempt, cause: unknown): StorageError {
  const errno = errnoOf(cause)
  const code = codes[errno] ?? 'failed'
  return storageError(attempt, code, `${reasonOf(cause)}${errno === '' ? '' : ` (${errno})`}`, { cause })
}

/** `Cannot put "key" in file:///folder: reason`. */
export function storageError(
  attempt: Attempt,
  code: StorageErrorCode,
  reason: string,
  options: { cause?: unknown; retry?: Retry } = {},
): StorageError {
  const { operation, key, display } = attempt
  const what = key === undefined ? display : `${quoteKey(key)} in ${display}`
  return new StorageError(code, `Cannot ${verbOf(operation)} ${what}: ${reason}`, { operation, key, ...options })
}

export function errnoOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** The words of the system: Node says `ENOSPC: no space left on device, write`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return /^[A-Z0-9]+: (.+?), \w+/.exec(error.message)?.[1] ?? error.message
}
