import { fromBytes, fromChunks } from '@coalmine/bytes'
import { choppings } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pattern, signatureVectors } from '../../test/vectors.ts'
import { RdiffError, type RdiffErrorCode } from './rdiff-error.ts'
import { signature } from './signature.ts'
import { readSignature, SignatureDecoder, type SignatureLimits } from './signature-decoder.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('readSignature()', () => {
  it('reads what rdiff wrote (vectors), whole, byte by byte and in random pieces', async () => {
    for (const { name, signature: bytes } of signatureVectors) {
      for (const way of choppings(bytes)) {
        const { kind, hash, blockBytes, strongBytes, weak, strong } = await readSignature(way.stream())
        expect([name, kind, hash, blockBytes, strongBytes]).toEqual([name, 'rollsum', 'md4', 512, 8])
        const view = new DataView(bytes.buffer, bytes.byteOffset)
        expect(weak.length).toBe((bytes.length - 12) / 12)
        weak.forEach((sum, block) => {
          expect(sum).toBe(view.getUint32(12 + 12 * block))
          const at = 16 + 12 * block
          expect(strong.subarray(8 * block, 8 * block + 8)).toEqual(bytes.subarray(at, at + 8))
        })
        expect(strong.length).toBe(8 * weak.length)
      }
    }
  })

  it('reads the four kinds', async () => {
    for (const [magic, kind, hash, longest] of [
      ['72730136', 'rollsum', 'md4', 16],
      ['72730137', 'rollsum', 'blake2', 32],
      ['72730146', 'rabinkarp', 'md4', 16],
      ['72730147', 'rabinkarp', 'blake2', 32],
    ] as const) {
      const header = (strongBytes: number) => `${magic} 00000800 ${strongBytes.toString(16).padStart(8, '0')}`
      const bytes = hex(`${header(longest)} fffefdfc ${'ab'.repeat(longest)} 00000001 ${'cd'.repeat(longest)}`)
      const read = await readSignature(fromBytes(bytes, 5).open())
      expect(read).toMatchObject({ kind, hash, blockBytes: 2048, strongBytes: longest })
      expect([...read.weak]).toEqual([0xfffefdfc, 1])
      expect(Buffer.from(read.strong).toString('hex')).toBe('ab'.repeat(longest) + 'cd'.repeat(longest))
      const tooLong = readSignature(fromChunks([hex(header(longest + 1))]))
      await expect(tooLong).rejects.toMatchObject({ code: 'corrupt' })
    }
  })

  it('gives the same for any pieces (judge: the bytes themselves)', async () => {
    const whole = signature(pattern(20_000), { blockBytes: 16 })
    const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 1250 }), sizes, async (blocks, steps) => {
        const bytes = whole.subarray(0, 12 + 12 * blocks)
        const chunks: Uint8Array[] = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const step = steps[i % steps.length]!
          chunks.push(bytes.subarray(at, at + step))
          at += step
        }
        const { weak, strong } = await readSignature(fromChunks(chunks))
        const again = Buffer.alloc(12 * blocks)
        weak.forEach((sum, block) => {
          again.writeUInt32BE(sum, 12 * block)
          again.set(strong.subarray(8 * block, 8 * block + 8), 12 * block + 4)
        })
        expect(again.equals(bytes.subarray(12))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  const bad: [name: string, bytes: Uint8Array, code: RdiffErrorCode, limits?: SignatureLimits][] = [
    ['nothing', hex(''), 'truncated'],
    ['half a header', hex('72730136 00000200 000000'), 'truncated'],
    ['half an entry', hex('72730136 00000200 00000008 0022002200'), 'truncated'],
    ['one entry and a half', signatureVectors[4]!.signature.subarray(0, 35), 'truncated'],
    ['a delta', hex('72730236 00000200 00000008'), 'unsupported'],
    ['blocks of 0 bytes', hex('72730136 00000000 00000008'), 'corrupt'],
    ['strong sums of 0 bytes', hex('72730136 00000200 00000000'), 'corrupt'],
    ['strong sums of 4 GiB', hex('72730136 00000200 ffffffff'), 'corrupt'],
    ['blocks of 4 GiB', hex('72730136 ffffffff 00000008'), 'too-large'],
    ['blocks above the limit', hex('72730136 00000201 00000008'), 'too-large', { maxBlockBytes: 512 }],
    ['more bytes than the limit', signatureVectors[4]!.signature, 'too-large', { maxBytes: 35 }],
  ]
  for (const [name, bytes, code, limits] of bad) {
    it(`refuses ${name}: ${code}`, async () => {
      for (const way of choppings(bytes)) {
        const error = await readSignature(way.stream(), limits).catch((error: unknown) => error)
        expect(error).toBeInstanceOf(RdiffError)
        expect([way.name, (error as RdiffError).code]).toEqual([way.name, code])
      }
    })
  }

  it('stops a stream that does not end', async () => {
    let given = 0
    const endless = (async function* () {
      yield signatureVectors[0]!.signature
      for (;;) {
        given += 65_536
        yield new Uint8Array(65_536)
      }
    })()
    await expect(readSignature(endless, { maxBytes: 1_000_000 })).rejects.toMatchObject({ code: 'too-large' })
    expect(given).toBeLessThan(1_100_000)
  })

  it('does not need a chunk any more that held the beginning of an entry', () => {
    const decoder = new SignatureDecoder()
    const chunk = Buffer.from(signatureVectors[3]!.signature.subarray(0, 20))
    decoder.push(chunk)
    chunk.fill(0xff)
    decoder.push(signatureVectors[3]!.signature.subarray(20))
    expect(decoder.finish().weak[0]).toBe(0x54c93477)
  })

  it('takes what is just within the limits, and no limits that are none', async () => {
    const { signature: bytes } = signatureVectors[4]!
    const limits = { maxBytes: bytes.length, maxBlockBytes: 512 }
    expect((await readSignature(fromChunks([bytes]), limits)).weak.length).toBe(2)
    await expect(readSignature(fromChunks([bytes]), { maxBytes: Number.NaN })).rejects.toThrow(RangeError)
  })
})
