import { type ByteRange, type ByteSource, collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { chop, choppings, createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { basisBytes, deltas } from '../../test/delta-cases.ts'
import { writeDelta } from '../../test/delta-writer.ts'
import { deltaVectors, pattern } from '../../test/vectors.ts'
import { patch, type PatchOptions } from './patch.ts'
import { RdiffError, type RdiffErrorCode } from './rdiff-error.ts'

const random = createRandom('patch')
const basis = Uint8Array.from({ length: basisBytes }, () => random.integer(0, 255))
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** The basis, counting what is opened and read. */
function counted(bytes: Uint8Array): ByteSource & { opened: ByteRange[]; read: number; open_: number } {
  const inner = fromBytes(bytes)
  const source = {
    size: bytes.length,
    opened: [] as ByteRange[],
    read: 0,
    open_: 0,
    open(range?: ByteRange) {
      source.opened.push(range ?? {})
      return (async function* () {
        source.open_ += 1
        try {
          for await (const chunk of inner.open(range)) {
            source.read += chunk.length
            yield chunk
          }
        } finally {
          source.open_ -= 1
        }
      })()
    },
  }
  return source
}

async function failure(bytes: Uint8Array, delta: AsyncIterable<Uint8Array>, options?: PatchOptions): Promise<unknown> {
  try {
    for await (const _ of patch(fromBytes(bytes), delta, options));
  } catch (error) {
    return error
  }
  throw new Error('No failure')
}

describe('patch()', () => {
  it('applies what rdiff wrote (vectors), whole, byte by byte and in random pieces', async () => {
    for (const { name, old, next, delta } of deltaVectors) {
      for (const way of choppings(delta)) {
        const result = await collect(patch(fromBytes(old), way.stream()))
        expect([name, way.name, Buffer.from(result).equals(next)]).toEqual([name, way.name, true])
      }
    }
  })

  it('applies any right delta in any pieces (judge: the plan it was written from)', async () => {
    await fc.assert(
      fc.asyncProperty(
        deltas(basis),
        fc.nat(),
        fc.integer({ min: 1, max: 100_000 }),
        async ({ delta, content }, seed, step) => {
          const how = delta.length < 1000 && seed % 4 === 0 ? 'bytes' : { seed }
          const source = fromBytes(basis, step)
          for (const stream of [fromChunks([delta]), fromChunks(chop(delta, how))]) {
            const chunks: Uint8Array[] = []
            for await (const chunk of patch(source, stream, { maxBytes: content.length })) chunks.push(chunk)
            expect(Buffer.concat(chunks).equals(content)).toBe(true)
            expect(chunks.every((chunk) => chunk.length > 0)).toBe(true)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('makes chunks worth a trip of many small commands', async () => {
    const commands = Array.from({ length: 2000 }, (_, i) => [
      { start: i * 100, startBytes: 4, length: 90, lengthBytes: 1 } as const,
      { literal: pattern(7), lengthBytes: 0 } as const,
    ]).flat()
    const sizes: number[] = []
    for await (const chunk of patch(fromBytes(basis), fromChunks([writeDelta(commands)]))) sizes.push(chunk.length)
    expect(sizes.reduce((all, size) => all + size, 0)).toBe(2000 * 97)
    expect(sizes.length).toBe(3)
  })

  it('leaves the basis alone until it is pulled, and closes it when it is left', async () => {
    const source = counted(basis)
    let pulled = 0
    const delta = (async function* () {
      pulled += 1
      yield writeDelta([{ start: 0, startBytes: 1, length: basisBytes, lengthBytes: 4 }])
    })()
    const stream = patch(source, delta)
    expect([pulled, source.opened.length]).toEqual([0, 0])
    for await (const _ of stream) break
    expect([pulled, source.opened.length, source.open_]).toEqual([1, 1, 0])
  })

  it('stops at the signal, with its reason', async () => {
    const stop = new AbortController()
    const commands = Array.from(
      { length: 10 },
      () => ({ start: 0, startBytes: 1, length: 100_000, lengthBytes: 4 }) as const,
    )
    const source = counted(basis)
    const seen: number[] = []
    const run = (async () => {
      for await (const chunk of patch(source, fromChunks([writeDelta(commands)]), { signal: stop.signal })) {
        seen.push(chunk.length)
        stop.abort(new Error('enough'))
      }
    })()
    await expect(run).rejects.toThrow('enough')
    expect([seen.length, source.open_]).toEqual([1, 0])
  })
})

describe('patch() refuses', () => {
  const old = pattern(1000)
  // rdiff refuses each of these too, except the bytes behind the end, which it does not look at.
  const bad: [name: string, delta: Uint8Array, code: RdiffErrorCode][] = [
    ['nothing', hex(''), 'truncated'],
    ['half a magic', hex('7273'), 'truncated'],
    ['another magic', hex('72730136 00'), 'unsupported'],
    ['a gzip file', hex('1f8b0800 00000000'), 'unsupported'],
    ['no end', hex('72730236'), 'truncated'],
    ['no end after a literal', hex('72730236 0178'), 'truncated'],
    ['a literal that is not all there', hex('72730236 0578'), 'truncated'],
    ['a literal of almost 2^64 bytes', hex('72730236 44ffffffffffffffff 78'), 'truncated'],
    ['a command that is not all there', hex('72730236 54000000'), 'truncated'],
    ['a copy without an end', hex('72730236 450005'), 'truncated'],
    ['a literal of 0 bytes', hex('72730236 4100 00'), 'corrupt'],
    ['a long literal of 0 bytes', hex('72730236 440000000000000000 00'), 'corrupt'],
    ['a copy of 0 bytes', hex('72730236 450000 00'), 'corrupt'],
    ['the first command not in use', hex('72730236 55 00'), 'corrupt'],
    ['the last command not in use', hex('72730236 ff 00'), 'corrupt'],
    ['a copy that begins behind the basis', hex('72730236 4903e901 00'), 'basis'],
    ['a copy that ends behind the basis', hex('72730236 4903e702 00'), 'basis'],
    ['a copy of almost 2^64 bytes', hex('72730236 4800ffffffffffffffff 00'), 'basis'],
    ['a copy from almost 2^64', hex('72730236 51ffffffffffffffff01 00'), 'basis'],
    ['a sum above 2^64', hex('72730236 54ffffffffffffffffffffffffffffffff 00'), 'basis'],
    ['bytes behind the end', hex('72730236 0178 00 00'), 'trailing'],
    ['a second delta behind the end', hex('7273023600 7273023600'), 'trailing'],
  ]
  for (const [name, delta, code] of bad) {
    it(`${name}: ${code}`, async () => {
      for (const way of choppings(delta)) {
        const error = await failure(old, way.stream())
        expect(error).toBeInstanceOf(RdiffError)
        expect([way.name, (error as RdiffError).code]).toEqual([way.name, code])
      }
    })
  }

  it('and says what it met', async () => {
    const message = async (delta: string, options?: PatchOptions) => {
      const error = await failure(old, fromChunks([hex(delta)]), options)
      return (error as Error).message
    }
    expect(await message('72730136')).toBe('Cannot apply a delta: it begins with "72730136" and not with "72730236"')
    expect(await message('72730236 0178 57')).toBe(
      'Cannot apply a delta: the command at 6 is "57", which is not in use',
    )
    expect(await message('72730236 0178 4903e702')).toBe(
      'Cannot apply a delta: the copy at 6 wants 2 bytes from 999, the basis has 1000',
    )
    expect(await message('72730236 0578')).toBe(
      'Cannot apply a delta: it ends after 6 bytes, and 4 bytes of a literal were due',
    )
    expect(await message('72730236 4900000a', { maxBytes: 9 })).toBe(
      'Cannot apply a delta: with the copy at 4 it makes more than 9 bytes',
    )
  })

  it('what makes more than the limit, before it is made', async () => {
    // 64 KiB of delta that would make 3 GB, and a literal that only says how long it is.
    const copies = Array.from(
      { length: 16_000 },
      () => ({ start: 0, startBytes: 1, length: basisBytes, lengthBytes: 4 }) as const,
    )
    for (const delta of [writeDelta(copies), hex('72730236 43ffffffff 78')]) {
      const source = counted(basis)
      let made = 0
      const run = (async () => {
        for await (const chunk of patch(source, fromChunks([delta]), { maxBytes: 1_000_000 })) made += chunk.length
      })()
      await expect(run).rejects.toMatchObject({ code: 'too-large' })
      expect(made).toBeLessThanOrEqual(1_000_000)
      expect(source.read).toBeLessThanOrEqual(1_000_000 + 6 * 4096)
      expect(source.open_).toBe(0)
    }
  })

  it('a limit that is none', async () => {
    for (const maxBytes of [-1, Number.NaN]) {
      expect(await failure(old, fromChunks([hex('7273023600')]), { maxBytes })).toBeInstanceOf(RangeError)
    }
    expect(await collect(patch(fromBytes(old), fromChunks([hex('7273023600')]), { maxBytes: 0 }))).toEqual(
      new Uint8Array(0),
    )
  })

  it('a basis that gives fewer or more bytes than it has', async () => {
    const delta = writeDelta([{ start: 0, startBytes: 1, length: 1000, lengthBytes: 2 }])
    for (const given of [999, 1001]) {
      const lying: ByteSource = { size: 1000, open: () => fromChunks([pattern(given)]) }
      await expect(collect(patch(lying, fromChunks([delta])))).rejects.toMatchObject({ code: 'basis' })
    }
  })

  it('to hide what the delta or the basis failed with', async () => {
    const broken = (async function* () {
      yield hex('72730236 0178')
      throw new Error('the line is cut')
    })()
    expect(await failure(old, broken)).toMatchObject({ message: 'the line is cut' })
  })
})
