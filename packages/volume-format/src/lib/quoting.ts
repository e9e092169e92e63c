import type { RawPath } from '@coalmine/bytes'
import { FormatError } from './format-error.ts'

// White space as C's isspace has it, the backslash and both quotes. No other byte is ever quoted.
const special = /[\t-\r "'\\]/
const specials = /[\t-\r "'\\]/g
const strayBackslash = /\\(?!x[0-9A-Fa-f]{2})/

/** A path as manifests carry it: as it is, or in quotes with `\xHH` for white space, backslashes and quotes. */
export function quote(raw: RawPath): string {
  if (!special.test(raw)) return raw
  const escaped = raw.replace(specials, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${escaped}"`
}

/**
 * The path that {@link quote} wrote. Without a quote at its beginning the text is taken as it is.
 *
 * @throws FormatError `corrupt` when the closing quote is missing or a backslash begins anything but `\xHH`.
 */
export function unquote(text: string): RawPath {
  if (!text.startsWith('"')) return text as RawPath
  const inner = text.slice(1, -1)
  if (text.length < 2 || !text.endsWith('"') || strayBackslash.test(inner)) throw badQuoting(text)
  return inner.replace(/\\x(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) as RawPath
}

function badQuoting(text: string): FormatError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return new FormatError('corrupt', `Cannot read the quoted path ${JSON.stringify(shown)}: it does not end in order`)
}
