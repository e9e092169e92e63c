import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { displayPath, type RawPath, rawFromBytes, rawFromText } from '../index.ts'

const text = (value: string) => displayPath(rawFromText(value))
const hex = (value: string) => displayPath(rawFromBytes(Buffer.from(value, 'hex')))

/** Reads a displayed path back to its bytes. That this can be done at all is why no two paths look the same. */
function readBack(shown: string): Buffer {
  if (shown === '.') return Buffer.alloc(0)
  const parts: Buffer[] = []
  const token = /\\\\|\\n|\\r|\\t|\\x([0-9a-f]{2})|\\u\{([0-9a-f]+)\}|[^\\]/gu
  let end = 0
  for (const match of shown.matchAll(token)) {
    expect(match.index).toBe(end)
    end += match[0].length
    const [whole, byte, point] = match
    if (byte !== undefined) parts.push(Buffer.of(Number.parseInt(byte, 16)))
    else if (point !== undefined) parts.push(Buffer.from(String.fromCodePoint(Number.parseInt(point, 16))))
    else parts.push(Buffer.from({ '\\\\': '\\', '\\n': '\n', '\\r': '\r', '\\t': '\t' }[whole] ?? whole))
  }
  expect(end).toBe(shown.length)
  return Buffer.concat(parts)
}

/** Bytes that are UTF-8 here and not there, with lead bytes, continuations, controls and backslashes. */
const anyPath = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 4 }).map((value) => Buffer.from(value)),
      fc
        .constantFrom('\\', '\\x41', '\\n', '\n', '.', '\u202e', '\u{e0041}', '\u0085')
        .map((value) => Buffer.from(value)),
      fc
        .constantFrom('c080', 'eda080', 'f4908080', 'e282', 'f09f98', 'c3', 'f5', '80')
        .map((v) => Buffer.from(v, 'hex')),
    ),
    { maxLength: 6 },
  )
  .map((parts) => rawFromBytes(Buffer.concat(parts)))

describe('displayPath()', () => {
  it('leaves what people can read', () => {
    for (const value of ['a/b c', 'straße/ÄÖÜ.txt', '日本語', 'a"b\'c', '☃ 🐤', 'e\u0301', '...', './.', 'a/.']) {
      expect(text(value)).toBe(value)
    }
    expect(text('')).toBe('.')
  })

  it('escapes controls, what reorders or hides, and backslashes', () => {
    expect(text('a\nb\rc\td')).toBe('a\\nb\\rc\\td')
    expect(text('\u001b[31mred\u0007')).toBe('\\x1b[31mred\\x07')
    expect(text('\u007f\u0085\u009b')).toBe('\\x7f\\u{85}\\u{9b}')
    expect(text('invoice\u202egnp.exe')).toBe('invoice\\u{202e}gnp.exe')
    expect(text('\u2066\u2069\u061c\u200e')).toBe('\\u{2066}\\u{2069}\\u{61c}\\u{200e}')
    expect(text('a\u200bb\u2060\u00ad\ufeff')).toBe('a\\u{200b}b\\u{2060}\\u{ad}\\u{feff}')
    expect(text('\u2028\u2029')).toBe('\\u{2028}\\u{2029}')
    expect(text('tag\u{e0041}')).toBe('tag\\u{e0041}')
    expect(text('a\\b')).toBe('a\\\\b')
    expect(text('\\n')).toBe('\\\\n')
    expect(text('\0')).toBe('\\x00')
    expect(text('.')).toBe('\\x2e')
  })

  it('writes bytes that are no UTF-8 as bytes, and keeps the rest readable', () => {
    expect(hex('ff')).toBe('\\xff')
    expect(hex('61c3a4ff62')).toBe('aä\\xffb')
    expect(hex('c3')).toBe('\\xc3')
    expect(hex('c328')).toBe('\\xc3(')
    // An overlong slash, a surrogate, a code point that is too large, a sequence that ends too early.
    expect(hex('c0af')).toBe('\\xc0\\xaf')
    expect(hex('eda080')).toBe('\\xed\\xa0\\x80')
    expect(hex('f4908080')).toBe('\\xf4\\x90\\x80\\x80')
    expect(hex('e28261')).toBe('\\xe2\\x82a')
    expect(hex('ff0a5c')).toBe('\\xff\\n\\\\')
    // The replacement character itself is a character like any other.
    expect(hex('efbfbd')).toBe('\ufffd')
  })

  it('can be read back, so different paths are never shown alike', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        expect(readBack(displayPath(path)).toString('latin1')).toBe(path)
      }),
      { numRuns: 5000 },
    )
  })

  it('never lets anything through that acts on a terminal', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const shown = displayPath(path)
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
        expect(shown).not.toBe('')
      }),
      { numRuns: 5000 },
    )
    for (let code = 0; code < 0x110000; code++) {
      const char = String.fromCodePoint(code)
      if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(char)) expect(text(`a${char}`)).toMatch(/^a\\/)
    }
  })

  it('decides about UTF-8 as TextDecoder does', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const isValid = (bytes: Uint8Array) => {
      try {
        decoder.decode(bytes)
        return true
      } catch {
        return false
      }
    }
    const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xff]
    for (let first = 0x80; first <= 0xff; first++) {
      for (const second of edges) {
        for (const rest of [
          [],
          [0x7f],
          [0x80],
          [0xbf],
          [0xc0],
          [0x80, 0x80],
          [0xbf, 0xbf],
          [0x80, 0x7f],
          [0x80, 0xc0],
        ]) {
          const bytes = Uint8Array.of(first, second, ...rest)
          expect(/\\x[89a-f]/.test(displayPath(rawFromBytes(bytes))), Buffer.from(bytes).toString('hex')).toBe(
            !isValid(bytes),
          )
        }
      }
    }
  })

  it('takes time in proportion to the length', () => {
    const bad = '\xe2\x82'.repeat(500_000) as RawPath
    const start = performance.now()
    expect(displayPath(bad)).toHaveLength(4_000_000)
    expect(performance.now() - start).toBeLessThan(5000)
  })
})
