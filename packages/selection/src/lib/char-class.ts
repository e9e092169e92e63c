import { caseGroup } from './letter-case.ts'

/** A set of characters: `[…]` of a glob, `?`, or a class of a regular expression. */
export interface CharClass {
  /** Pairs: first and last code point of each range. */
  ranges: readonly number[]
  /** Further tests, one of which may hold instead. */
  also?: readonly ((code: number) => boolean)[]
  negated: boolean
  ignoreCase: boolean
}

/** Whether the character is in the class. */
export function classHas(set: CharClass, code: number): boolean {
  return set.negated !== (set.ignoreCase ? caseGroup(code).some((each) => listed(set, each)) : listed(set, code))
}

function listed(set: CharClass, code: number): boolean {
  const { ranges, also } = set
  for (let i = 0; i < ranges.length; i += 2) {
    if (code >= (ranges[i] ?? 0) && code <= (ranges[i + 1] ?? 0)) return true
  }
  return also?.some((test) => test(code)) ?? false
}
