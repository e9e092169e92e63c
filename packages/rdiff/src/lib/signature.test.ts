import { concat } from '@coalmine/bytes'
import { choppings, createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { signatureVectors } from '../../test/vectors.ts'
import { LaneSigner } from './lane-signer.ts'
import { PlainSigner } from './plain-signer.ts'
import { createSigner, signature, SignatureEncoder } from './signature.ts'
import { encodeHeader } from './signature-format.ts'
import { sharedKernel, type WasmKernel } from './wasm-kernel.ts'

function kernel(): WasmKernel {
  const found = sharedKernel()
  if (found === undefined) throw new Error('Cannot test the kernel: run the build:wasm task first')
  return found
}

function push(signer: Pick<SignatureEncoder, 'push' | 'finish'>, chunks: Iterable<Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = []
  for (const chunk of chunks) parts.push(signer.push(chunk))
  parts.push(signer.finish())
  return concat(parts)
}

const random = createRandom('signatures')
const content = Uint8Array.from({ length: 300_000 }, () => random.integer(0, 255))

// Around the limits of blocks, of groups of four, of MD4's 64 bytes, and of one call of the kernel.
const sizesFor = (blockBytes: number) =>
  fc
    .oneof(
      { arbitrary: fc.nat({ max: 10 * blockBytes }), weight: 20 },
      {
        arbitrary: fc
          .tuple(fc.nat({ max: 9 }), fc.constantFrom(-65, -64, -9, -8, -1, 0, 1, 55, 56, 63, 64))
          .map(([blocks, more]) => blocks * blockBytes + more),
        weight: 20,
      },
      { arbitrary: fc.nat({ max: content.length }), weight: 1 },
    )
    .map((size) => Math.min(Math.max(size, 0), content.length, 5000 * blockBytes))

const blockLengths = fc.oneof(fc.constantFrom(64, 512, 1024, 1536, 4096), fc.integer({ min: 1, max: 1500 }))
const cases = blockLengths.chain((blockBytes) =>
  fc.record({
    blockBytes: fc.constant(blockBytes),
    strongBytes: fc.oneof(fc.constant(8), fc.integer({ min: 1, max: 16 })),
    start: fc.nat({ max: 100 }),
    size: sizesFor(blockBytes),
    seed: fc.nat(),
  }),
)

describe('signature()', () => {
  it('writes what rdiff wrote (vectors)', () => {
    for (const { name, content, signature: expected } of signatureVectors) {
      expect([name, signature(content, { blockBytes: 512 })]).toEqual([name, expected])
    }
  })

  it('gives the same bytes by the kernel and without it, for any lengths (judge: the plain signer)', () => {
    const shared = kernel()
    fc.assert(
      fc.property(cases, ({ blockBytes, strongBytes, start, size }) => {
        const bytes = content.subarray(start, start + size)
        const plain = push(new PlainSigner(blockBytes, strongBytes), [bytes])
        const expected = Buffer.concat([encodeHeader(blockBytes, strongBytes), plain])
        expect(expected.equals(signature(bytes, { blockBytes, strongBytes }))).toBe(true)
        const inOneCall = shared.signature(bytes, blockBytes, strongBytes)
        expect(inOneCall === undefined || expected.equals(inOneCall)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('signs content in one block, however long blocks may be', () => {
    const bytes = content.subarray(0, 1000)
    const entry = signature(bytes, { blockBytes: 1000 }).subarray(12)
    for (const blockBytes of [1001, 2 ** 30, 1_431_655_766, 2 ** 31 - 1]) {
      expect(signature(bytes, { blockBytes }).subarray(12)).toEqual(entry)
      expect(push(new SignatureEncoder({ blockBytes }), [bytes]).subarray(12)).toEqual(entry)
    }
  })

  it('gives a signature of its own, which the next call does not change', () => {
    const first = signature(content.subarray(0, 5000), { blockBytes: 512 })
    const copy = first.slice()
    signature(content.subarray(5000, 9000), { blockBytes: 512 })
    expect(first).toEqual(copy)
    expect(first.buffer.byteLength).toBe(first.length)
  })

  it('refuses lengths that no signature can have', () => {
    for (const blockBytes of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
      expect(() => signature(content, { blockBytes })).toThrow(RangeError)
      expect(() => new SignatureEncoder({ blockBytes })).toThrow(RangeError)
    }
    expect(() => signature(content, { blockBytes: 0 })).toThrow(
      'Cannot sign blocks of 0 bytes: not an integer from 1 to 2147483647',
    )
    for (const strongBytes of [0, 17, 8.5]) {
      expect(() => signature(content, { blockBytes: 512, strongBytes })).toThrow(RangeError)
    }
  })
})

describe('SignatureEncoder', () => {
  it('writes what rdiff wrote (vectors), whole, byte by byte and in random pieces', () => {
    for (const { name, content, signature: expected } of signatureVectors) {
      for (const way of choppings(content)) {
        const result = push(new SignatureEncoder({ blockBytes: 512 }), way.chunks())
        expect([name, way.name, result]).toEqual([name, way.name, expected])
      }
    }
  })

  it('gives the same bytes for any pieces (judge: the plain signer, fed whole)', () => {
    fc.assert(
      fc.property(cases, ({ blockBytes, strongBytes, start, size, seed }) => {
        const bytes = content.subarray(start, start + size)
        const expected = push(new PlainSigner(blockBytes, strongBytes), [bytes])
        const ways = choppings(bytes, seed).filter(({ how }) => how !== 'bytes' || size < 1500)
        for (const way of ways) {
          const lanes = push(new LaneSigner(kernel(), blockBytes, strongBytes), way.chunks())
          expect(Buffer.from(lanes).equals(expected)).toBe(true)
          const plain = push(new PlainSigner(blockBytes, strongBytes), way.chunks())
          expect(Buffer.from(plain).equals(expected)).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('signs blocks above 1 MiB without holding them', () => {
    const blockBytes = 1_048_577
    expect(createSigner(blockBytes, 8, kernel())).toBeInstanceOf(PlainSigner)
    expect(createSigner(blockBytes - 1, 8, kernel())).toBeInstanceOf(LaneSigner)
    const encoder = new SignatureEncoder({ blockBytes })
    const parts: Uint8Array[] = []
    for (let i = 0; i < 8; i++) parts.push(encoder.push(content.subarray(0, 262_144)))
    parts.push(encoder.finish())
    expect(parts.map((part) => part.length)).toEqual([12, 0, 0, 0, 12, 0, 0, 0, 12])
  })

  it('works for several at once', () => {
    const encoders = [512, 700, 70_000].map((blockBytes) => new SignatureEncoder({ blockBytes }))
    const parts: Uint8Array[][] = [[], [], []]
    for (let at = 0; at < content.length; at += 1000) {
      encoders.forEach((encoder, i) => parts[i]!.push(encoder.push(content.subarray(at, at + 1000))))
    }
    encoders.forEach((encoder, i) => parts[i]!.push(encoder.finish()))
    expect(concat(parts[0]!)).toEqual(signature(content, { blockBytes: 512 }))
    expect(concat(parts[1]!)).toEqual(signature(content, { blockBytes: 700 }))
    expect(concat(parts[2]!)).toEqual(signature(content, { blockBytes: 70_000 }))
  })

  it('does not go on after its end', () => {
    const encoder = new SignatureEncoder({ blockBytes: 512 })
    encoder.finish()
    expect(() => encoder.push(content)).toThrow('Cannot sign more bytes: the signature is finished')
    expect(() => encoder.finish()).toThrow(TypeError)
  })
})

describe('without WebAssembly', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.resetModules()
  })

  it('signature() and SignatureEncoder write the same bytes', async () => {
    vi.resetModules()
    vi.stubGlobal('WebAssembly', undefined)
    const alone = await import('./signature.ts')
    expect((await import('./wasm-kernel.ts')).sharedKernel()).toBeUndefined()
    for (const { content, signature: expected } of signatureVectors) {
      expect(alone.signature(content, { blockBytes: 512 })).toEqual(expected)
      expect(push(new alone.SignatureEncoder({ blockBytes: 512 }), choppings(content)[2]!.chunks())).toEqual(expected)
    }
  })
})
