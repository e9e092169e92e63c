import { Caller, type CallerOptions } from '../src/lib/caller.ts'
import type { MediaFireEvent } from '../src/lib/events.ts'
import { MediaFireError } from '../src/lib/media-fire-error.ts'
import { onTestFinished } from 'vitest'

/** A clock that goes on by the pauses that are made, at once. */
export function testClock(startMs = Date.UTC(2026, 0, 5)): {
  now: () => number
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  pauses: number[]
  pass: (ms: number) => void
} {
  let nowMs = startMs
  const pauses: number[] = []
  return {
    now: () => nowMs,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      pauses.push(ms)
      nowMs += ms
      await new Promise((resolve) => setImmediate(resolve))
    },
    pauses,
    pass: (ms) => {
      nowMs += ms
    },
  }
}

export interface TestCaller {
  readonly caller: Caller
  readonly events: MediaFireEvent[]
  readonly clock: ReturnType<typeof testClock>
}

/** A caller of the server, with a clock of its own, that is closed with the test. */
export function callerOf(server: { url: string }, options: CallerOptions = {}): TestCaller {
  const clock = testClock()
  const events: MediaFireEvent[] = []
  const caller = new Caller({
    baseUrl: server.url,
    now: clock.now,
    sleep: clock.sleep,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(() => caller.engine.close())
  return { caller, events, clock }
}

/** The MediaFireError that a promise rejects with; anything else fails the test. */
export async function failureOf(promise: Promise<unknown>): Promise<MediaFireError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof MediaFireError) return error
    throw error
  }
  throw new Error('It has succeeded')
}
