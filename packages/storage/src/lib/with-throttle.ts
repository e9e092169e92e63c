import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { passThrough } from './layered.ts'
import type { StorageLayer } from './storage.ts'
import { type Clock, monotonicClock, type Sleep, sleep as realSleep } from './waiting.ts'

export interface ThrottleOptions {
  /** Bytes per second of all puts together; unlimited by default. */
  readonly upBytesPerSecond?: number
  /** Bytes per second of all gets together; unlimited by default. */
  readonly downBytesPerSecond?: number
  readonly clock?: Clock
  readonly sleep?: Sleep
}

/** Keeps the rate at which object bytes go and come. What else a service sends and is sent is not counted. */
export function withThrottle(options: ThrottleOptions): StorageLayer {
  const { upBytesPerSecond, downBytesPerSecond, clock = monotonicClock, sleep = realSleep } = options
  const up = upBytesPerSecond === undefined ? undefined : new Meter(upBytesPerSecond, clock, sleep)
  const down = downBytesPerSecond === undefined ? undefined : new Meter(downBytesPerSecond, clock, sleep)
  return (inner) =>
    passThrough(inner, {
      put: (key, source, o) => inner.put(key, up === undefined ? source : meteredSource(source, up, o?.signal), o),
      get: (key, o) => (down === undefined ? inner.get(key, o) : down.stream(inner.get(key, o), o?.signal)),
    })
}

/** Without `localPath`: whoever copies the file instead would know no rate. */
function meteredSource(source: ByteSource, meter: Meter, signal: AbortSignal | undefined): ByteSource {
  return { size: source.size, open: (range) => meter.stream(source.open(range), signal) }
}

// Pauses below this are saved up: timers are not more exact.
const shortestPauseMs = 5

class Meter {
  readonly #bytesPerSecond: number
  readonly #clock: Clock
  readonly #sleep: Sleep
  #freeAtMs = 0

  constructor(bytesPerSecond: number, clock: Clock, sleep: Sleep) {
    if (!(bytesPerSecond > 0)) throw new RangeError(`Cannot move ${bytesPerSecond} bytes per second`)
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
    this.#sleep = sleep
  }

  /** The stream at the meter's rate, in pieces of about a tenth of a second: a slow line flows instead of jerking. */
  async *stream(stream: ByteStream, signal: AbortSignal | undefined): ByteStream {
    const pieceBytes = Math.max(4096, Math.ceil(this.#bytesPerSecond / 10))
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        const piece = chunk.length <= pieceBytes ? chunk : chunk.subarray(at, at + pieceBytes)
        await this.#pass(piece.length, signal)
        yield piece
      }
    }
  }

  /** Waits until the bytes before these have had their time. */
  async #pass(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const nowMs = this.#clock()
    const fromMs = Math.max(nowMs, this.#freeAtMs)
    this.#freeAtMs = fromMs + (bytes * 1000) / this.#bytesPerSecond
    if (fromMs - nowMs >= shortestPauseMs) await this.#sleep(fromMs - nowMs, signal)
  }
}
