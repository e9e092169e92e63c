import { quoted } from './text.ts'

/** Where a rule comes from. Strings are bytes, one char each, as they were given. */
export interface RuleOrigin {
  /** The option, without dashes: `exclude-filelist`. */
  option: string
  /** The pattern, name or time: of the option, or of the line of its list. */
  value: string
  /** The list it stands in. */
  file?: string
  /** The number of the line (or of the NUL-terminated record) in that list, from 1. */
  line?: number
}

/** A rule's pattern and place, for the middle of a sentence. */
export function named({ option, value, file, line }: RuleOrigin): string {
  return file === undefined
    ? `the pattern ${quoted(value)} of --${option}`
    : `the pattern ${quoted(value)} in line ${line} of ${quoted(file)}`
}

/** A rule as a person finds it again: the option, or the list and the line, and the pattern. */
export function describeRule({ option, value, file, line }: RuleOrigin): string {
  if (file !== undefined) return `--${option} ${quoted(file)}, line ${line}: ${quoted(value)}`
  return value === '' ? `--${option}` : `--${option} ${quoted(value)}`
}
