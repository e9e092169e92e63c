export {
  type FilelistLine,
  type FilelistOptions,
  type FilelistRule,
  formatFilelist,
  parseFilelist,
} from './lib/filelist.ts'
export { describeRule, type RuleOrigin } from './lib/rule-origin.ts'
export { SelectionError, type SelectionErrorCode } from './lib/selection-error.ts'
export { compileSelection, type Selection } from './lib/selection.ts'
export type { Candidate, CandidateKind, Explanation, SelectionOption, SelectionSettings, Verdict } from './lib/types.ts'
export type { SelectionWarning } from './lib/warnings.ts'
