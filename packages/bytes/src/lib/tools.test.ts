import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect, concat, fromBytes, fromChunks, rechunk, take, TooLargeError } from '../index.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('rechunk()', () => {
  it('keeps the bytes and makes every chunk but the last exactly the size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 })), fc.integer({ min: 1, max: 33 }), async (parts, size) => {
        const whole = concat(parts.filter((part) => part.length > 0))
        const sizes: number[] = []
        const out: Uint8Array[] = []
        for await (const chunk of rechunk(fromChunks(parts), size)) {
          sizes.push(chunk.length)
          out.push(chunk)
        }
        expect(concat(out)).toEqual(whole)
        expect(sizes.slice(0, -1).every((length) => length === size)).toBe(true)
        expect(sizes.at(-1) ?? size).toBeLessThanOrEqual(size)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('collect()', () => {
  it('refuses to hold more than it was told', async () => {
    await expect(collect(fromChunks([bytes(1, 2), bytes(3)]), { maxBytes: 2 })).rejects.toBeInstanceOf(TooLargeError)
    expect(await collect(fromChunks([bytes(1, 2), bytes(3)]), { maxBytes: 3 })).toEqual(bytes(1, 2, 3))
  })
})

describe('take()', () => {
  it('ends after the count and pulls no further', async () => {
    let pulled = 0
    async function* endless() {
      for (;;) {
        pulled += 1
        yield bytes(1, 2, 3)
      }
    }
    expect(await collect(take(endless(), 7))).toEqual(bytes(1, 2, 3, 1, 2, 3, 1))
    expect(pulled).toBe(3)
  })
})

describe('fromBytes()', () => {
  it('opens any range and refuses what lies outside', async () => {
    const source = fromBytes(bytes(0, 1, 2, 3, 4), 2)
    expect(await collect(source.open({ start: 1, end: 4 }))).toEqual(bytes(1, 2, 3))
    expect(() => source.open({ start: 2, end: 6 })).toThrow('Cannot open bytes 2 to 6: the source has 5')
  })
})
