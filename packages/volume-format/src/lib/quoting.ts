import type { RawPath } from '@coalmine/bytes'
import { FormatError } from './format-error.ts'

// White space as C's isspace has it, the backslash and both quotes. No other byte is ever quoted.
const special = /[\t-\r "'\\]/
const specials = /[\t-\r "'\\]/g
const escapes = Array.from({ length: 128 }, (_, byte) => `\\x${byte.toString(16).padStart(2, '0')}`)

/** A path as manifests carry it: as it is, or in quotes with `\xHH` for white space, backslashes and quotes. */
export function quote(raw: RawPath): string {
  if (!special.test(raw)) return raw
  return `"${raw.replace(specials, (char) => escapes[char.charCodeAt(0)]!)}"`
}

/**
 * The path that {@link quote} wrote. Without a quote at its beginning the text is taken as it is.
 *
 * @throws FormatError `corrupt` when the closing quote is missing or a backslash begins anything but `\xHH`.
 */
export function unquote(text: string): RawPath {
  const path = unquoted(text)
  if (path !== undefined) return path
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text
  throw new FormatError('corrupt', `Cannot read the quoted path ${JSON.stringify(shown)}: it does not end in order`)
}

const backslash = 92
const scratch = Buffer.alloc(4096)

/** The same; `undefined` when it is out of order. */
export function unquoted(text: string): RawPath | undefined {
  if (!text.startsWith('"')) return text as RawPath
  const end = text.length - 1
  if (end === 0 || !text.endsWith('"')) return undefined
  if (!text.includes('\\')) return text.slice(1, end) as RawPath
  // Lists of files have millions of these: bytes are put together in one place, which makes one flat string of them.
  const bytes = end <= scratch.length ? scratch : Buffer.allocUnsafe(end)
  let length = 0
  for (let at = 1; at < end; at++) {
    let code = text.charCodeAt(at)
    if (code === backslash) {
      if (at + 3 >= end || text.charCodeAt(at + 1) !== 0x78) return undefined
      const high = hexDigit(text.charCodeAt(at + 2))
      const low = hexDigit(text.charCodeAt(at + 3))
      if (high < 0 || low < 0) return undefined
      code = high * 16 + low
      at += 3
    }
    bytes[length++] = code
  }
  return bytes.toString('latin1', 0, length) as RawPath
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
