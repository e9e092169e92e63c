import { SelectionError } from './selection-error.ts'
import { quoted, strip } from './text.ts'

/** A rule as it stands in a filelist. */
export interface FilelistRule {
  /** By `+ ` or `- `; without one, what the option of the list says. */
  sense?: 'include' | 'exclude'
  /** Bytes, one char each. */
  pattern: string
}

/** A rule and where it was. */
export interface FilelistLine extends FilelistRule {
  /** From 1; blank lines and comments count. */
  line: number
}

export interface FilelistOptions {
  /** Rules end in NUL, not in a line feed. */
  nullSeparator?: boolean
}

/**
 * Reads a filelist: one rule per line, blanks around it removed; empty lines and lines that begin with `#` say nothing;
 * `+ ` or `- ` before the pattern says include or exclude; one pair of quotes around the pattern is removed, and keeps
 * blanks at its ends. LF, CR LF and CR end lines.
 *
 * @param content - Bytes of the list, one char each.
 */
export function parseFilelist(content: string, options: FilelistOptions = {}): FilelistLine[] {
  const rules: FilelistLine[] = []
  let line = 0
  for (const record of records(content, options)) {
    line++
    const text = strip(record)
    if (text === '' || text.startsWith('#')) continue
    const sign = text.startsWith('+ ') ? 'include' : text.startsWith('- ') ? 'exclude' : undefined
    const pattern = unquote(sign === undefined ? text : text.slice(2))
    if (pattern === '') continue
    rules.push(sign === undefined ? { pattern, line } : { sense: sign, pattern, line })
  }
  return rules
}

/** The lines or records of a list. */
export function records(content: string, { nullSeparator = false }: FilelistOptions): string[] {
  // Names in a NUL-separated list may have carriage returns in them.
  if (nullSeparator) return content.split('\0')
  return content.replace(/\r\n?/g, '\n').split('\n')
}

function unquote(text: string): string {
  const first = text[0]
  return (first === "'" || first === '"') && text.endsWith(first) ? text.slice(1, -1) : text
}

/**
 * Writes rules as a filelist that {@link parseFilelist}, and duplicity, read as the same rules.
 *
 * @throws SelectionError `bad-filelist` for a pattern that no line can hold: an empty one, or one with the separator in it
 *   (or with a carriage return, which ends a line, too).
 */
export function formatFilelist(rules: readonly FilelistRule[], options: FilelistOptions = {}): string {
  const separator = options.nullSeparator ? '\0' : '\n'
  const unfit = options.nullSeparator ? /^$|\0/ : /^$|[\n\r]/
  return rules
    .map(({ sense, pattern }) => {
      if (unfit.test(pattern)) {
        throw new SelectionError(
          'bad-filelist',
          `Cannot write the pattern ${quoted(pattern)} to a filelist: ${pattern === '' ? 'it is empty' : 'a line ends within it'}`,
        )
      }
      const sign = sense === undefined ? '' : sense === 'include' ? '+ ' : '- '
      return `${sign}${needsQuotes(pattern, sign) ? `"${pattern}"` : pattern}${separator}`
    })
    .join('')
}

function needsQuotes(pattern: string, sign: string): boolean {
  // Ends that would be removed, and beginnings that would mean something.
  return strip(pattern) !== pattern || unquote(pattern) !== pattern || (sign === '' && /^(?:#|[+-] )/.test(pattern))
}
