import type { Sleep } from '../src/index.ts'

/** Time that passes when a test says so. */
export function createVirtualTime() {
  let nowMs = 0
  const sleepers = new Set<{ atMs: number; wake: () => void }>()
  const sleep: Sleep = (ms, signal) =>
    new Promise((resolve, reject) => {
      const sleeper = { atMs: nowMs + ms, wake: resolve }
      sleepers.add(sleeper)
      const onAbort = (): void => {
        sleepers.delete(sleeper)
        reject(signal!.reason as Error)
      }
      if (signal?.aborted) onAbort()
      else signal?.addEventListener('abort', onAbort, { once: true })
    })
  return {
    clock: () => nowMs,
    sleep,
    get sleepers() {
      return sleepers.size
    },
    /** Lets everything happen that can, then the time pass, waking sleepers in their order. */
    async advance(ms: number): Promise<void> {
      const untilMs = nowMs + ms
      await settle()
      for (;;) {
        const due = [...sleepers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
        if (due === undefined) break
        sleepers.delete(due)
        nowMs = Math.max(nowMs, due.atMs)
        due.wake()
        await settle()
      }
      nowMs = untilMs
      await settle()
    },
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A promise and its end. */
export function outcome<T>(promise: Promise<T>) {
  const state: { value?: T; error?: unknown; over: boolean } = { over: false }
  promise.then(
    (value) => Object.assign(state, { value, over: true }),
    (error: unknown) => Object.assign(state, { error, over: true }),
  )
  return state
}
