import type { ByteRange, ByteSource } from '@coalmine/bytes'
import { keyProblem, quoteKey } from './keys.ts'
import { StorageError, type StorageOperation, verbOf } from './storage-error.ts'

// What every backend refuses, in the same words everywhere.

/** For backends: the first thing in every call. @throws StorageError `invalid-key` */
export function requireKey(operation: StorageOperation, key: string): void {
  const problem = keyProblem(key)
  if (problem !== undefined) throw invalidKeyError(operation, key, problem)
}

/** For backends whose service takes fewer names than `keyProblem` does. `problem` ends the sentence. */
export function invalidKeyError(operation: StorageOperation, key: string, problem: string): StorageError {
  return new StorageError('invalid-key', `Cannot ${verbOf(operation)} ${quoteKey(key)}: ${problem}`, { operation, key })
}

/**
 * For backends: the edges of a range within an object.
 *
 * @throws StorageError `invalid-range` when it does not lie within `size` bytes.
 */
export function requireRange(range: ByteRange | undefined, size: number, key: string): { start: number; end: number } {
  const start = range?.start ?? 0
  const end = range?.end ?? size
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size) {
    return { start, end }
  }
  const message = `Cannot get bytes ${start} to ${end} of ${quoteKey(key)}: it has ${size}`
  throw new StorageError('invalid-range', message, { operation: 'get', key })
}

/** For backends: a source is no larger than an object may be. @throws StorageError `too-large` */
export function requireSize(source: ByteSource, maxObjectSize: number | undefined, key: string): void {
  if (maxObjectSize === undefined || source.size <= maxObjectSize) return
  const message = `Cannot put ${quoteKey(key)}: it has ${source.size} bytes and ${maxObjectSize} are allowed`
  throw new StorageError('too-large', message, { operation: 'put', key })
}

/** For backends: the object that `get` was asked for is not there. */
export function notFoundError(key: string, display: string, cause?: unknown): StorageError {
  const message = `Cannot get ${quoteKey(key)}: no such object in ${display}`
  return new StorageError('not-found', message, { operation: 'get', key, cause })
}

/** For backends: a put with `ifAbsent`, and there is an object. */
export function existsError(key: string, display: string, cause?: unknown): StorageError {
  const message = `Cannot put ${quoteKey(key)}: ${display} has an object of that name`
  return new StorageError('exists', message, { operation: 'put', key, cause })
}

/** For backends: any call after `close`. */
export function closedError(operation: StorageOperation, key: string | undefined, display: string): StorageError {
  const what = key === undefined ? '' : ` ${quoteKey(key)}`
  return new StorageError('closed', `Cannot ${verbOf(operation)}${what}: ${display} was closed`, { operation, key })
}
