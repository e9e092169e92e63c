/** Waits; rejects with the signal's reason when that is aborted. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>

/** Milliseconds that only ever grow; not the time of day. */
export type Clock = () => number

export const monotonicClock: Clock = () => performance.now()

// Longer timers fire at once in Node.
const longestTimerMs = 2_147_483_647

export const sleep: Sleep = (ms, signal) =>
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
