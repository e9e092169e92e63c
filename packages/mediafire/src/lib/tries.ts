import type { ApiCall, Credential, Engine } from './engine.ts'
import { MediaFireError, type MediaFireErrorCode } from './media-fire-error.ts'

/** The first pause after a failure of that kind, in milliseconds; it doubles up to `mostMs`. */
interface Pause {
  readonly firstMs: number
  readonly mostMs: number
  /** Instead of the client's number of tries. */
  readonly tries?: number
}

const usual: Pause = { firstMs: 1000, mostMs: 60_000 }

/** What is tried again, and when (facts: 11.2). A page instead of an answer is not: that would be hammering. */
const pauses: { readonly [code in MediaFireErrorCode]?: Pause } = {
  unreachable: usual,
  timeout: usual,
  stalled: usual,
  malformed: usual,
  server: usual,
  mismatch: usual,
  'rate-limited': { firstMs: 30_000, mostMs: 120_000 },
  // Every second for two minutes.
  busy: { firstMs: 1000, mostMs: 1000, tries: 120 },
}

/** The failures of one call. */
export class Tries {
  readonly #call: ApiCall
  readonly #engine: Engine
  #failures = 0
  #replays = 0

  constructor(call: ApiCall, engine: Engine) {
    this.#call = call
    this.#engine = engine
  }

  /** The number of the try that is under way. */
  get attempt(): number {
    return this.#failures + this.#replays + 1
  }

  /** Returns when it is time for another try; throws the error when there is none. */
  async failed(error: unknown, credential: Pick<Credential, 'replays'>): Promise<void> {
    const { signal, action } = this.#call
    if (!(error instanceof MediaFireError)) throw error
    if (signal?.aborted === true) throw signal.reason
    if (error.code === 'session') {
      if (this.#replays >= credential.replays) throw error
      this.#replays += 1
      this.#engine.onEvent({ type: 'retry', action, failures: this.#failures + this.#replays, delayMs: 0, error })
      return
    }
    const pause = pauses[error.code]
    this.#failures += 1
    if (pause === undefined || error.retry === 'never') throw error
    if (error.outcome === 'unknown' && this.#call.repeatable !== true) throw error
    if (this.#failures >= (pause.tries ?? this.#engine.tries)) throw error
    const askedMs = error.retryAfterMs ?? 0
    if (askedMs > this.#engine.maxRetryAfterMs) throw error
    const ownMs = Math.min(pause.firstMs * 2 ** (this.#failures - 1), pause.mostMs)
    // What the server asks for is kept to; our own guess is spread, so that many clients do not come back together.
    const delayMs = Math.round(
      askedMs > 0 ? askedMs + this.#engine.random() * 1000 : ownMs * (0.75 + this.#engine.random() / 2),
    )
    this.#engine.onEvent({ type: 'retry', action, failures: this.#failures, delayMs, error })
    await this.#engine.sleep(delayMs, signal)
  }
}
