import { setImmediate } from 'node:timers/promises'
import * as fc from 'fast-check'
import { createRandom, type Random } from '@coalmine/fixtures/random'
import type { Coverage } from './coverage.ts'
import { mutate } from './mutate.ts'
import { minimise } from './minimise.ts'
import { isHere } from './program.ts'
import type { Outcome, Target } from './target.ts'

/** What to try with a target. */
export interface Order {
  readonly target: string
  /** Tried first, all of them. */
  readonly corpus: readonly Uint8Array[]
  /** Tried next, the short ones first: those that run blocks which nothing before ran are in the report. */
  readonly candidates?: readonly Uint8Array[]
  /** How long mutants of them are tried after that. */
  readonly mutateMs: number
  readonly seed: number
  /** Ask other programs, where they are there. */
  readonly judge: boolean
  /** An input that takes more processor time than this, three times in a row, is a finding. No limit by default. */
  readonly slowMs?: number
}

export interface Found {
  readonly kind: 'error' | 'memory' | 'slow' | 'judge' | 'hang' | 'crash'
  readonly message: string
  readonly input: Uint8Array
}

export interface Report {
  readonly executions: number
  readonly accepted: number
  readonly judged: number
  readonly milliseconds: number
  readonly findings: readonly Found[]
  /** Blocks of code that ran; 0 when nobody looked. */
  readonly blocks: number
  /** Inputs that ran blocks which nothing in the corpus had run. */
  readonly grown: readonly Uint8Array[]
}

export interface Surroundings {
  /** Called before each input. */
  readonly onInput: (input: Uint8Array) => void
  /** Counts what is allocated. */
  readonly allocations: { readonly bytes: number }
  readonly coverage?: Coverage
  readonly onProgress?: (executions: number, blocks: number) => void
}

const enoughFindings = 5
const batchInputs = 16

/** Tries a corpus and mutants of it; what must not be is told, once for each kind of it. */
export async function work(target: Target, order: Order, surroundings: Surroundings): Promise<Report> {
  const run = new Run(target, order, surroundings)
  await run.replay()
  await run.distil()
  await run.mutants()
  return run.report()
}

class Run {
  readonly #target: Target
  readonly #order: Order
  readonly #surroundings: Surroundings
  readonly #random: Random
  readonly #tokens: readonly Uint8Array[]
  readonly #corpus: Uint8Array[]
  readonly #grown: Uint8Array[] = []
  readonly #judges: boolean
  readonly #findings = new Map<string, Found>()
  readonly #startMs = performance.now()
  #sampled: Uint8Array[] = []
  #executions = 0
  #accepted = 0
  #judged = 0
  #toldMs = performance.now()

  constructor(target: Target, order: Order, surroundings: Surroundings) {
    this.#target = target
    this.#order = order
    this.#surroundings = surroundings
    this.#random = createRandom(`fuzz ${target.name} ${order.seed}`)
    this.#tokens = (target.tokens ?? []).map((token) => (typeof token === 'string' ? Buffer.from(token) : token))
    this.#corpus = order.corpus.map((input) => input.subarray(0, target.maxBytes))
    this.#judges = order.judge && (target.judge?.needs ?? []).every((program) => isHere(program))
  }

  async replay(): Promise<void> {
    for (const input of [new Uint8Array(0), ...this.#corpus]) await this.#try(input, true)
    this.#surroundings.coverage?.takeNew()
  }

  async distil(): Promise<void> {
    const { coverage } = this.#surroundings
    const { candidates = [] } = this.#order
    for (const input of candidates.toSorted((a, b) => a.length - b.length)) {
      await this.#try(input, false)
      if (coverage !== undefined && coverage.takeNew().length > 0) this.#grown.push(input)
    }
  }

  async mutants(): Promise<void> {
    const untilMs = performance.now() + this.#order.mutateMs
    while (performance.now() < untilMs && this.#findings.size < enoughFindings) {
      const batch: Uint8Array[] = []
      while (batch.length < batchInputs) {
        const input = this.#next()
        batch.push(input)
        await this.#try(input, false)
      }
      await this.#grow(batch)
      this.#tell()
      // Messages go out and signals come in between batches.
      await setImmediate()
    }
  }

  report(): Report {
    return {
      executions: this.#executions,
      accepted: this.#accepted,
      judged: this.#judged,
      milliseconds: performance.now() - this.#startMs,
      findings: [...this.#findings.values()],
      blocks: this.#surroundings.coverage?.blocks ?? 0,
      grown: this.#grown,
    }
  }

  #next(): Uint8Array {
    const { maxBytes, mend } = this.#target
    if (this.#random.integer(0, 15) === 0) return this.#arbitrary()
    const parent = this.#corpus[this.#random.integer(0, Math.max(0, this.#corpus.length - 1))] ?? this.#arbitrary()
    const mutant = mutate(parent, { random: this.#random, corpus: this.#corpus, tokens: this.#tokens, maxBytes })
    if (mend !== undefined && this.#random.integer(0, 1) === 0) mend(mutant)
    return mutant
  }

  #arbitrary(): Uint8Array {
    if (this.#sampled.length === 0) {
      const { arbitrary, maxBytes } = this.#target
      const anything = fc.uint8Array({ maxLength: Math.min(maxBytes, 2000) })
      const source =
        arbitrary === undefined ? anything : fc.oneof({ weight: 3, arbitrary }, { weight: 1, arbitrary: anything })
      this.#sampled = fc.sample(source, { numRuns: 50, seed: this.#random.integer(0, 2 ** 31 - 1) })
    }
    return this.#sampled.pop()!.subarray(0, this.#target.maxBytes)
  }

  /** Keeps what ran new blocks, as a parent of further mutants. */
  async #grow(batch: readonly Uint8Array[]): Promise<void> {
    const { coverage } = this.#surroundings
    if (coverage === undefined) return
    const fresh = new Set(coverage.takeNew())
    for (const input of batch) {
      if (fresh.size === 0) return
      // What was thrown has been told.
      const outcome = await this.#run(input).catch(() => ({ accepted: false }))
      const ran = coverage.takeAll().filter((block) => fresh.delete(block))
      if (ran.length === 0) continue
      this.#corpus.push(input)
      this.#grown.push(input)
      await this.#ask(input, outcome)
    }
  }

  async #try(input: Uint8Array, ask: boolean): Promise<void> {
    const before = this.#surroundings.allocations.bytes
    const cpu = process.cpuUsage()
    let outcome: Outcome
    try {
      outcome = await this.#run(input)
    } catch (error) {
      return await this.#failed(input, error)
    }
    if (outcome.accepted) this.#accepted += 1
    const allocated = this.#surroundings.allocations.bytes - before
    if (allocated > this.#allowed(input, outcome)) this.#tooMuch(input, outcome, allocated)
    const { slowMs } = this.#order
    if (slowMs !== undefined && milliseconds(process.cpuUsage(cpu)) > slowMs) await this.#confirmSlow(input, slowMs)
    if (ask) await this.#ask(input, outcome)
  }

  async #run(input: Uint8Array): Promise<Outcome> {
    this.#executions += 1
    this.#surroundings.onInput(input)
    return await this.#target.run(input)
  }

  async #ask(input: Uint8Array, outcome: Outcome): Promise<void> {
    const { judge } = this.#target
    if (judge === undefined || !this.#judges || !(outcome.accepted || judge.sees === 'all')) return
    this.#judged += 1
    try {
      await judge.check(input)
    } catch (error) {
      this.#note('judge', textOf(error), input)
    }
  }

  async #failed(input: Uint8Array, error: unknown): Promise<void> {
    const message = textOf(error)
    const kind = kindOf(message)
    if (this.#findings.has(kind)) return
    const same = async (candidate: Uint8Array) => {
      try {
        await this.#run(candidate)
        return false
      } catch (other) {
        return kindOf(textOf(other)) === kind
      }
    }
    this.#note('error', message, await minimise(input, same))
  }

  #allowed(input: Uint8Array, { outputBytes = 0 }: Outcome): number {
    const { base, perByte } = this.#target.memory ?? { base: 1 << 20, perByte: 32 }
    return base + perByte * (input.length + outputBytes)
  }

  #tooMuch(input: Uint8Array, outcome: Outcome, allocated: number): void {
    const allowed = this.#allowed(input, outcome)
    this.#note('memory', `It allocated ${allocated} bytes; ${allowed} are allowed for ${input.length}`, input)
  }

  async #confirmSlow(input: Uint8Array, slowMs: number): Promise<void> {
    let least = Number.POSITIVE_INFINITY
    for (let time = 0; time < 3; time++) {
      const cpu = process.cpuUsage()
      await this.#run(input)
      least = Math.min(least, milliseconds(process.cpuUsage(cpu)))
    }
    if (least > slowMs) this.#note('slow', `It took ${Math.round(least)} ms for ${input.length} bytes`, input)
  }

  #note(kind: Found['kind'], message: string, input: Uint8Array): void {
    const key = kindOf(`${kind} ${message}`)
    if (!this.#findings.has(key)) this.#findings.set(key, { kind, message, input: new Uint8Array(input) })
  }

  #tell(): void {
    const nowMs = performance.now()
    if (nowMs - this.#toldMs < 1000) return
    this.#toldMs = nowMs
    this.#surroundings.onProgress?.(this.#executions, this.#surroundings.coverage?.blocks ?? 0)
  }
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} ${String(error)}`
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [`${error.name}: ${error.message}`, ...frames.slice(0, 6)].join('\n')
}

/** Findings that differ in numbers and quoted values alone are one. */
function kindOf(message: string): string {
  return message
    .replaceAll(/"[^"]*"|\d+/g, '#')
    .split('\n')
    .slice(0, 3)
    .join('\n')
}
