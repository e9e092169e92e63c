import { createRandom } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { drawBelow } from './draw.ts'

/** Gives these bytes, then fails: so a draw that throws its bytes away shows. */
function only(...bytes: number[]): (count: number) => Uint8Array {
  let given = false
  return (count) => {
    if (given) throw new Error('thrown away')
    given = true
    return Uint8Array.from(bytes.slice(0, count))
  }
}

/** How many of the 65536 pairs of bytes lead to each result, and how many to none. Judge: counting. */
function tally(limit: number): { counts: Uint32Array; thrownAway: number } {
  const counts = new Uint32Array(limit)
  let thrownAway = 0
  for (let value = 0; value < 65_536; value++) {
    try {
      counts[drawBelow(limit, only(value >> 8, value & 255))]! += 1
    } catch {
      thrownAway += 1
    }
  }
  return { counts, thrownAway }
}

describe('drawBelow()', () => {
  it.each([1, 2, 3, 6, 7, 10, 255, 256, 257, 1000, 7775, 7776, 7777, 32_767, 32_768, 32_769, 40_000, 65_535, 65_536])(
    'gives each result below %i exactly as many pairs of bytes as any other, and as many as there can be',
    (limit) => {
      const { counts, thrownAway } = tally(limit)
      expect(new Set(counts)).toEqual(new Set([Math.floor(65_536 / limit)]))
      expect(thrownAway).toBe(65_536 % limit)
    },
  )

  it('draws again what it throws away', () => {
    // 7776 goes eight times into 62208; FFFF is beyond.
    const bytes = [0xff, 0xff, 0xf3, 0x00, 0x00, 0x05]
    expect(drawBelow(7776, (count) => Uint8Array.from(bytes.splice(0, count)))).toBe(5)
    expect(bytes).toEqual([])
  })

  it('is in range for any limit and any bytes', () => {
    const random = createRandom('draw')
    for (let turn = 0; turn < 5000; turn++) {
      const limit = random.integer(1, 65_536)
      const drawn = drawBelow(limit, (count) => random.bytes(count))
      expect(Number.isInteger(drawn) && drawn >= 0 && drawn < limit).toBe(true)
    }
  })

  it('takes the bytes of the system unless told otherwise', () => {
    expect(new Set(Array.from({ length: 40 }, () => drawBelow(65_536))).size).toBeGreaterThan(30)
  })

  it.each([0, -1, 1.5, Number.NaN, 65_537])('refuses %d', (limit) => {
    expect(() => drawBelow(limit)).toThrow(RangeError)
  })
})
