import { type RawPath, rawToBytes } from './raw-path.ts'

/** What stands for itself and needs no look: printable ASCII but the backslash. */
const plain = /^[\x20-\x5b\x5d-\x7e]+$/

/**
 * What acts on a screen instead of being seen: controls, line and paragraph separators, and all that is invisible or
 * reorders, joins or changes its neighbours (zero-width characters, bidirectional marks, tags, variation selectors).
 */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The path as text for people: decoded as UTF-8, on one line, and safe for a terminal. The root is `.`.
 *
 * Controls and other unseen characters are written as `\n`, `\r`, `\t`, `\xHH` (ASCII) or `\u{HHHH}`, bytes that are no
 * UTF-8 as `\xHH` (80 and above), a backslash as two. Different paths give different texts, always; that they look
 * different is not promised, since many letters look alike.
 */
export function displayPath(path: RawPath): string {
  if (path === '') return '.'
  if (path === '.') return '\\x2e'
  if (plain.test(path)) return path
  const bytes = rawToBytes(path)
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const end = validUntil(bytes, at)
    if (end > at) text += escapeText(utf8.decode(bytes.subarray(at, end)))
    at = end
    if (at < bytes.length) {
      text += escapeByte(bytes[at]!)
      at += 1
    }
  }
  return text
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(unseen, escapeChar)
}

function escapeChar(char: string): string {
  if (char === '\n') return '\\n'
  if (char === '\r') return '\\r'
  if (char === '\t') return '\\t'
  const code = char.codePointAt(0)!
  return code < 0x80 ? escapeByte(code) : `\\u{${code.toString(16)}}`
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

/** Where the well-formed UTF-8 that begins at `start` ends. */
function validUntil(bytes: Uint8Array, start: number): number {
  let at = start
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    if (length === 0) break
    at += length
  }
  return at
}

/**
 * The length of the well-formed UTF-8 sequence at `at`, or 0 (The Unicode Standard, table 3-7).
 */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const second = bytes[at + 1] ?? 0
  // No overlong forms, no surrogates, nothing above U+10FFFF.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  if (first < 0xe0) return 2
  if (!isContinuation(bytes[at + 2])) return 0
  if (first < 0xf0) return 3
  return isContinuation(bytes[at + 3]) ? 4 : 0
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}
