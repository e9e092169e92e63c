/** The time of day, in milliseconds since 1970. */
export type Now = () => number

/** Waits; rejects with the signal's reason when that is aborted. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>

// Longer timers fire at once in Node.
const longestTimerMs = 2_147_483_647

export const realSleep: Sleep = (ms, signal) =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(reasonOf(signal))
      return
    }
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      Math.min(Math.max(ms, 0), longestTimerMs),
    )
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(reasonOf(signal!))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })

/** The reason as something to throw: whatever the one who aborted gave. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason as Error
}

/** Resolves as the promise does, or rejects with the signal's reason, whichever comes first. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reasonOf(signal))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

export interface WatchOptions {
  /** How long nothing may move. */
  readonly idleMs: number
  readonly signal?: AbortSignal
  /** What to abort with. */
  readonly late: () => Error
}

/**
 * Aborts `signal` when it was not touched for too long, or when the outer signal is aborted. Always `stop()` it.
 * By real time, whatever clock the client was given: a connection that stands still does so in no other.
 */
export class Watch {
  readonly #controller = new AbortController()
  readonly #ended = new AbortController()
  readonly #options: WatchOptions
  readonly #onAbort: () => void
  #touchedMs: number
  #paused = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#touchedMs = performance.now()
    this.#onAbort = () => this.#controller.abort(reasonOf(options.signal!))
    if (options.signal?.aborted) this.#onAbort()
    else options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    void this.#run()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#controller.abort(reason)
  }

  touch(): void {
    this.#touchedMs = performance.now()
    this.#paused = false
  }

  /** Until it is touched nothing is late: others have the bytes. */
  pause(): void {
    this.#paused = true
  }

  stop(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#ended.abort()
  }

  async #run(): Promise<void> {
    const { idleMs, late } = this.#options
    for (;;) {
      const left = this.#paused ? idleMs : this.#touchedMs + idleMs - performance.now()
      if (left <= 0) break
      try {
        await realSleep(left, this.#ended.signal)
      } catch {
        // Stopped: what was watched is over.
        return
      }
    }
    this.#controller.abort(late())
  }
}
