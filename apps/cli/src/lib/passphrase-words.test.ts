import { createHash } from 'node:crypto'
import { createRandom } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { generatePassphrase, passphraseWords } from './passphrase-words.ts'

const list = await passphraseWords()

/** Pearson's statistic of how often each word came, in standard deviations from what chance gives. */
function deviation(counts: Uint32Array, draws: number): number {
  const expected = draws / counts.length
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  const freedom = counts.length - 1
  return (statistic - freedom) / Math.sqrt(2 * freedom)
}

describe('passphraseWords()', () => {
  it('are 7776, all different, of three to nine small letters, and the ones that were looked at', () => {
    expect(new Set(list).size).toBe(7776)
    expect(list.filter((word) => !/^[a-z]{3,9}$/.test(word))).toEqual([])
    // Another list would make other passphrases: look at it before this is changed.
    const sum = createHash('sha256').update(list.join('\n')).digest('hex')
    expect(sum).toBe('3a9f479e47d982dbf90bfa42619cd1946f11b122bbccbec22e316104187cf401')
  })
})

describe('generatePassphrase()', () => {
  it('draws every word equally often, by a test that finds the bias of a mere remainder', () => {
    const at = new Map(list.map((word, index) => [word, index]))
    const random = createRandom('words')
    const draws = 50 * list.length
    const fair = new Uint32Array(list.length)
    for (const word of generatePassphrase(list, draws, (count) => random.bytes(count)).text.split(' '))
      fair[at.get(word)!]! += 1
    expect(Math.abs(deviation(fair, draws))).toBeLessThan(4)

    const biased = new Uint32Array(list.length)
    for (let turn = 0; turn < draws; turn++) biased[random.bytes(2).readUInt16BE() % list.length]! += 1
    expect(deviation(biased, draws)).toBeGreaterThan(6)
  })

  it('draws each word independently of the one before', () => {
    // Over a short list, so that each pair comes often enough to be counted.
    const words = list.slice(0, 60)
    const random = createRandom('pairs')
    const pairs = new Uint32Array(words.length ** 2)
    const draws = 40 * pairs.length
    const drawn = generatePassphrase(words, 2 * draws, (count) => random.bytes(count)).text.split(' ')
    for (let turn = 0; turn < draws; turn++) {
      pairs[words.indexOf(drawn[2 * turn]!) * words.length + words.indexOf(drawn[2 * turn + 1]!)]! += 1
    }
    expect(Math.abs(deviation(pairs, draws))).toBeLessThan(4)
  })

  it('says the bits of what was equally likely', () => {
    const { text, words, choices, bits } = generatePassphrase(list, 6)
    expect(text.split(' ')).toHaveLength(6)
    expect(text.split(' ').every((word) => list.includes(word))).toBe(true)
    expect([words, choices]).toEqual([6, 7776])
    expect(2 ** bits / 7776 ** 6).toBeCloseTo(1, 9)
  })

  it('counts a word once that is in the list twice', () => {
    const { choices, bits } = generatePassphrase(['a', 'b', 'a', 'c', 'd', 'a'], 5)
    expect([choices, bits]).toEqual([4, 10])
  })

  it('is another one each time', () => {
    expect(new Set(Array.from({ length: 20 }, () => generatePassphrase(list, 6).text)).size).toBe(20)
  })
})
