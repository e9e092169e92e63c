import { Session } from 'node:inspector'
import type { Profiler } from 'node:inspector'

/**
 * Which blocks of the packages' code have run, told by V8 itself. Only code that is loaded after {@link Coverage.start}
 * is seen block by block.
 */
export class Coverage {
  readonly #session = new Session()
  readonly #seen = new Set<string>()

  static start(): Coverage {
    const coverage = new Coverage()
    coverage.#session.connect()
    coverage.#post('Profiler.enable')
    coverage.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    return coverage
  }

  /** How many blocks have been seen. */
  get blocks(): number {
    return this.#seen.size
  }

  /** Blocks that ran since the last call, and never before it. */
  takeNew(): string[] {
    const fresh: string[] = []
    for (const block of this.takeAll()) {
      if (this.#seen.has(block)) continue
      this.#seen.add(block)
      fresh.push(block)
    }
    return fresh
  }

  /** Blocks that ran since the last call. */
  takeAll(): string[] {
    const { result } = this.#post('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType
    const blocks: string[] = []
    for (const { url, functions } of result) {
      if (!/\/(?:packages|apps)\/[^/]+\/src\//.test(url)) continue
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) blocks.push(`${url} ${startOffset} ${endOffset}`)
        }
      }
    }
    return blocks
  }

  #post(method: string, params: object = {}): object {
    let answer: { error: Error | null; result?: object } | undefined
    this.#session.post(method, params, (error, result) => {
      answer = { error, result }
    })
    // V8 answers while it is asked.
    if (answer === undefined || answer.error !== null) throw answer?.error ?? new Error(`Cannot ask V8 for ${method}`)
    return answer.result ?? {}
  }
}
