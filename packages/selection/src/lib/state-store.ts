/** A state of an automaton whose transitions are found out when they are needed, and kept. */
export interface LazyState<S> {
  /** By ASCII character. */
  ascii: (S | undefined)[]
  /** By any other symbol. */
  wide: Map<number, S> | undefined
}

/** What is fed instead of a line feed that ends the name: Python's `$` holds before it. */
export const finalNewline = 0x110000

/** About 30 MB at most. */
const maxWeight = 1_000_000

/**
 * The states that were met so far. They are forgotten when they become too many, so memory is bounded whatever the
 * patterns and the names; a forgotten state is made again when it is met again.
 */
export class StateStore<S extends LazyState<S>> {
  readonly #states = new Map<string, S>()
  #weight = 0
  readonly #maxWeight: number

  constructor(limit = maxWeight) {
    this.#maxWeight = limit
  }

  /** The state of that key; made if it is not there. */
  intern(key: string, weight: number, make: () => S): S {
    const known = this.#states.get(key)
    if (known !== undefined) return known
    if (this.#weight > this.#maxWeight) this.#forget()
    const state = make()
    this.#states.set(key, state)
    this.#weight += weight + 128
    return state
  }

  #forget(): void {
    // Whoever still holds a state can go on with it; it must not hold on to all others.
    for (const state of this.#states.values()) {
      state.ascii = emptyRow()
      state.wide = undefined
    }
    this.#states.clear()
    this.#weight = 0
  }
}

/** Transitions of a new state. */
export function emptyRow<S>(): (S | undefined)[] {
  return Array.from({ length: 128 }, () => undefined)
}

/** Where `symbol` leads, if it is known. */
export function known<S extends LazyState<S>>(state: S, symbol: number): S | undefined {
  return symbol < 128 ? state.ascii[symbol] : state.wide?.get(symbol)
}

/** Keeps where `symbol` leads. */
export function learn<S extends LazyState<S>>(state: S, symbol: number, next: S): S {
  if (symbol < 128) state.ascii[symbol] = next
  else (state.wide ??= new Map<number, S>()).set(symbol, next)
  return next
}
