/**
 * Bytes as text, as Python's surrogateescape reads them: UTF-8, and each byte that is none as a lone surrogate U+DC80 to
 * U+DCFF. Nothing is lost, so two texts are equal exactly when their bytes are.
 */

/** The code point of the text that begins at byte `at` of `raw` (one char per byte). */
export function codePointAt(raw: string, at: number): number {
  const first = raw.charCodeAt(at)
  if (first < 0x80) return first
  const escaped = 0xdc00 + first
  if (first < 0xc2 || first > 0xf4) return escaped
  const second = raw.charCodeAt(at + 1)
  // The Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. NaN passes no comparison.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (!(second >= low && second <= high)) return escaped
  if (first < 0xe0) return ((first & 0x1f) << 6) | (second & 0x3f)
  const third = raw.charCodeAt(at + 2)
  if (!(third >= 0x80 && third <= 0xbf)) return escaped
  if (first < 0xf0) return ((first & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f)
  const fourth = raw.charCodeAt(at + 3)
  if (!(fourth >= 0x80 && fourth <= 0xbf)) return escaped
  return ((first & 0x07) << 18) | ((second & 0x3f) << 12) | ((third & 0x3f) << 6) | (fourth & 0x3f)
}

/** How many bytes a code point takes. */
export function byteLength(codePoint: number): number {
  if (codePoint < 0x80) return 1
  if (codePoint < 0x800) return 2
  if (codePoint >= 0xdc80 && codePoint <= 0xdcff) return 1
  return codePoint < 0x10000 ? 3 : 4
}

/** The code points of bytes. */
export function decode(raw: string): number[] {
  const codes: number[] = []
  for (let at = 0; at < raw.length;) {
    const code = codePointAt(raw, at)
    codes.push(code)
    at += byteLength(code)
  }
  return codes
}

/** The bytes of code points. */
export function encode(codes: readonly number[]): string {
  const parts: string[] = []
  for (const code of codes) parts.push(encodeOne(code))
  return parts.join('')
}

function encodeOne(code: number): string {
  if (code < 0x80) return String.fromCharCode(code)
  if (code >= 0xdc80 && code <= 0xdcff) return String.fromCharCode(code - 0xdc00)
  if (code < 0x800) return String.fromCharCode(0xc0 | (code >> 6), 0x80 | (code & 0x3f))
  const tail = [0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]
  if (code < 0x10000) return String.fromCharCode(0xe0 | (code >> 12), ...tail)
  return String.fromCharCode(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), ...tail)
}

/** Code points as a JavaScript string; a lone surrogate stays one. */
export function toText(codes: readonly number[]): string {
  const parts: string[] = []
  for (const code of codes) parts.push(String.fromCodePoint(code))
  return parts.join('')
}

/** The code points of a JavaScript string. */
export function fromText(text: string): number[] {
  return Array.from(text, (char) => char.codePointAt(0) ?? 0)
}

/** Whether Python's `str.isspace` holds, which is also its `\s` and what `strip` takes away. */
export function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x1f)
  if (code < 0x1680) return code === 0x85 || code === 0xa0
  return (
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  )
}

/** Without white space at both ends, as Python's `strip`. */
export function strip(raw: string): string {
  // The common line has none, or ASCII only.
  const codes = decode(raw)
  let from = 0
  let to = codes.length
  while (from < to && isSpace(codes[from] ?? 0)) from++
  while (to > from && isSpace(codes[to - 1] ?? 0)) to--
  return from === 0 && to === codes.length ? raw : encode(codes.slice(from, to))
}

const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

/** Bytes in double quotes for a message: on one line, nothing invisible, `\xHH` for what is no text. */
export function quoted(raw: string): string {
  let out = ''
  for (const code of decode(raw)) {
    if (code >= 0xdc80 && code <= 0xdcff) out += `\\x${(code - 0xdc00).toString(16)}`
    else if (code === 0x0a) out += '\\n'
    else if (code === 0x0d) out += '\\r'
    else if (code === 0x09) out += '\\t'
    else if (unseen.test(String.fromCodePoint(code))) out += `\\u{${code.toString(16)}}`
    else out += String.fromCodePoint(code)
  }
  return `"${out}"`
}
