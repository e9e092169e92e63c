import { passThrough } from './layered.ts'
import type { StorageLayer } from './storage.ts'
import { reasonOf } from './waiting.ts'

export interface ConcurrencyOptions {
  /** Calls that may run at once; at least 1. */
  readonly parallel: number
}

/**
 * Lets at most `parallel` calls run at once; the others wait for their turn, in order. A get or list has a turn for each
 * pull only: one that is open but not read keeps nobody waiting, so that several may be read side by side.
 *
 * The source of a put must not read from the same storage: the put keeps its turn while it waits for its source.
 */
export function withConcurrency(options: ConcurrencyOptions): StorageLayer {
  const { parallel } = options
  if (!(Number.isSafeInteger(parallel) && parallel >= 1)) throw new RangeError(`Cannot run ${parallel} calls at once`)
  return (inner) => {
    const turns = new Turns(parallel)
    const { info } = inner
    const capabilities = { ...info.capabilities, parallel: Math.min(parallel, info.capabilities.parallel) }
    return passThrough(inner, {
      info: { scheme: info.scheme, display: info.display, capabilities },
      put: (key, source, o) => turns.run(o?.signal, () => inner.put(key, source, o)),
      get: (key, o) => turns.stream(o?.signal, () => inner.get(key, o)),
      stat: (key, o) => turns.run(o?.signal, () => inner.stat(key, o)),
      list: (o) => turns.stream(o?.signal, () => inner.list(o)),
      delete: (key, o) => turns.run(o?.signal, () => inner.delete(key, o)),
      usage: inner.usage === undefined ? undefined : (o) => turns.run(o?.signal, () => inner.usage!(o)),
    })
  }
}

class Turns {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number) {
    this.#free = count
  }

  async run<T>(signal: AbortSignal | undefined, job: () => Promise<T>): Promise<T> {
    await this.#take(signal)
    try {
      return await job()
    } finally {
      this.#give()
    }
  }

  async *stream<T>(signal: AbortSignal | undefined, open: () => AsyncIterable<T>): AsyncIterable<T> {
    const iterator = open()[Symbol.asyncIterator]()
    let over = false
    try {
      for (;;) {
        const next = await this.run(signal, () => iterator.next())
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

  #take(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const onTurn = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        this.#waiting.delete(onTurn)
        reject(reasonOf(signal!))
      }
      this.#waiting.add(onTurn)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** A turn that is over goes to the one who has waited longest. */
  #give(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free += 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
