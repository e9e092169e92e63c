import { byteLength, codePointAt } from './text.ts'

/** A state whose transitions are found out when they are needed, and kept. */
export interface LazyState<S> {
  /** Whether nothing that follows can change anything. */
  readonly stuck: boolean
  /** The first symbol that led on from here, and where to: for most states it stays the only one. */
  symbol: number
  next: S | undefined
  /** By ASCII character, when there are more. */
  table: (S | undefined)[] | undefined
  /** By any other symbol. */
  wide: Map<number, S> | undefined
}

/** What is fed instead of a line feed that ends the name: Python's `$` holds before it. */
export const finalNewline = 0x110000

const newline = 0x0a
/** In numbers of eight bytes, roughly: some 50 MB. */
export const defaultWeight = 6_000_000
/** With its key and its place in the map (measured: 650 bytes). */
const stateWeight = 60
const tableWeight = 128
const nowhere: readonly undefined[] = Array.from({ length: tableWeight }, () => undefined)

/**
 * An automaton that makes its states as names lead to them. They are forgotten when they become too many, so memory is
 * bounded whatever the patterns and the names; a forgotten state is made again when it is met again.
 */
export abstract class LazyAutomaton<S extends LazyState<S>> {
  readonly #states = new Map<string, S>()
  readonly #maxWeight: number
  #weight = 0

  constructor(maxWeight = defaultWeight) {
    this.#maxWeight = maxWeight
  }

  /** Where a symbol leads: a code point, or {@link finalNewline}. */
  protected abstract after(state: S, symbol: number): S

  /** The state after bytes `from` up to `to` of `raw`; `isEnd` if a name ends there. */
  feed(state: S, raw: string, from: number, to: number, isEnd: boolean): S {
    for (let at = from; at < to && !state.stuck;) {
      let symbol = raw.charCodeAt(at)
      if (symbol < 0x80) {
        at++
        if (symbol === newline && isEnd && at === to) symbol = finalNewline
      } else {
        symbol = codePointAt(raw, at)
        at += byteLength(symbol)
      }
      const known =
        symbol === state.symbol ? state.next : symbol < 0x80 ? state.table?.[symbol] : state.wide?.get(symbol)
      state = known ?? this.#learn(state, symbol)
    }
    return state
  }

  /** The state of that key; made if it is not there. */
  protected intern(key: string, size: number, make: (transitions: Transitions) => S): S {
    const known = this.#states.get(key)
    if (known !== undefined) return known
    if (this.#weight > this.#maxWeight) this.#forget()
    const state = make({ symbol: -1, next: undefined, table: undefined, wide: undefined })
    this.#states.set(key, state)
    this.#weight += size + stateWeight
    return state
  }

  #learn(state: S, symbol: number): S {
    const next = this.after(state, symbol)
    if (state.symbol < 0) {
      state.symbol = symbol
      state.next = next
    } else if (symbol < 0x80) {
      if (state.table === undefined) {
        state.table = nowhere.slice()
        this.#weight += tableWeight
      }
      state.table[symbol] = next
    } else {
      state.wide ??= new Map<number, S>()
      state.wide.set(symbol, next)
      this.#weight += stateWeight
    }
    return next
  }

  #forget(): void {
    // Whoever still holds a state can go on with it; it must not hold on to all others.
    for (const state of this.#states.values()) {
      state.symbol = -1
      state.next = undefined
      state.table = undefined
      state.wide = undefined
    }
    this.#states.clear()
    this.#weight = 0
  }
}

/** Of a state that nothing is known of yet. */
export interface Transitions {
  symbol: number
  next: undefined
  table: undefined
  wide: undefined
}
