import type { Glob } from './glob.ts'
import type { Program } from './regexp-program.ts'
import type { RuleOrigin } from './rule-origin.ts'

/** How plain paths are compared: as bytes, without letter case as in globs, as bytes but literally, or case folded. */
export type PlainForm = 'exact' | 'same-case' | 'literal' | 'casefold'

/** What a rule looks for. */
export type Matcher =
  | { kind: 'everything' }
  /** Passes the checks and matches no name that there can be. */
  | { kind: 'nothing' }
  | { kind: 'plain'; form: PlainForm; components: readonly string[]; directoryOnly: boolean }
  | { kind: 'glob'; glob: Glob; ignoreCase: boolean }
  | { kind: 'regexp'; program: Program }
  | { kind: 'device-files' }
  | { kind: 'other-filesystems' }
  | { kind: 'if-present'; name: string }
  | { kind: 'older-than'; seconds: number }

export interface Rule {
  include: boolean
  matcher: Matcher
  origin: RuleOrigin
}
