import { itWith } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect } from 'vitest'
import { caseGroup, casefold, lowercase } from '../src/lib/letter-case.ts'
import { kindTest } from '../src/lib/regexp-escape.ts'
import { byteLength, codePointAt, decode, encode, isSpace, strip } from '../src/lib/text.ts'
import { askPython, python } from './oracle/python.ts'

interface Facts {
  assigned: number[]
  casefold: Record<string, number[]>
  lower: Record<string, number[]>
  classes: Record<string, number[]>
  space: number[]
}

/** Scripts without case, thousands of letters each: Han, Yi, Hangul and others beyond the first planes. */
function isUniform(code: number): boolean {
  return (code >= 0x3400 && code <= 0xa4ff) || (code >= 0xac00 && code <= 0xd7ff) || code >= 0x12000
}

// The judge is Python. Characters that one of the two does not know yet are left out: their Unicode versions differ.
const unassigned = /\p{Cn}/u

describe('characters are those of Python', () => {
  itWith(python, 'in letter case and in the classes of regular expressions, all of them', async () => {
    const [facts, alike] = (await askPython([{ facts: true }, { alike: true }])) as [Facts, Record<string, number[]>]
    const known = new Set(facts.assigned.filter((code) => !unassigned.test(String.fromCodePoint(code))))
    expect(known.size).toBeGreaterThan(250_000)
    const wrong: string[] = []
    const compare = (
      what: string,
      code: number,
      ours: readonly number[] | boolean,
      theirs: readonly number[] | boolean,
    ): void => {
      if (String(ours) !== String(theirs))
        wrong.push(`${what} U+${code.toString(16)}: ${String(ours)}, not ${String(theirs)}`)
    }
    const classes = Object.entries(facts.classes).map(([name, codes]) => {
      const letter = /[dsw]/.exec(name)?.[0] ?? ''
      return {
        name,
        theirs: new Set(codes),
        ours: kindTest(letter, name.startsWith('(')),
        opposite: kindTest(letter.toUpperCase(), name.startsWith('(')),
      }
    })
    const spaces = new Set(facts.space)
    for (const code of known) {
      // Ideographs and the like are all the same; a sample of them will do.
      if (!process.env['COALMINE_LONG'] && isUniform(code) && code % 97 !== 0) continue
      compare('casefold', code, casefold([code]), facts.casefold[code] ?? [code])
      compare('lower', code, lowercase([code]), facts.lower[code] ?? [code])
      compare('space', code, isSpace(code), spaces.has(code))
      for (const { name, theirs, ours, opposite } of classes) {
        compare(name, code, ours(code), theirs.has(code))
        compare(`not ${name}`, code, opposite(code), !theirs.has(code))
      }
      const group = caseGroup(code).filter((each) => known.has(each))
      compare(
        'alike',
        code,
        group.toSorted((a, b) => a - b),
        (alike[code] ?? [code]).filter((each) => known.has(each)).toSorted((a, b) => a - b),
      )
    }
    expect(wrong).toEqual([])
  })

  itWith(python, 'in bytes, whether they are UTF-8 or not', async () => {
    const odd = [
      '\xc0\x80',
      '\xe0\x80\x80',
      '\xed\xa0\x80',
      '\xed\xbf\xbf',
      '\xf4\x90\x80\x80',
      '\xf0\x8f\xbf\xbf',
      '\xf5\x80',
      '\xe2\x82',
      '\xe2\x82a',
      '\xf0\x9f\x98',
      '\xf0\x9f\x98\x80',
    ]
    const byte = fc.oneof(
      fc.constantFrom(
        0x41,
        0x7f,
        0x80,
        0x8f,
        0x90,
        0x9f,
        0xa0,
        0xbf,
        0xc1,
        0xc2,
        0xdf,
        0xe0,
        0xed,
        0xef,
        0xf0,
        0xf4,
        0xf5,
        0xff,
      ),
      fc.nat(255),
    )
    const samples = [
      ...odd,
      ...fc.sample(
        fc.array(byte, { maxLength: 8 }).map((each) => String.fromCharCode(...each)),
        { numRuns: 3000, seed: 1 },
      ),
    ]
    const [theirs] = (await askPython([{ decode: samples }])) as [number[][]]
    for (const [i, sample] of samples.entries()) {
      const codes = decode(sample)
      expect(codes, JSON.stringify(sample)).toEqual(theirs[i])
      expect(encode(codes)).toBe(sample)
      expect(codes.reduce((sum, code) => sum + byteLength(code), 0)).toBe(sample.length)
      if (sample !== '') expect(codePointAt(sample, 0)).toBe(codes[0])
    }
  })

  itWith(python, 'in white space at the ends of a line', async () => {
    const char = fc.constantFrom(32, 9, 13, 0x1c, 0x1f, 0x85, 0xa0, 0x200b, 0x2028, 0x3000, 0xfeff, 0x180e, 65, 0xdcff)
    const samples = fc.sample(fc.array(char, { maxLength: 6 }), { numRuns: 1000, seed: 2 })
    const theirs = (await askPython(samples.map((codes) => ({ strip: codes })))) as number[][]
    for (const [i, codes] of samples.entries()) expect(decode(strip(encode(codes)))).toEqual(theirs[i])
  })
})
