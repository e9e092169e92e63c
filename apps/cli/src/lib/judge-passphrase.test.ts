import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createJudge, isShort, isWeak, shortChars, standsFor, timeText } from './judge-passphrase.ts'
import { generatePassphrase, passphraseWords } from './passphrase-words.ts'

const judge = await createJudge()
const judged = (text: string | Buffer) => judge(Buffer.from(text))

describe('createJudge()', () => {
  it.each([
    'test',
    'password',
    'p@ssw0rd',
    'qwertyuiop',
    'coalmine1',
    'Tr0ub4dor&3',
    '1984-06-04',
    'aaaaaaaaaaaaaaaaaaaa',
  ])('finds "%s" weak', (text) => {
    expect(isWeak(judged(text))).toBe(true)
  })

  it('finds nothing of what we generate weak, from the fewest words on', async () => {
    const words = await passphraseWords()
    for (const count of [4, 5, 6, 8]) {
      for (let turn = 0; turn < 25; turn++) {
        const { text, bits } = generatePassphrase(words, count)
        const judgement = judged(text)
        expect(isWeak(judgement), text).toBe(false)
        expect(judgement.bits, text).toBeGreaterThan(bits - 13)
      }
    }
  })

  it('finds all short ones weak, and no shorter than it must', () => {
    const short = fc.constantFrom('grapheme' as const, 'binary-ascii' as const).chain((unit) => {
      return fc.string({ unit, maxLength: shortChars - 1 })
    })
    fc.assert(
      fc.property(short, (text) => {
        fc.pre(isShort(Buffer.from(text)))
        expect(isWeak(judged(text))).toBe(true)
      }),
      { numRuns: 300 },
    )
    expect(isShort(Buffer.from('x7Kq9mZt2Rb'))).toBe(true)
    expect(isShort(Buffer.from('x7Kq9mZt2Rbw'))).toBe(false)
  })

  it('lets twelve random characters pass', () => {
    expect(judged('x7Kq9mZt2Rbw').score).toBe(3)
    expect(judged('x7Kq9mZt2Rb').score).toBe(2)
  })

  it('says what is wrong of a weak one, and nothing of a good one', () => {
    expect(judged('p@ssw0rd')).toMatchObject({ score: 0, warning: expect.stringContaining('commonly used') as string })
    expect(judged('p@ssw0rd').suggestions.length).toBeGreaterThan(0)
    expect(judged('kT9#vLq2!xWmRz8&')).toMatchObject({ score: 4, warning: undefined, suggestions: [], partly: false })
  })

  it('counts guesses in bits', () => {
    const { guesses, bits } = judged('kT9#vLq2!xWmRz8&')
    expect(2 ** bits / guesses).toBeCloseTo(1, 9)
  })

  it('looks at the ends of a long one only, so any length is judged', () => {
    const good = 'kT9#vLq2!xWmRz8&'
    expect(judged('a'.repeat(200_000))).toMatchObject({ score: 0, partly: true })
    expect(isWeak(judged('a'.repeat(200_000) + good))).toBe(false)
    expect(isWeak(judged(good + 'a'.repeat(200_000)))).toBe(false)
    // What takes longest: every character may stand for several letters.
    expect(judged('4@8({[<6931!|10$5+7%2'.repeat(5000)).partly).toBe(true)
  })

  it('takes any bytes', () => {
    expect(judged(Buffer.alloc(20, 0xff)).score).toBeLessThan(3)
    expect(isWeak(judged(Buffer.from('8f3a91c27be4d05f6a1788c3e9b6f0d1', 'hex')))).toBe(false)
    expect(isWeak(judged('пароль'))).toBe(true)
  })
})

describe('standsFor()', () => {
  it('is a thousand times shorter against a thousand cards', () => {
    const judgement = {
      score: 2,
      guesses: 20_000 * 86_400 * 5000,
      bits: 0,
      warning: undefined,
      suggestions: [],
      partly: false,
    } as const
    expect(standsFor(judgement)).toEqual({ one: '13 years', thousand: '5 days' })
  })
})

describe('timeText()', () => {
  it.each([
    [0, 'less than a second'],
    [1, '1 second'],
    [59.9, '59 seconds'],
    [60, '1 minute'],
    [7200, '2 hours'],
    [86_400 * 3, '3 days'],
    [31_557_600, '1 year'],
    [31_557_600 * 1234.5, '1,234 years'],
    [31_557_600 * 5e6, '5 million years'],
    [31_557_600 * 1e12, 'longer than the world is old'],
    [Number.POSITIVE_INFINITY, 'longer than the world is old'],
  ])('%d s: %s', (seconds, text) => {
    expect(timeText(seconds)).toBe(text)
  })
})
