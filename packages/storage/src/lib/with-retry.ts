import { type ByteStream, concat, equalBytes } from '@coalmine/bytes'
import { passThrough } from './layered.ts'
import { quoteKey } from './keys.ts'
import type { GetOptions, ListOptions, ObjectInfo, Storage, StorageLayer } from './storage.ts'
import { type Retry, StorageError, type StorageOperation } from './storage-error.ts'
import type { RetryEvent } from './storage-event.ts'
import { type Sleep, sleep as realSleep } from './waiting.ts'

export interface RetryOptions {
  /** Tries per call, the first one included; 5 by default. */
  readonly tries?: number
  /**
   * The pause before another try, in milliseconds; 1 s, 2 s, 4 s … up to a minute by default. There is none after a first
   * failure whose `retry` is `now`, and a longer one where the service asks for it.
   */
  readonly delayMs?: number | ((failures: number, error: unknown) => number)
  /** When the service asks to wait longer than this, the call fails instead; 5 minutes by default. */
  readonly maxDelayMs?: number
  readonly sleep?: Sleep
  readonly onEvent?: (event: RetryEvent) => void
}

/**
 * Tries again what failed with a `retry` of `now` or `later`. Errors that do not say so, such as those of a put's
 * source, come out at once.
 *
 * - A put sends its source from the beginning. A put with `ifAbsent` may report `exists` because of its own earlier try,
 *   whose answer was lost: nothing can tell the two apart.
 * - A get goes on at the byte it had reached, or begins again and passes over what was handed on already where the
 *   storage has no ranges. The last bytes handed on are compared with what comes then: an object that was replaced in
 *   between is `mismatch`, never half of each.
 * - A list begins again and leaves out what it has shown.
 */
export function withRetry(options: RetryOptions = {}): StorageLayer {
  const { tries = 5 } = options
  if (!(Number.isSafeInteger(tries) && tries >= 1)) throw new RangeError(`Cannot try ${tries} times`)
  return (inner) => {
    const call = async <T>(
      operation: StorageOperation,
      key: string | undefined,
      signal: AbortSignal | undefined,
      run: () => Promise<T>,
    ): Promise<T> => {
      const attempts = new Attempts(operation, key, signal, options)
      for (;;) {
        try {
          return await run()
        } catch (error) {
          await attempts.failed(error)
        }
      }
    }
    return passThrough(inner, {
      put: (key, source, o) => call('put', key, o?.signal, () => inner.put(key, source, o)),
      get: (key, o = {}) => retriedGet(inner, key, o, new Attempts('get', key, o.signal, options)),
      stat: (key, o) => call('stat', key, o?.signal, () => inner.stat(key, o)),
      list: (o = {}) => retriedList(inner, o, new Attempts('list', undefined, o.signal, options)),
      delete: (key, o) => call('delete', key, o?.signal, () => inner.delete(key, o)),
      usage: inner.usage === undefined ? undefined : (o) => call('usage', undefined, o?.signal, () => inner.usage!(o)),
    })
  }
}

/** The failures of one call. */
class Attempts {
  readonly #operation: StorageOperation
  readonly #key: string | undefined
  readonly #signal: AbortSignal | undefined
  readonly #options: RetryOptions
  #failures = 0

  constructor(
    operation: StorageOperation,
    key: string | undefined,
    signal: AbortSignal | undefined,
    options: RetryOptions,
  ) {
    this.#operation = operation
    this.#key = key
    this.#signal = signal
    this.#options = options
  }

  /** Returns when it is time for another try; throws the error when there is none. */
  async failed(error: unknown): Promise<void> {
    const { tries = 5, maxDelayMs = 300_000, sleep = realSleep, onEvent } = this.#options
    const { retry, retryAfterMs } = hintsOf(error)
    this.#failures += 1
    if (retry === 'never' || this.#signal?.aborted === true || this.#failures >= tries) throw error
    if (retryAfterMs > maxDelayMs) throw error
    const delayMs = Math.max(retry === 'now' && this.#failures === 1 ? 0 : this.#pauseMs(error), retryAfterMs)
    const failures = this.#failures
    onEvent?.({ type: 'retry', operation: this.#operation, key: this.#key, failures, tries, delayMs, error })
    if (delayMs > 0) await sleep(delayMs, this.#signal)
  }

  #pauseMs(error: unknown): number {
    const { delayMs = (failures: number) => Math.min(1000 * 2 ** (failures - 1), 60_000) } = this.#options
    return typeof delayMs === 'number' ? delayMs : delayMs(this.#failures, error)
  }
}

/** By shape, not by class: a backend may have brought its own copy of this package. */
function hintsOf(error: unknown): { retry: Retry; retryAfterMs: number } {
  const { retry, retryAfterMs } = (error ?? {}) as { retry?: unknown; retryAfterMs?: unknown }
  return {
    retry: retry === 'now' || retry === 'later' ? retry : 'never',
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : 0,
  }
}

// Enough that another object hardly ends the same at that place, little enough to fetch again.
const tailBytes = 1024

async function* retriedGet(inner: Storage, key: string, options: GetOptions, attempts: Attempts): ByteStream {
  let got = 0
  let tail: Uint8Array = new Uint8Array(0)
  for (;;) {
    try {
      const stream = got === 0 ? inner.get(key, options) : resume(inner, key, options, got, tail)
      for await (const chunk of stream) {
        got += chunk.length
        tail = chunk.length < tailBytes ? concat([tail, chunk]).slice(-tailBytes) : chunk.slice(-tailBytes)
        yield chunk
      }
      return
    } catch (error) {
      await attempts.failed(error)
    }
  }
}

/** What comes after the first `got` bytes, once those before it have proved to be the same as then. */
async function* resume(inner: Storage, key: string, options: GetOptions, got: number, tail: Uint8Array): ByteStream {
  const start = options.range?.start ?? 0
  const { ranges } = inner.info.capabilities
  const range = ranges ? { start: start + got - tail.length, end: options.range?.end } : undefined
  let skip = ranges ? 0 : got - tail.length
  let expected = tail
  try {
    for await (const chunk of inner.get(key, { ...options, range })) {
      const skipped = Math.min(skip, chunk.length)
      skip -= skipped
      const compared = Math.min(expected.length, chunk.length - skipped)
      const piece = chunk.subarray(skipped, skipped + compared)
      if (!equalBytes(piece, expected.subarray(0, compared))) throw changedError(key)
      expected = expected.subarray(compared)
      if (skipped + compared < chunk.length) yield chunk.subarray(skipped + compared)
    }
  } catch (error) {
    // The same range was within the object before.
    if (error instanceof Error && 'code' in error && error.code === 'invalid-range') throw changedError(key, error)
    throw error
  }
  if (skip > 0 || expected.length > 0) throw changedError(key)
}

function changedError(key: string, cause?: unknown): StorageError {
  const message = `Cannot get ${quoteKey(key)}: the object was replaced while it was read`
  return new StorageError('mismatch', message, { operation: 'get', key, retry: 'never', cause })
}

async function* retriedList(inner: Storage, options: ListOptions, attempts: Attempts): AsyncIterable<ObjectInfo> {
  const shown = new Set<string>()
  const foreign = new Set<string>()
  const onForeign = (name: string): void => {
    if (foreign.has(name)) return
    foreign.add(name)
    options.onForeign?.(name)
  }
  for (;;) {
    try {
      for await (const info of inner.list({ ...options, onForeign })) {
        if (shown.has(info.key)) continue
        shown.add(info.key)
        yield info
      }
      return
    } catch (error) {
      await attempts.failed(error)
    }
  }
}
