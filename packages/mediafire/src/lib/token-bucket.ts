import type { Now, Sleep } from './waiting.ts'

/** Lets `perSecond` calls through on average, `burst` of them at once; in the order in which they came. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  readonly #now: Now
  readonly #sleep: Sleep
  /** When the bucket would be empty; in the past by at most what it takes to fill it. */
  #emptyAtMs: number

  constructor(options: { perSecond: number; burst: number; now: Now; sleep: Sleep }) {
    if (!(options.perSecond > 0)) throw new RangeError(`Cannot make ${options.perSecond} calls per second`)
    if (!(options.burst >= 1)) throw new RangeError(`Cannot make ${options.burst} calls at once`)
    this.#perSecond = options.perSecond
    this.#burst = options.burst
    this.#now = options.now
    this.#sleep = options.sleep
    this.#emptyAtMs = Number.NEGATIVE_INFINITY
  }

  async take(signal?: AbortSignal): Promise<void> {
    const eachMs = 1000 / this.#perSecond
    const nowMs = this.#now()
    this.#emptyAtMs = Math.max(this.#emptyAtMs, nowMs - this.#burst * eachMs) + eachMs
    const waitMs = this.#emptyAtMs - nowMs
    if (waitMs > 0) await this.#sleep(waitMs, signal)
  }
}
