import type { InteropCase } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { countPairs, expectedPairs, pairTable } from './pairs.ts'

const tried: InteropCase = {
  version: '0.8.22',
  direction: 'coalmine-to-duplicity',
  encryption: 'none',
  volsize: 1,
  outcome: 'same',
}

describe('countPairs()', () => {
  it('counts every expected pair, also those without a case', () => {
    const counts = countPairs([tried, tried, { ...tried, outcome: 'different' }])
    expect(counts).toHaveLength(expectedPairs.length)
    expect(counts.filter((count) => count.same + count.different > 0)).toEqual([
      { version: '0.8.22', direction: 'coalmine-to-duplicity', encryption: 'none', volsize: 1, same: 2, different: 1 },
    ])
  })

  it('adds pairs nobody expected', () => {
    expect(countPairs([{ ...tried, volsize: 25 }])).toHaveLength(expectedPairs.length + 1)
  })
})

describe('pairTable()', () => {
  it('says of each pair how often it was tried, and shouts what is wrong', () => {
    const lines = pairTable(countPairs([tried, { ...tried, encryption: 'passphrase', outcome: 'different' }]))
    expect(lines).toHaveLength(1 + expectedPairs.length)
    expect(lines[1]).toBe('duplicity 0.8.22  reads ours  none        1 MiB    1      same')
    expect(lines[3]).toBe('duplicity 0.8.22  reads ours  passphrase  1 MiB    1      1 DIFFERENT')
    expect(lines[2]).toMatch(/200 MiB {2}0 {6}NOT TRIED$/)
  })
})
