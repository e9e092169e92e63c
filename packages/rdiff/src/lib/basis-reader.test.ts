import { type ByteRange, type ByteSource, collect, fromBytes } from '@coalmine/bytes'
import { createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BasisReader } from './basis-reader.ts'

const random = createRandom('basis')
const bytes = Uint8Array.from({ length: 1_000_000 }, () => random.integer(0, 255))

function counted(content: Uint8Array): ByteSource & { trips: number; read: number } {
  const inner = fromBytes(content)
  const source = {
    size: content.length,
    trips: 0,
    read: 0,
    open(range?: ByteRange) {
      source.trips += 1
      source.read += (range?.end ?? content.length) - (range?.start ?? 0)
      return inner.open(range)
    },
  }
  return source
}

describe('BasisReader', () => {
  it('reads ranges in order in few trips, and nothing twice', async () => {
    const source = counted(bytes)
    const reader = new BasisReader(source)
    for (let start = 0; start + 500 <= bytes.length; start += 500) {
      expect(Buffer.from(await collect(reader.read(start, 500))).equals(bytes.subarray(start, start + 500))).toBe(true)
    }
    expect(source.trips).toBeLessThanOrEqual(12)
    expect(source.read).toBeLessThan(1.01 * bytes.length)
  })

  it('reads a large range as it comes', async () => {
    const source = counted(bytes)
    const sizes: number[] = []
    for await (const chunk of new BasisReader(source).read(10, 900_000)) sizes.push(chunk.length)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536)
    expect([source.trips, source.read]).toEqual([1, 900_000])
  })

  it('gives any ranges, and never reads much more than it gives', async () => {
    const starts = fc.oneof(
      fc.nat({ max: bytes.length - 1 }),
      fc.constantFrom(0, 1000, bytes.length - 100, bytes.length - 1),
    )
    const lengths = fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1, max: 300_000 }))
    const ranges = fc.array(fc.tuple(starts, lengths, fc.boolean()), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(ranges, async (wanted) => {
        const source = counted(bytes)
        const reader = new BasisReader(source)
        let given = 0
        let last = 0
        for (const [start, length, follow] of wanted) {
          const from = follow && last < bytes.length ? last : start
          const end = Math.min(bytes.length, from + length)
          const expected = bytes.subarray(from, end)
          const held = reader.held(from, end - from) ?? (await collect(reader.read(from, end - from)))
          expect(Buffer.compare(held, expected)).toBe(0)
          given += end - from
          last = end
        }
        expect(source.read).toBeLessThanOrEqual(6 * given + 4096 * wanted.length)
        expect(source.trips).toBeLessThanOrEqual(wanted.length)
      }),
      { numRuns: 1000 },
    )
  })
})
