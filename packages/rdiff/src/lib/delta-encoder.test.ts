import { collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { chop, choppings, createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editCases } from '../../test/edit-cases.ts'
import { deltaVectors, pattern } from '../../test/vectors.ts'
import { DeltaEncoder, type DeltaEncoderOptions } from './delta-encoder.ts'
import { DeltaIndex } from './delta-index.ts'
import { patch } from './patch.ts'
import { signature } from './signature.ts'
import { readSignature, type Signature } from './signature-decoder.ts'

const random = createRandom('delta')

async function signed(content: Uint8Array, blockBytes: number, strongBytes = 8): Promise<Signature> {
  return readSignature(fromChunks([signature(content, { blockBytes, strongBytes })]))
}

function encode(basis: Signature | DeltaIndex, chunks: Iterable<Uint8Array>, options?: DeltaEncoderOptions): Buffer {
  const encoder = new DeltaEncoder(basis, options)
  const parts: Uint8Array[] = []
  for (const chunk of chunks) parts.push(...encoder.push(chunk))
  parts.push(...encoder.finish())
  expect(parts.every((part) => part.length > 0)).toBe(true)
  return Buffer.concat(parts)
}

for (const kernel of [true, false]) {
  describe(`DeltaEncoder ${kernel ? 'with' : 'without'} the kernel`, () => {
    it('writes what rdiff wrote (vectors), whole, byte by byte and in random pieces', async () => {
      for (const { name, old, next, delta } of deltaVectors) {
        // librsync does not see that the blocks of a repeated one follow each other.
        const expected = name === 'one block sixteen times' ? '72730236460010004600100000' : undefined
        const basis = await signed(old, 512)
        for (const way of choppings(next)) {
          const made = encode(basis, way.chunks(), { kernel }).toString('hex')
          expect([name, way.name, made]).toEqual([name, way.name, expected ?? Buffer.from(delta).toString('hex')])
        }
      }
    })

    it('makes the content of the basis (judge: patch(), which is judged by rdiff), the same for any pieces', async () => {
      await fc.assert(
        fc.asyncProperty(editCases, fc.nat(), async ({ old, next, blockBytes }, seed) => {
          const basis = new DeltaIndex(await signed(old, blockBytes))
          const whole = encode(basis, [next], { kernel })
          if (!kernel) expect(whole.equals(encode(basis, [next]))).toBe(true)
          const again = await collect(patch(fromBytes(old), fromChunks([whole]), { maxBytes: next.length }))
          expect(next.equals(again)).toBe(true)
          for (const how of [{ seed }, 'bytes'] as const) {
            if (how === 'bytes' && next.length > 200) continue
            expect(encode(basis, chop(next, how), { kernel }).equals(whole)).toBe(true)
          }
        }),
        { numRuns: 1000 },
      )
    })

    it('does not see where it cuts what comes into steps', async () => {
      const old = random.bytes(1_500_000)
      const next = Buffer.concat([random.bytes(70_000), old.subarray(3000, 900_001), random.bytes(300_000), old])
      for (const blockBytes of [2048, 17_000, 300_000]) {
        const basis = await signed(old, blockBytes)
        const whole = encode(basis, [next], { kernel })
        for (const seed of [1, 2]) expect(encode(basis, chop(next, { seed }), { kernel }).equals(whole)).toBe(true)
        const small = Array.from({ length: Math.ceil(next.length / 999) }, (_, i) =>
          next.subarray(i * 999, i * 999 + 999),
        )
        expect(encode(basis, small, { kernel }).equals(whole)).toBe(true)
      }
    })
  })
}

describe('DeltaEncoder', () => {
  it('says nothing more of unchanged content than one copy, however long', async () => {
    const content = random.bytes(3_000_000)
    const basis = await signed(content, 2048)
    expect(encode(basis, [content]).toString('hex')).toBe('727302364700002dc6c000')
  })

  it('takes the basis from an index, which several may share at the same time', async () => {
    const old = random.bytes(100_000)
    const index = new DeltaIndex(await signed(old, 512))
    const contents = [old, Buffer.concat([Buffer.from('x'), old]), old.subarray(1000)]
    const encoders = contents.map(() => new DeltaEncoder(index))
    const parts: Uint8Array[][] = contents.map(() => [])
    for (let at = 0; at < old.length + 1; at += 7000) {
      contents.forEach((content, i) => parts[i]!.push(...encoders[i]!.push(content.subarray(at, at + 7000))))
    }
    contents.forEach((content, i) => {
      const made = Buffer.concat([...parts[i]!, ...encoders[i]!.finish()])
      expect(made.equals(encode(index, [content]))).toBe(true)
      expect(made.length).toBeLessThan(600)
    })
  })

  it('keeps nothing of a chunk, and never touches again what it gave', async () => {
    const old = random.bytes(50_000)
    const next = Buffer.concat([random.bytes(40_000), old, random.bytes(200_000)])
    const basis = await signed(old, 512)
    const expected = encode(basis, [next])
    const encoder = new DeltaEncoder(basis)
    const given: Uint8Array[] = []
    const copies: Buffer[] = []
    const note = (parts: Uint8Array[]) => {
      given.push(...parts)
      copies.push(...parts.map((part) => Buffer.from(part)))
    }
    const chunk = Buffer.alloc(30_000)
    for (let at = 0; at < next.length; at += 30_000) {
      const length = next.copy(chunk, 0, at, at + 30_000)
      note(encoder.push(chunk.subarray(0, length)))
      chunk.fill(0xff)
    }
    note(encoder.finish())
    expect(Buffer.concat(given).equals(expected)).toBe(true)
    expect(Buffer.concat(copies).equals(expected)).toBe(true)
  })

  it('is used once', async () => {
    const encoder = new DeltaEncoder(await signed(pattern(10), 512))
    encoder.finish()
    expect(() => encoder.push(pattern(1))).toThrow(TypeError)
    expect(() => encoder.finish()).toThrow(TypeError)
  })
})
