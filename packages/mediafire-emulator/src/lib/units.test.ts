import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyWords, hasAllUnits, hasUnit, leadingBytes, unitBytes, unitCount, unitSizeOf, withUnit } from './units.ts'

const MiB = 2 ** 20

describe('unitSizeOf()', () => {
  // Judge: the table of sizes that the service's own uploaders compute by.
  it.each([
    [0, 4, 1],
    [4 * MiB - 1, 4, 1],
    [4 * MiB, 1, 4],
    [16 * MiB - 1, 1, 16],
    [16 * MiB, 2, 8],
    [64 * MiB - 1, 2, 32],
    [64 * MiB, 4, 16],
    [256 * MiB, 8, 32],
    [1024 * MiB, 16, 64],
    [4096 * MiB, 32, 128],
    [16 * 1024 * MiB, 64, 256],
    [50 * 1024 * MiB, 64, 800],
  ])('of %d bytes is %d MiB, %d of them', (size, unit, count) => {
    expect(unitSizeOf(size)).toBe(unit * MiB)
    expect(unitCount(size, unitSizeOf(size))).toBe(count)
  })

  it('leaves no byte over and none missing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 * 1024 * MiB }), (size) => {
        const unit = unitSizeOf(size)
        const count = unitCount(size, unit)
        expect((count - 1) * unit + unitBytes(size, unit, count - 1)).toBe(size)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('the bitmap', () => {
  // Judge: the examples of the service.
  it('has 16 units in a word, the lowest first', () => {
    const of = (units: number[]): number[] => units.reduce((words, unit) => withUnit(words, unit), emptyWords(21))
    expect(of([])).toEqual([0, 0])
    expect(of([0, 1, 2, 3])).toEqual([15, 0])
    expect(of([...Array(16).keys(), 20])).toEqual([65_535, 16])
  })

  it('tells exactly the units that were put in', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 99 })), (units) => {
        let words = emptyWords(100)
        for (const unit of units) words = withUnit(words, unit)
        const told = [...Array(100).keys()].filter((unit) => hasUnit(words, unit))
        expect(told).toEqual([...units].sort((a, b) => a - b))
        expect(hasAllUnits(words, 100)).toBe(units.length === 100)
        const first = [...Array(101).keys()].find((unit) => !units.includes(unit))!
        expect(leadingBytes(words, 997, 10)).toBe(Math.min(first * 10, 997))
        expect(words.every((word) => word >= 0 && word <= 0xffff)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
