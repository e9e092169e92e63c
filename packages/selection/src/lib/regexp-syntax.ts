import type { CharClass } from './char-class.ts'

/** Where something holds that takes no character. */
export type Place = 'start' | 'end' | 'very-end' | 'line-start' | 'line-end' | 'word-edge' | 'no-word-edge'

/** A regular expression as a tree. */
export type RegexpNode =
  | { kind: 'set'; set: CharClass }
  | { kind: 'place'; place: Place; ascii: boolean }
  | { kind: 'sequence'; items: readonly RegexpNode[] }
  | { kind: 'choice'; options: readonly RegexpNode[] }
  | { kind: 'repeat'; item: RegexpNode; min: number; max: number }

/** What the letters of `(?aimsx)` switch. */
export interface RegexpFlags {
  ascii: boolean
  ignoreCase: boolean
  multiline: boolean
  dotAll: boolean
  verbose: boolean
}

/** A regular expression that cannot be read, or not by us. */
export class RegexpProblem extends Error {
  readonly kind: 'bad-regexp' | 'unsupported-regexp' | 'too-large'
  /** The character of the pattern where it is, from 1. */
  readonly position: number

  constructor(kind: RegexpProblem['kind'], message: string, index: number) {
    super(message)
    this.kind = kind
    this.position = index + 1
  }
}
