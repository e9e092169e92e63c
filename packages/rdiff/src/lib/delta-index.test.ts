import { fromChunks } from '@coalmine/bytes'
import { createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeltaEncoder } from './delta-encoder.ts'
import { DeltaIndex, mayHold } from './delta-index.ts'
import { signature } from './signature.ts'
import { readSignature, type Signature } from './signature-decoder.ts'

const random = createRandom('index')

function made(weak: Iterable<number>, strong: Uint8Array, strongBytes: number, blockBytes = 512): Signature {
  return { kind: 'rollsum', hash: 'md4', blockBytes, strongBytes, weak: Uint32Array.from(weak), strong }
}

describe('DeltaIndex', () => {
  it('finds the first of the blocks with both sums, and no other (judge: looking through all of them)', () => {
    const sums = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(sums, fc.nat({ max: 3 })), { maxLength: 60 }),
        fc.integer({ min: 1, max: 16 }),
        (blocks, strongBytes) => {
          // Strong sums that differ in the first byte, in the last one, or not at all.
          const strongOf = (which: number) => {
            const strong = new Uint8Array(strongBytes)
            if (which === 1) strong[0] = 200
            if (which === 2) strong[strongBytes - 1]! += 1
            if (which === 3) strong.fill(255)
            return strong
          }
          const strong = Buffer.concat(blocks.map(([, which]) => strongOf(which)))
          const index = new DeltaIndex(
            made(
              blocks.map(([weak]) => weak),
              strong,
              strongBytes,
            ),
          )
          const asked = new Set([...blocks.map(([weak]) => weak), 0, 1, 2 ** 31, 2 ** 32 - 1])
          const wrong: unknown[] = []
          for (const weak of asked) {
            const known = blocks.some(([other]) => other === weak)
            if (index.has(weak) !== known) wrong.push(['has', weak])
            if (known && !mayHold(index.filter, weak)) wrong.push(['mayHold', weak])
            for (const which of [0, 1, 2, 3]) {
              const wanted = Buffer.concat([Buffer.from([9]), strongOf(which)])
              const same = blocks.map(
                ([other], i) =>
                  other === weak && wanted.compare(strong, i * strongBytes, (i + 1) * strongBytes, 1) === 0,
              )
              if (index.find(weak, wanted, 1) !== same.indexOf(true)) wrong.push(['find', weak, which])
              same.forEach((expected, i) => {
                if (index.matches(i, weak, wanted, 1) !== expected) wrong.push(['matches', i, weak, which])
              })
            }
          }
          expect(wrong).toEqual([])
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('holds what it says it holds at most', () => {
    for (const blocks of [0, 1, 2, 3, 1000, 65_535, 65_536, 300_000]) {
      const sums = new Uint32Array(random.bytes(4 * blocks).buffer.slice(0, 4 * blocks))
      const { memoryBytes } = new DeltaIndex(made(sums, new Uint8Array(8 * blocks), 8))
      expect(memoryBytes).toBeLessThanOrEqual((blocks < 16_384 ? 44 : 20) * blocks + 200)
    }
  })

  it('refuses a signature that contradicts itself', () => {
    expect(() => new DeltaIndex(made([1, 2], new Uint8Array(15), 8))).toThrow(RangeError)
    for (const bad of [
      made([1], new Uint8Array(8), 8, 0),
      made([1], new Uint8Array(17), 17),
      made([], new Uint8Array(0), 0),
    ]) {
      expect(() => new DeltaIndex(bad)).toThrow(RangeError)
    }
  })
})

describe('the work of a delta is bounded', () => {
  const blocks = 20_000
  const content = new Uint8Array(300_000)

  it('when all blocks of the basis have the weak sum of the content, and other strong ones', async () => {
    const { weak } = await readSignature(fromChunks([signature(content.subarray(0, 512), { blockBytes: 512 })]))
    const flood = made(
      Array.from({ length: blocks }, () => weak[0]!),
      random.bytes(8 * blocks),
      8,
    )
    const index = new DeltaIndex(flood)
    const encoder = new DeltaEncoder(index)
    const parts = [...encoder.push(content), ...encoder.finish()]
    expect(Buffer.concat(parts).length).toBeGreaterThan(content.length)
    // 128 bytes hashed for each byte, and one where a change in place would end, instead of 512; and of comparisons for
    // each check, the logarithm.
    expect(encoder.wastedBytes).toBeLessThanOrEqual(130 * content.length + 2 ** 20 + 512)
    const checks = encoder.wastedBytes / 512
    expect(index.comparisons).toBeLessThanOrEqual(20 * (content.length + checks))
  })

  it('when all blocks of the basis are the same, as the content is', async () => {
    const basis = await readSignature(fromChunks([signature(content, { blockBytes: 16 })]))
    const index = new DeltaIndex(basis)
    const encoder = new DeltaEncoder(index)
    const parts = [...encoder.push(content), ...encoder.finish()]
    expect(Buffer.concat(parts).toString('hex')).toBe('7273023647 00 000493e0 00'.replaceAll(' ', ''))
    expect(encoder.wastedBytes).toBe(0)
    expect(index.comparisons).toBeLessThanOrEqual(20)
  })

  it('when a block is looked for among 200,000 equal ones', () => {
    const many = 200_000
    const index = new DeltaIndex(made(new Uint32Array(many), new Uint8Array(16 * many), 16))
    expect(index.find(0, new Uint8Array(16), 0)).toBe(0)
    expect(index.find(0, new Uint8Array(16).fill(1), 0)).toBe(-1)
    expect(index.comparisons).toBeLessThanOrEqual(38)
  })
})
