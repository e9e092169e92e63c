import { classHas } from './char-class.ts'
import { finalNewline, LazyAutomaton, type LazyState } from './lazy-automaton.ts'
import { isWord } from './regexp-escape.ts'
import type { Program, Step } from './regexp-program.ts'
import type { Place } from './regexp-syntax.ts'

/** A regular expression after some characters of a name. */
export interface RegexpState extends LazyState<RegexpState> {
  /** The steps it stands before, ascending. */
  readonly steps: readonly number[]
  readonly before: Neighbour
  /** It has matched, whatever comes. */
  readonly matched: boolean
  /** Whether it matches if the name ends here. */
  atEnd: boolean | undefined
}

/** What is to be known of the character beside a place. */
interface Neighbour {
  /** There is none. */
  edge: boolean
  newline: boolean
  /** The line feed that ends the name. */
  last: boolean
  word: boolean
  asciiWord: boolean
}

const newline = 0x0a
const nothing: Neighbour = { edge: true, newline: false, last: false, word: false, asciiWord: false }
const anything: Neighbour = { edge: false, newline: false, last: false, word: false, asciiWord: false }

/**
 * Searches names for a regular expression, as Python's `re.search`: whether, not where. All ways are tried side by side, so
 * the time for a character is at most proportional to the size of the expression, and nearly always one look at a table.
 */
export class RegexpAutomaton extends LazyAutomaton<RegexpState> {
  readonly #steps: readonly Step[]
  readonly #first: number
  readonly #hasPlaces: boolean
  readonly start: RegexpState

  constructor(program: Program, maxWeight?: number) {
    super(maxWeight)
    this.#steps = program.steps
    this.#first = program.start
    this.#hasPlaces = program.steps.some((step) => step.kind === 'place')
    this.start = this.#state([this.#first], nothing, false)
  }

  /** Whether there is a match in the name that ends here. */
  matches(state: RegexpState): boolean {
    return (state.atEnd ??= state.matched || this.#reach(state, nothing) === undefined)
  }

  protected override after(state: RegexpState, symbol: number): RegexpState {
    const code = symbol === finalNewline ? newline : symbol
    const passed = neighbour(symbol)
    const reached = this.#reach(state, passed)
    if (reached === undefined) return this.#state([], anything, true)
    const next = new Set<number>([this.#first])
    for (const index of reached) {
      const step = this.#steps[index]
      if (step?.kind === 'set' && classHas(step.set, code)) next.add(step.next)
    }
    return this.#state(
      [...next].sort((a, b) => a - b),
      this.#hasPlaces ? passed : anything,
      false,
    )
  }

  /** The steps that wait for a character, before the neighbour that comes; nothing if the end is among them. */
  #reach(state: RegexpState, after: Neighbour): Set<number> | undefined {
    const reached = new Set<number>(state.steps)
    // What is added while this runs comes, too.
    for (const index of reached) {
      const step = this.#steps[index]
      if (step?.kind === 'match') return undefined
      if (step?.kind === 'fork') reached.add(step.next).add(step.other)
      if (step?.kind === 'place' && holds(step.place, step.ascii, state.before, after)) reached.add(step.next)
    }
    return reached
  }

  #state(steps: readonly number[], before: Neighbour, matched: boolean): RegexpState {
    const { edge, newline, word, asciiWord } = before
    const key = matched
      ? 'matched'
      : `${steps.join()};${Number(edge)}${Number(newline)}${Number(word)}${Number(asciiWord)}`
    return this.intern(key, key.length + steps.length, (transitions) => ({
      ...transitions,
      stuck: matched,
      steps,
      before,
      matched,
      atEnd: undefined,
    }))
  }
}

function neighbour(symbol: number): Neighbour {
  if (symbol === finalNewline) return { ...anything, newline: true, last: true }
  return { ...anything, newline: symbol === newline, word: isWord(symbol, false), asciiWord: isWord(symbol, true) }
}

function holds(place: Place, ascii: boolean, before: Neighbour, after: Neighbour): boolean {
  switch (place) {
    case 'start':
      return before.edge
    case 'line-start':
      return before.edge || before.newline
    case 'very-end':
      return after.edge
    case 'end':
      return after.edge || after.last
    case 'line-end':
      return after.edge || after.newline
    default: {
      const change = ascii ? before.asciiWord !== after.asciiWord : before.word !== after.word
      return change === (place === 'word-edge')
    }
  }
}
