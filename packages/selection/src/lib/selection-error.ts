import type { RuleOrigin } from './rule-origin.ts'

/**
 * What is wrong with a set of rules. In brackets: the exit code of duplicity 0.8 / 3.x for the same; a dash where there
 * is no such option.
 *
 * - `not-under-root`: the pattern can match neither the root nor anything above or below it (14 / 14)
 * - `double-slash`: two slashes in a row inside a glob (15 / 15)
 * - `redundant-include`: the last rule includes, which is what happens without it (16 / 16)
 * - `empty-pattern`: a pattern without a character (30 / 23)
 * - `bad-range`: a range in brackets that ends before it begins (30 / 30)
 * - `bad-regexp`: not a regular expression of Python (30 / 30)
 * - `unsupported-regexp`: one, but with a construct that is not translated
 * - `too-large`: a pattern of more than 65536 bytes, or a regular expression that unfolds to too many steps
 * - `redundant-filter`: only the default filter modes are chosen (– / 70)
 * - `trailing-filter`: a filter mode is the last option, so nothing follows that it could change (– / 71)
 * - `absolute-files-from`: a path in the list of files begins with a slash (– / 72)
 * - `empty-files-from`: the list of files names none (– / 73)
 * - `unsafe-files-from`: a path in the list of files has `..` in it
 * - `bad-name`: a marker for `exclude-if-present` that is no file name
 * - `bad-time`: a time that is not understood (2 / 23)
 * - `unknown-option`: no selection option of that version (2 / 23)
 * - `bad-filelist`: rules that cannot be written as a filelist
 */
export type SelectionErrorCode =
  | 'not-under-root'
  | 'double-slash'
  | 'redundant-include'
  | 'empty-pattern'
  | 'bad-range'
  | 'bad-regexp'
  | 'unsupported-regexp'
  | 'too-large'
  | 'redundant-filter'
  | 'trailing-filter'
  | 'absolute-files-from'
  | 'empty-files-from'
  | 'unsafe-files-from'
  | 'bad-name'
  | 'bad-time'
  | 'unknown-option'
  | 'bad-filelist'

/** Rules that cannot be meant so. */
export class SelectionError extends Error {
  override readonly name = 'SelectionError'
  readonly code: SelectionErrorCode
  /** The option, list and line at fault, where it is one. */
  readonly origin: RuleOrigin | undefined

  constructor(code: SelectionErrorCode, message: string, origin?: RuleOrigin, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.origin = origin
  }
}
