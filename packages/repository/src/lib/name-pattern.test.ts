import { type RawPath, rawFromText } from '@coalmine/bytes'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNamePattern } from './name-pattern.ts'

const matches = (pattern: string, path: string) => createNamePattern(rawFromText(pattern))(rawFromText(path))

describe('createNamePattern()', () => {
  it.each([
    ['*.txt', 'a/b/letter.txt', true],
    ['*.txt', 'a.txt/b', false],
    ['a/*.txt', 'a/letter.txt', true],
    ['/a/*.txt', 'a/letter.txt', true],
    ['a/*.txt', 'b/a/letter.txt', false],
    ['a/*', 'a/b/c', false],
    ['a/**', 'a/b/c', true],
    ['a/**', 'a', false],
    ['**/letter', 'letter', true],
    ['**/letter', 'a/b/letter', true],
    ['**tt**', 'a/b/letter', true],
    ['l?tter', 'lütter', true],
    ['l?tter', 'l/tter', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['[]]x', ']x', true],
    ['[ü]x', 'üx', true],
    ['[x', '[x', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['.', '', true],
    ['*', '', true],
  ])('"%s" and "%s": %s', (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected)
  })

  it('takes bytes that are no UTF-8 for a character each', () => {
    const test = createNamePattern('a?b' as RawPath)
    expect(test('a\xffb' as RawPath)).toBe(true)
    expect(test('a\xff\xfeb' as RawPath)).toBe(false)
    expect(createNamePattern('a\xffb' as RawPath)('a\xffb' as RawPath)).toBe(true)
    expect(createNamePattern('a\xffb' as RawPath)('a\xfeb' as RawPath)).toBe(false)
  })

  it('matches what the regular expression matches that says the same (judge: JavaScript)', () => {
    const words: Record<string, string> = { '*': '[^/]*', '**': '.*', '?': '[^/]', '[ab]': '[ab]', '[!b]': '[^/b]' }
    const word = fc.constantFrom('a', 'b', 'ü', '/', '*', '**', '?', '[ab]', '[!b]')
    const chars = fc.array(fc.constantFrom('a', 'b', 'ü', '/'), { maxLength: 9 })
    let found = 0
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 7 }), chars, (parts, text) => {
        // Stars side by side are one `**`; slashes at the ends are none.
        const pattern = parts
          .join('')
          .replaceAll(/\*{2,}/g, '**')
          .replaceAll(/^\/+|\/+$/g, '')
        const path = text
          .join('')
          .replaceAll(/^\/+|\/+$/g, '')
          .replaceAll(/\/+/g, '/')
        fc.pre(pattern !== '' && path !== '')
        const source = pattern.replaceAll(/\*\*|\*|\?|\[ab\]|\[!b\]/g, (one) => words[one]!)
        const isDeep = /\/|\*\*/.test(pattern)
        const subject = isDeep ? `/${path}` : path.split('/').at(-1)!
        const front = isDeep && !pattern.startsWith('**') ? '/' : ''
        const expected = new RegExp(`^${front}${source}$`, 'su').test(subject)
        found += expected ? 1 : 0
        expect(matches(pattern, path)).toBe(expected)
      }),
      { numRuns: 3000 },
    )
    expect(found).toBeGreaterThan(100)
  })

  it('takes no longer for what was made to take long', () => {
    const test = createNamePattern(`${'*a'.repeat(50)}b` as RawPath)
    expect(test('a'.repeat(4000) as RawPath)).toBe(false)
  })
})
