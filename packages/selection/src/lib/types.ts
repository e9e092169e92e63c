import type { RuleOrigin } from './rule-origin.ts'

/**
 * `scan` is for folders: enter it, and take it if something in it is taken. Something else that comes out as `scan` is not
 * taken.
 */
export type Verdict = 'include' | 'exclude' | 'scan'

/** What a path is. */
export type CandidateKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'character-device' | 'block-device'

/** Something that a walk came across; what `filetree`'s walk gives to its `select` fits. */
export interface Candidate {
  /** Relative to the root, bytes as one char each, components joined by `/`; the root is empty. */
  path: string
  kind: CandidateKind
  /** The number of the file system it is on. Without it, or when it is NaN, `exclude-other-filesystems` has nothing to say. */
  device?: number
  /** When it was last changed, in milliseconds since 1970. Without it, `exclude-older-than` has nothing to say. */
  mtimeMs?: number
  /** For a folder: whether it has an entry of that name. Without it, `exclude-if-present` has nothing to say. */
  has?(name: string): boolean
}

/** One option of a command line, in its place. Plain data: it can be sent to a worker. */
export interface SelectionOption {
  /** Without dashes: `include`, `exclude-filelist`, `filter-literal`, `null-separator`, … */
  option: string
  /** Its argument, bytes as one char each; the name of the list for lists. */
  value?: string
  /** For lists: the bytes of the list, one char each. */
  content?: string
  /** What messages call the list, instead of `value`. */
  source?: string
  /** For `exclude-older-than`: the time that `value` means, in seconds since 1970; without it `value` is such a number. */
  seconds?: number
}

export interface SelectionSettings {
  /** The source as it was typed, bytes as one char each: patterns are compared with it. */
  root: string
  /** Whose rules: `3` by default. */
  compat?: '3' | '0.8'
  /** The number of the root's file system; needed for `exclude-other-filesystems`. */
  rootDevice?: number
}

/** A verdict and where it comes from. */
export interface Explanation {
  verdict: Verdict
  /** The rule that decided; the one that asks to look inside, for `scan`. Nothing: no rule has anything to say. */
  rule?: RuleOrigin
  /** The rule that would exclude, were it not for what an earlier one may include below. */
  otherwise?: RuleOrigin
  /**
   * - `rule`: the rule says so
   * - `no-rule`: none does, and what no rule names is included
   * - `root`: the root is always included
   * - `socket`: sockets never are
   * - `no-folder`: a rule asks to look inside, but it is no folder, and nothing includes it itself
   * - `nothing-below`: a rule asks to look inside, but nothing below could be included
   */
  because: 'rule' | 'no-rule' | 'root' | 'socket' | 'no-folder' | 'nothing-below'
}
