import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyProblem, quoteKey } from './keys.ts'
import { requireKey } from './refusals.ts'

describe('keyProblem()', () => {
  it.each([
    'duplicity-full.20200102T030405Z.vol1.difftar.gpg',
    ' ',
    '...',
    '.hidden',
    '-rf',
    'a b',
    'a%2Fb',
    'a\\b',
    'a:b*?"<>|',
    'tab\there',
    'é',
    '\u{1f426}',
    '.coalmine-check',
    'x'.repeat(255),
    'é'.repeat(127),
  ])('lets a good key be, number %#', (key) => {
    expect(keyProblem(key)).toBeUndefined()
  })

  it.each([
    ['', 'it is empty'],
    ['.', 'it stands for a folder'],
    ['..', 'it stands for a folder'],
    ['/', 'it has a slash, a line break or a NUL in it'],
    ['a/b', 'it has a slash, a line break or a NUL in it'],
    ['a\0b', 'it has a slash, a line break or a NUL in it'],
    ['a\rb', 'it has a slash, a line break or a NUL in it'],
    ['a\n', 'it has a slash, a line break or a NUL in it'],
    ['\ud800x', 'it is no proper text'],
    ['.coalmine-tmp-0123', 'names that begin with ".coalmine-tmp-" are reserved'],
    ['x'.repeat(256), 'it is longer than 255 bytes'],
    ['é'.repeat(128), 'it is longer than 255 bytes'],
    ['x'.repeat(10_000_000), 'it is longer than 255 bytes'],
  ])('says what is wrong with a bad key, number %#', (key, problem) => {
    expect(keyProblem(key)).toBe(problem)
    expect(() => requireKey('stat', key)).toThrow(
      expect.objectContaining({
        code: 'invalid-key',
        operation: 'stat',
        key,
        message: `Cannot look up ${quoteKey(key)}: ${problem}`,
      }),
    )
  })

  it('accepts only what is one name on disk and comes back as the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (key) => {
        if (keyProblem(key) !== undefined) return
        const oneName = Buffer.from(key).toString('utf8') === key && Buffer.byteLength(key) <= 255
        expect(oneName && !/[/\0\r\n]/.test(key)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('quoteKey()', () => {
  it('is one short line whatever the key is', () => {
    expect(quoteKey('')).toBe('""')
    expect(quoteKey('a\u001b[2J\nb')).toBe('"a\\x1b[2J\\nb"')
    expect(quoteKey('x'.repeat(1000))).toBe(`"${'x'.repeat(300)}…"`)
  })
})
