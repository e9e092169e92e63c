import { choppings } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, type ByteStream, collect, fromChunks, UnexpectedEndError } from '../index.ts'

// The judge of these tests is Buffer.subarray() of the whole content.

const content = Buffer.from(Array.from({ length: 1000 }, (_, i) => i * 7))

type Step = { kind: 'read' | 'upTo' | 'some' | 'skip'; count: number }
const anySteps = fc.array(
  fc.record({ kind: fc.constantFrom<Step['kind'][]>('read', 'upTo', 'some', 'skip'), count: fc.nat(60) }),
  { maxLength: 40 },
)

describe('ByteReader', () => {
  it('hands out every byte once and in order, whatever the pieces and the calls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 30 }),
        anySteps,
        async (parts, steps) => {
          const whole = Buffer.concat(parts)
          const reader = new ByteReader(fromChunks(parts))
          let at = 0
          for (const { kind, count } of steps) {
            const expected = whole.subarray(at, at + count)
            if (kind === 'upTo') {
              expect(expected.equals(await reader.readUpTo(count))).toBe(true)
            } else if (kind === 'some') {
              const piece = await reader.readSome(count + 1)
              if (at === whole.length) {
                expect(piece).toBeUndefined()
                continue
              }
              expect(piece!.length).toBeGreaterThan(0)
              expect(whole.subarray(at, at + piece!.length).equals(piece!)).toBe(true)
              at += piece!.length
              continue
            } else if (expected.length < count) {
              const call = kind === 'read' ? reader.read(count) : reader.skip(count)
              await expect(call).rejects.toMatchObject({ wanted: count, got: expected.length, code: 'unexpected-end' })
            } else if (kind === 'read') {
              expect(expected.equals(await reader.read(count))).toBe(true)
            } else {
              await reader.skip(count)
            }
            at += expected.length
            expect(reader.offset).toBe(at)
          }
          expect(await reader.atEnd()).toBe(at === whole.length)
          expect(reader.offset).toBe(at)
          expect(whole.subarray(at).equals(await collect(reader.rest()))).toBe(true)
          expect(await reader.atEnd()).toBe(true)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('reads the same whole, byte by byte and in random pieces', async () => {
    for (const way of choppings(content)) {
      const reader = new ByteReader(way.stream())
      expect(content.subarray(0, 10).equals(await reader.read(10)), way.name).toBe(true)
      await reader.skip(500)
      expect(content.subarray(510, 513).equals(await reader.read(3))).toBe(true)
      expect((await reader.read(0)).length).toBe(0)
      expect(content.subarray(513).equals(await reader.readUpTo(10_000))).toBe(true)
      expect(await reader.readSome()).toBeUndefined()
      await expect(reader.read(1)).rejects.toBeInstanceOf(UnexpectedEndError)
    }
  })

  it('copies nothing that lies in one chunk', async () => {
    const reader = new ByteReader(fromChunks([content]))
    await reader.skip(5)
    const piece = await reader.read(20)
    expect([piece.buffer, piece.byteOffset]).toEqual([content.buffer, content.byteOffset + 5])
  })

  it('pulls nothing before it has to', async () => {
    let pulled = 0
    async function* stream(): ByteStream {
      for (;;) {
        pulled += 1
        yield content.subarray(0, 10)
      }
    }
    const reader = new ByteReader(stream())
    expect(pulled).toBe(0)
    await reader.read(0)
    expect(pulled).toBe(0)
    await reader.read(10)
    expect(pulled).toBe(1)
    await reader.read(11)
    expect(pulled).toBe(3)
    await reader.close()
  })

  it('lets go of the stream when it is closed, also by leaving rest(), and is at its end then', async () => {
    for (const leave of ['close', 'rest']) {
      let closed = 0
      async function* stream(): ByteStream {
        try {
          for (;;) yield content
        } finally {
          closed += 1
        }
      }
      const reader = new ByteReader(stream())
      await reader.read(3)
      if (leave === 'close') {
        await reader.close()
      } else {
        for await (const chunk of reader.rest()) {
          expect(chunk.length).toBe(997)
          break
        }
      }
      await reader.close()
      expect(closed).toBe(1)
      expect(await reader.atEnd()).toBe(true)
      expect(await reader.readSome()).toBeUndefined()
      await expect(reader.read(1)).rejects.toBeInstanceOf(UnexpectedEndError)
    }
  })

  it('never takes an error of the stream for its end, not even the second time', async () => {
    const failure = new Error('the network is gone')
    async function* stream(): ByteStream {
      yield content
      throw failure
    }
    const reader = new ByteReader(stream())
    await reader.skip(1000)
    await expect(reader.readSome()).rejects.toBe(failure)
    await expect(reader.readSome()).rejects.toBe(failure)
    await expect(reader.atEnd()).rejects.toBe(failure)
    await expect(reader.readUpTo(5)).rejects.toBe(failure)
    await expect(reader.skip(5)).rejects.toBe(failure)
    await expect(collect(reader.rest())).rejects.toBe(failure)
  })

  it('refuses what is no count', async () => {
    const reader = new ByteReader(fromChunks([content]))
    for (const count of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(reader.read(count)).rejects.toBeInstanceOf(RangeError)
      await expect(reader.readUpTo(count)).rejects.toBeInstanceOf(RangeError)
      await expect(reader.skip(count)).rejects.toBeInstanceOf(RangeError)
    }
    await expect(reader.readSome(0)).rejects.toBeInstanceOf(RangeError)
    await expect(reader.readSome(Number.NaN)).rejects.toBeInstanceOf(RangeError)
    expect(reader.offset).toBe(0)
  })
})
