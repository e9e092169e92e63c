import type { CharClass } from './char-class.ts'
import { type Place, RegexpProblem } from './regexp-syntax.ts'
import type { CodeReader } from './code-reader.ts'
import { isSpace } from './text.ts'

/** What a backslash and what follows it stand for. */
export type Escape = { kind: 'char'; code: number } | { kind: 'kind'; letter: string } | { kind: 'place'; place: Place }

const control: Record<string, number> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 }
const places: Record<string, Place> = { A: 'start', Z: 'very-end', b: 'word-edge', B: 'no-word-edge' }

/** Reads what follows a backslash outside brackets. */
export function readEscape(reader: CodeReader): Escape {
  const start = reader.at - 1
  const letter = reader.char()
  if (letter === undefined) throw new RegexpProblem('bad-regexp', 'a backslash ends it', start)
  const place = places[letter]
  if (place !== undefined) return { kind: 'place', place }
  if (/[1-9]/.test(letter)) return readDigits(reader, letter, start)
  return readCommonEscape(reader, letter, start)
}

/** Reads what follows a backslash inside brackets: never a place. */
export function readClassEscape(reader: CodeReader): Escape {
  const start = reader.at - 1
  const letter = reader.char()
  if (letter === undefined) throw new RegexpProblem('bad-regexp', 'a backslash ends it', start)
  if (letter === 'b') return { kind: 'char', code: 8 }
  if (/[1-7]/.test(letter)) return octal(letter + reader.while(/[0-7]/, 2), start)
  return readCommonEscape(reader, letter, start)
}

function readCommonEscape(reader: CodeReader, letter: string, start: number): Escape {
  const code = control[letter]
  if (code !== undefined) return { kind: 'char', code }
  if (/[dDsSwW]/.test(letter)) return { kind: 'kind', letter }
  if (letter === '0') return octal(reader.while(/[0-7]/, 2), start)
  if (letter === 'x') return hex(reader, 2, start)
  if (letter === 'u') return hex(reader, 4, start)
  if (letter === 'U') return hex(reader, 8, start)
  if (letter === 'N') throw new RegexpProblem('unsupported-regexp', 'characters by name, \\N{…}, are not', start)
  if (/[A-Za-z0-9]/.test(letter)) {
    throw new RegexpProblem('bad-regexp', `there is no escape \\${letter}`, start)
  }
  return { kind: 'char', code: letter.codePointAt(0) ?? 0 }
}

function readDigits(reader: CodeReader, first: string, start: number): Escape {
  const digits = first + reader.while(/[0-9]/, 1)
  // Three octal digits are a character; anything else refers to a group.
  if (/^[0-7]{2}$/.test(digits)) {
    const third = reader.while(/[0-7]/, 1)
    if (third !== '') return octal(digits + third, start)
  }
  throw new RegexpProblem('unsupported-regexp', `references to groups, \\${digits}, are not`, start)
}

function octal(digits: string, start: number): Escape {
  const code = Number.parseInt(digits || '0', 8)
  if (code > 0o377) throw new RegexpProblem('bad-regexp', `\\${digits} is above \\377`, start)
  return { kind: 'char', code }
}

function hex(reader: CodeReader, length: number, start: number): Escape {
  const digits = reader.while(/[0-9A-Fa-f]/, length)
  const code = Number.parseInt(digits, 16)
  if (digits.length !== length || code > 0x10ffff) {
    throw new RegexpProblem('bad-regexp', `an escape needs ${length} hexadecimal digits of a character`, start)
  }
  return { kind: 'char', code }
}

const decimal = /\p{Nd}/u
const letterOrNumber = /[\p{L}\p{N}]/u

/** Whether `\w` takes it. */
export function isWord(code: number, ascii: boolean): boolean {
  if (code < 0x80) {
    return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95
  }
  return !ascii && letterOrNumber.test(String.fromCodePoint(code))
}

/** The test of `\d`, `\s`, `\w`, or of one of their opposites. */
export function kindTest(letter: string, ascii: boolean): (code: number) => boolean {
  const small = letter.toLowerCase()
  const test = (code: number): boolean => {
    if (small === 'w') return isWord(code, ascii)
    if (ascii && code >= 0x80) return false
    if (small === 'd') return code < 0x80 ? code >= 48 && code <= 57 : decimal.test(String.fromCodePoint(code))
    // The four separators of ASCII are white space in Unicode only.
    return isSpace(code) && !(ascii && code >= 0x1c && code <= 0x1f)
  }
  return small === letter ? test : (code) => !test(code)
}

/** A class of one kind. */
export function kindClass(letter: string, ascii: boolean): CharClass {
  return { ranges: [], also: [kindTest(letter, ascii)], negated: false, ignoreCase: false }
}
