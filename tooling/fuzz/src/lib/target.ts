import type { Arbitrary } from 'fast-check'

/** One parser, and what must hold whatever it is fed. */
export interface Target {
  readonly name: string
  /** What is read, for people. */
  readonly about: string
  /** Longest input that is tried, in bytes. */
  readonly maxBytes: number
  /** Byte strings that mean something to the parser. */
  readonly tokens?: readonly (string | Uint8Array)[]
  /** Inputs that are likely to get far; arbitrary bytes are tried anyway. */
  readonly arbitrary?: Arbitrary<Uint8Array>
  /** Makes good again what every mutation breaks (checksums), in place; done to half of the mutants. */
  readonly mend?: (input: Buffer) => void
  /**
   * What one input may make the parser allocate all in all, whether it is let go of at once or not: `base` bytes and
   * `perByte` for each byte that goes in or comes out. What is only declared does not count.
   */
  readonly memory?: { readonly base: number; readonly perByte: number }
  /** Feeds the parser. Whatever is thrown is a finding: the target catches what the parser may throw. */
  run(input: Uint8Array): Outcome | Promise<Outcome>
  /** A program that reads the same. */
  readonly judge?: Judge
}

/** What became of an input. */
export interface Outcome {
  readonly accepted: boolean
  /** Bytes that came out. */
  readonly outputBytes?: number
}

export interface Judge {
  /** Programs that must be there. */
  readonly needs: readonly string[]
  /** Which inputs are shown to it: `accepted` ones (the default), or `all`. */
  readonly sees?: 'accepted' | 'all'
  /** @throws when the program and the parser do not agree. */
  check(input: Uint8Array): Promise<void>
  close?(): Promise<void>
}

/** Something that must not be. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

export const accepted: Outcome = { accepted: true }
export const refused: Outcome = { accepted: false }

export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Finding(what)
}
