export type {
  CallOptions,
  Capabilities,
  DigestName,
  Digests,
  GetOptions,
  ListOptions,
  ObjectInfo,
  PutOptions,
  PutProgress,
  Storage,
  StorageInfo,
  StorageLayer,
  Usage,
} from './lib/storage.ts'
export {
  type Retry,
  StorageError,
  type StorageErrorCode,
  type StorageErrorOptions,
  type StorageOperation,
  verbOf,
} from './lib/storage-error.ts'
export { keyProblem, quoteKey, temporaryPrefix } from './lib/keys.ts'
export {
  closedError,
  existsError,
  invalidKeyError,
  notFoundError,
  requireKey,
  requireRange,
  requireSize,
} from './lib/refusals.ts'
export { bodyBytes, type BodyBytesOptions, sourceBytes, type SourceBytesOptions } from './lib/exact-bytes.ts'
export { type Clock, type Sleep, untilAborted } from './lib/waiting.ts'
export { createMemoryStorage, type MemoryObject, type MemoryStorageOptions } from './lib/memory-storage.ts'
export { layered, passThrough } from './lib/layered.ts'
export { type RetryOptions, withRetry } from './lib/with-retry.ts'
export { type TimeoutOptions, withTimeout } from './lib/with-timeout.ts'
export { type ConcurrencyOptions, withConcurrency } from './lib/with-concurrency.ts'
export { type ThrottleOptions, withThrottle } from './lib/with-throttle.ts'
export { type EventsOptions, withEvents } from './lib/with-events.ts'
export type { BeginEvent, EndEvent, FailEvent, ProgressEvent, RetryEvent, StorageEvent } from './lib/storage-event.ts'
export { displayUrl, parseStorageUrl, type StorageUrl } from './lib/storage-url.ts'
export { createRegistry, type OpenContext, type StorageFactory, type StorageRegistry } from './lib/registry.ts'
