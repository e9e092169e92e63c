import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { quoteKey } from './keys.ts'
import { passThrough } from './layered.ts'
import type { StorageLayer } from './storage.ts'
import { StorageError, type StorageOperation, verbOf } from './storage-error.ts'
import { type Clock, monotonicClock, type Sleep, sleep as realSleep, untilAborted } from './waiting.ts'

export interface TimeoutOptions {
  /** How long nothing may move, in milliseconds. */
  readonly stallMs: number
  readonly clock?: Clock
  readonly sleep?: Sleep
}

/**
 * Gives up a call in which nothing moves for `stallMs`: it is aborted, and rejects with `timeout`. Bytes and listed
 * objects that come, bytes of a source that are fetched and progress that is told are movement. Time that the caller
 * takes (between pulls, or to produce the bytes of a put's source) is not counted. However long a call takes, it is left
 * alone as long as something moves.
 *
 * For services. A local file system tells nothing while it flushes to a slow disk.
 */
export function withTimeout(options: TimeoutOptions): StorageLayer {
  if (!(options.stallMs > 0)) throw new RangeError(`Cannot give up after ${options.stallMs} ms`)
  return (inner) => {
    const call = async <T>(
      operation: StorageOperation,
      key: string | undefined,
      signal: AbortSignal | undefined,
      run: (watch: StallWatch) => Promise<T>,
    ): Promise<T> => {
      signal?.throwIfAborted()
      const watch = new StallWatch(operation, key, signal, options)
      try {
        watch.resume()
        return await untilAborted(run(watch), watch.stalled)
      } finally {
        watch.stop()
      }
    }
    const stream = <T>(
      operation: StorageOperation,
      key: string | undefined,
      signal: AbortSignal | undefined,
      open: (signal: AbortSignal) => AsyncIterable<T>,
    ): AsyncIterable<T> => watchedStream(() => new StallWatch(operation, key, signal, options), signal, open)

    return passThrough(inner, {
      put: (key, source, o) =>
        call('put', key, o?.signal, (watch) =>
          inner.put(key, watchedSource(source, watch), {
            ...o,
            signal: watch.signal,
            onProgress: (progress) => {
              watch.moved()
              o?.onProgress?.(progress)
            },
          }),
        ),
      get: (key, o) => stream('get', key, o?.signal, (signal) => inner.get(key, { ...o, signal })),
      stat: (key, o) => call('stat', key, o?.signal, ({ signal }) => inner.stat(key, { ...o, signal })),
      list: (o) => stream('list', undefined, o?.signal, (signal) => inner.list({ ...o, signal })),
      delete: (key, o) => call('delete', key, o?.signal, ({ signal }) => inner.delete(key, { ...o, signal })),
      usage:
        inner.usage === undefined
          ? undefined
          : (o) => call('usage', undefined, o?.signal, ({ signal }) => inner.usage!({ ...o, signal })),
    })
  }
}

/** Counts the time in which nothing moves, with one timer per call however many chunks there are. */
class StallWatch {
  readonly #controller = new AbortController()
  readonly #stalled = new AbortController()
  readonly #finished = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #stallMs: number
  readonly #clock: Clock
  readonly #sleep: Sleep
  readonly #what: { operation: StorageOperation; key?: string }
  readonly #onAbort = (): void => this.#controller.abort(this.#outer?.reason)
  #pauses = 1
  #lastMs = 0
  #watching = false

  constructor(
    operation: StorageOperation,
    key: string | undefined,
    outer: AbortSignal | undefined,
    options: TimeoutOptions,
  ) {
    this.#what = { operation, key }
    this.#stallMs = options.stallMs
    this.#clock = options.clock ?? monotonicClock
    this.#sleep = options.sleep ?? realSleep
    this.#outer = outer
    outer?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** For the inner call: aborted by the caller, or because nothing moved. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Aborted because nothing moved. Only then is the inner call left behind; after the caller's abort it may clean up. */
  get stalled(): AbortSignal {
    return this.#stalled.signal
  }

  moved(): void {
    this.#lastMs = this.#clock()
  }

  /** The caller's turn. */
  pause(): void {
    this.#pauses += 1
  }

  /** The storage's turn; the count begins anew. */
  resume(): void {
    this.#pauses -= 1
    this.moved()
    if (this.#pauses === 0 && !this.#watching) void this.#watch()
  }

  stop(): void {
    this.#finished.abort()
    this.#outer?.removeEventListener('abort', this.#onAbort)
  }

  async #watch(): Promise<void> {
    this.#watching = true
    while (this.#pauses === 0 && !this.#finished.signal.aborted) {
      const leftMs = this.#stallMs - (this.#clock() - this.#lastMs)
      if (leftMs <= 0) {
        this.#giveUp(this.#error())
        break
      }
      try {
        await this.#sleep(leftMs, this.#finished.signal)
      } catch (error) {
        // The call is over and woke us.
        if (!this.#finished.signal.aborted) this.#giveUp(error)
        break
      }
    }
    this.#watching = false
  }

  #giveUp(error: unknown): void {
    this.#controller.abort(error)
    this.#stalled.abort(error)
  }

  #error(): StorageError {
    const { operation, key } = this.#what
    const object = key === undefined ? '' : ` ${quoteKey(key)}`
    const message = `Cannot ${verbOf(operation)}${object}: nothing moved for ${this.#stallMs / 1000} seconds`
    return new StorageError('timeout', message, { operation, key })
  }
}

function watchedSource(source: ByteSource, watch: StallWatch): ByteSource {
  return {
    size: source.size,
    localPath: source.localPath,
    open: (range) => pausedPulls(source.open(range), watch),
  }
}

/** The watch rests while a chunk of the source is waited for. */
async function* pausedPulls(stream: ByteStream, watch: StallWatch): ByteStream {
  const iterator = stream[Symbol.asyncIterator]()
  let over = false
  try {
    for (;;) {
      watch.pause()
      let next: IteratorResult<Uint8Array>
      try {
        next = await iterator.next()
      } catch (error) {
        over = true
        throw error
      } finally {
        watch.resume()
      }
      if (next.done === true) {
        over = true
        return
      }
      yield next.value
    }
  } finally {
    if (!over) await iterator.return?.()
  }
}

async function* watchedStream<T>(
  createWatch: () => StallWatch,
  outer: AbortSignal | undefined,
  open: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncIterable<T> {
  outer?.throwIfAborted()
  const watch = createWatch()
  const iterator = open(watch.signal)[Symbol.asyncIterator]()
  let over = false
  try {
    for (;;) {
      watch.resume()
      const next = await untilAborted(iterator.next(), watch.stalled).finally(() => watch.pause())
      if (next.done === true) {
        over = true
        return
      }
      yield next.value
    }
  } finally {
    watch.stop()
    if (!over) {
      const returned = iterator.return?.()
      // The pull that hangs keeps the iterator from returning, and its error is told already.
      if (watch.stalled.aborted) returned?.catch(() => undefined)
      else await returned
    }
  }
}
