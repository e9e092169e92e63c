import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect, fromBytes, fromChunks } from '../index.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('fromBytes()', () => {
  it('opens any range, any number of times, as Buffer.subarray() cuts it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 50 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(50),
        fc.nat(50),
        async (content, chunkBytes, a, b) => {
          const start = Math.min(a, b, content.length)
          const end = Math.min(Math.max(a, b), content.length)
          const source = fromBytes(content, chunkBytes)
          expect(source.size).toBe(content.length)
          for (let time = 0; time < 2; time++) {
            const chunks: Uint8Array[] = []
            for await (const chunk of source.open({ start, end })) chunks.push(chunk)
            expect(Buffer.concat(chunks).equals(content.subarray(start, end))).toBe(true)
            expect(chunks.every((chunk) => chunk.length > 0 && chunk.length <= chunkBytes)).toBe(true)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('reaches to the edge where the range says nothing', async () => {
    const source = fromBytes(bytes(0, 1, 2, 3, 4), 2)
    expect(await collect(source.open())).toEqual(bytes(0, 1, 2, 3, 4))
    expect(await collect(source.open({}))).toEqual(bytes(0, 1, 2, 3, 4))
    expect(await collect(source.open({ start: 3 }))).toEqual(bytes(3, 4))
    expect(await collect(source.open({ end: 2 }))).toEqual(bytes(0, 1))
    expect(await collect(source.open({ start: 5 }))).toEqual(bytes())
  })

  it('refuses what lies outside at once', () => {
    const source = fromBytes(bytes(0, 1, 2, 3, 4))
    expect(() => source.open({ start: 2, end: 6 })).toThrow('Cannot open bytes 2 to 6: the source has 5')
    for (const range of [{ start: 6 }, { start: -1 }, { start: 3, end: 2 }, { end: 1.5 }, { start: Number.NaN }]) {
      expect(() => source.open(range)).toThrow(RangeError)
    }
    for (const size of [0, -1, 0.5, Number.NaN]) expect(() => fromBytes(bytes(1), size)).toThrow(RangeError)
  })
})

describe('fromChunks()', () => {
  it('leaves empty chunks out', async () => {
    const chunks: Uint8Array[] = []
    for await (const chunk of fromChunks([bytes(), bytes(1), bytes(), bytes(2, 3), bytes()])) chunks.push(chunk)
    expect(chunks).toEqual([bytes(1), bytes(2, 3)])
  })
})
