import { deflateRawSync, deflateSync, gzipSync, inflateRawSync } from 'node:zlib'
import { choppings } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyContent, anySizes, cut, gather, noise, programBytes, textBytes } from '../../test/streams.ts'
import { type ByteStream, inflate, InflateError, type InflateOptions } from '../index.ts'

// The judge of these tests is zlib itself: what is inflated here was made by node:zlib's synchronous functions.

const formats = { raw: deflateRawSync, zlib: deflateSync, gzip: gzipSync } as const
const names = Object.keys(formats) as (keyof typeof formats)[]

/** What becomes of stored bytes: the content, or the code of the error. */
async function fate(stored: ByteStream, options: InflateOptions): Promise<Buffer | string> {
  try {
    return await gather(inflate(stored, options))
  } catch (error) {
    if (error instanceof InflateError) return error.code
    throw error
  }
}

describe('inflate()', () => {
  it('gives the bytes back that zlib deflated, for any bytes, pieces, levels and formats', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyContent,
        anySizes,
        fc.constantFrom(...names),
        fc.integer({ min: 0, max: 9 }),
        async (content, sizes, format, level) => {
          const stored = formats[format](content, { level })
          expect((await gather(inflate(cut(stored, ...sizes), { format }))).equals(content)).toBe(true)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('gives the same content of larger files, whole, byte by byte and in random pieces', async () => {
    const content = Buffer.concat([programBytes(400_000), textBytes(300_000), noise(100_000)])
    for (const format of names) {
      const stored = formats[format](content)
      for (const way of choppings(stored)) {
        const plain = await gather(inflate(way.stream(), { format, maxBytes: content.length }))
        expect(plain.equals(content), `${format}, ${way.name}`).toBe(true)
      }
    }
  })

  it('yields large chunks, and constant views of memory that is not written again', async () => {
    const content = textBytes(3_000_000)
    const chunks: Uint8Array[] = []
    for await (const chunk of inflate(cut(deflateRawSync(content), 7000), { format: 'raw' })) chunks.push(chunk)
    expect(chunks.length).toBeLessThan(content.length / 65_536)
    expect(Buffer.concat(chunks).equals(content)).toBe(true)
    expect(chunks.every((chunk) => Object.getPrototypeOf(chunk) === Uint8Array.prototype)).toBe(true)
  })

  it('does not keep much more memory alive than its chunks need', async () => {
    const stored = Buffer.concat(Array.from({ length: 300 }, (_, i) => gzipSync(noise(1 + i * 10))))
    let kept = 0
    let bytes = 0
    for await (const chunk of inflate(cut(stored, 65_536), { format: 'gzip' })) {
      kept += chunk.buffer.byteLength
      bytes += chunk.length
    }
    expect(kept).toBeLessThanOrEqual(bytes * 4)
  })

  it('tells the truncation at every length', async () => {
    const content = Buffer.concat([textBytes(150), noise(60), Buffer.alloc(50)])
    for (const format of names) {
      const stored = formats[format](content)
      for (let length = 0; length < stored.length; length++) {
        for (const size of [1000, 1, 7]) {
          const options = { format, trailing: length % 2 === 0 ? 'refuse' : 'ignore' } as const
          expect(await fate(cut(stored.subarray(0, length), size), options), `${format} at ${length}`).toBe('truncated')
        }
      }
      const large = formats[format](programBytes(400_000))
      for (const length of [1, 5, 65_535, 65_536, 65_537, large.length - 1]) {
        expect(await fate(cut(large.subarray(0, length), 65_536), { format })).toBe('truncated')
      }
    }
  })

  it('never gives other content for damaged bytes where there is a checksum', async () => {
    const content = Buffer.concat([textBytes(300), noise(100)])
    for (const format of ['zlib', 'gzip'] as const) {
      const stored = formats[format](content)
      const codes = new Set<string>()
      for (let at = 0; at < stored.length; at++) {
        for (const bit of [1, 16, 128]) {
          const damaged = Buffer.from(stored)
          damaged[at]! ^= bit
          const result = await fate(cut(damaged, 64), { format, maxBytes: 100_000 })
          if (typeof result === 'string') codes.add(result)
          else expect(result.equals(content), `${format}, byte ${at}, bit ${bit}`).toBe(true)
        }
      }
      expect(codes).toContain('corrupt')
    }
  })

  it('fails in the same way however broken bytes come', async () => {
    const stored = { raw: deflateRawSync(textBytes(500)), zlib: deflateSync(textBytes(500)) }
    const broken: [Uint8Array, InflateOptions['format']][] = [
      [Buffer.from('this is no compressed data'), 'zlib'],
      [Buffer.from('this is no compressed data'), 'gzip'],
      [Buffer.from([0x07, 0, 0, 0]), 'raw'],
      [Buffer.from([0x01, 5, 0, 5, 0, 1, 2, 3, 4, 5]), 'raw'],
      [Buffer.concat([stored.zlib.subarray(0, -1), Buffer.of(stored.zlib.at(-1)! ^ 1)]), 'zlib'],
      // A preset dictionary that nobody has.
      [deflateSync(textBytes(500), { dictionary: Buffer.from('volume') }), 'zlib'],
    ]
    for (const [bytes, format] of broken) {
      for (const way of choppings(bytes)) {
        expect(await fate(way.stream(), { format }), `${format}, ${way.name}`).toBe('corrupt')
      }
    }
  })

  it('survives any bytes at all: content or an InflateError', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom(...names),
        fc.boolean(),
        async (bytes, format, framed) => {
          const head = format === 'gzip' ? [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] : format === 'zlib' ? [0x78, 0x9c] : []
          const stored = Buffer.concat([Buffer.from(framed ? head : []), bytes])
          const result = await fate(cut(stored, 50), { format, maxBytes: 100_000 })
          const expected = ['truncated', 'corrupt', 'trailing', 'too-large']
          if (typeof result === 'string') expect(expected).toContain(result)
          else if (format === 'raw') expect(result.equals(inflateRawSync(stored))).toBe(true)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('passes on what the stored stream throws, and leaves it when its own loop is left', async () => {
    const stored = deflateRawSync(noise(1_000_000))
    const failure = new Error('the network is gone')
    for (const good of [0, 1, 5]) {
      for (const signal of [undefined, new AbortController().signal]) {
        async function* failing(): ByteStream {
          for (let i = 0; i < good; i++) yield stored.subarray(i * 70_000, (i + 1) * 70_000)
          throw failure
        }
        await expect(gather(inflate(failing(), { format: 'raw', signal }))).rejects.toBe(failure)
      }
    }
    let closed = 0
    async function* watched(): ByteStream {
      try {
        yield* cut(stored, 65_536)
      } finally {
        closed += 1
      }
    }
    for await (const chunk of inflate(watched(), { format: 'raw' })) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
    expect(closed).toBe(1)
    expect(await fate(watched(), { format: 'zlib' })).toBe('corrupt')
    expect(closed).toBe(2)
  })

  it('keeps its own error when the stored stream cannot even be left', async () => {
    const stream: ByteStream = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: new Uint8Array(70_000).fill(0xff) }),
        return: () => Promise.reject(new Error('stuck')),
      }),
    }
    expect(await fate(stream, { format: 'raw' })).toBe('corrupt')
  })

  it('rejects with the reason of the signal, also while the stored stream hangs', async () => {
    const reason = new Error('enough')
    const stored = deflateRawSync(noise(2_000_000))
    const before = inflate(cut(stored, 65_536), { format: 'raw', signal: AbortSignal.abort(reason) })
    await expect(gather(before)).rejects.toBe(reason)

    const controller = new AbortController()
    const loop = (async () => {
      for await (const chunk of inflate(cut(stored, 65_536), { format: 'raw', signal: controller.signal })) {
        expect(chunk.length).toBeGreaterThan(0)
        controller.abort(reason)
      }
    })()
    await expect(loop).rejects.toBe(reason)

    const waiting = new AbortController()
    async function* hanging(): ByteStream {
      yield stored.subarray(0, 100_000)
      await new Promise(() => {})
    }
    const result = gather(inflate(hanging(), { format: 'raw', signal: waiting.signal }))
    setTimeout(() => waiting.abort(reason), 10)
    await expect(result).rejects.toBe(reason)
  })

  it('refuses wrong options at once', () => {
    expect(() => inflate(cut(Buffer.alloc(1), 1), { format: 'bzip2' as 'raw' })).toThrow('Cannot inflate "bzip2" data')
    expect(() => inflate(cut(Buffer.alloc(1), 1), { format: 'raw', maxBytes: Number.NaN })).toThrow(RangeError)
    expect(() => inflate(cut(Buffer.alloc(1), 1), { format: 'raw', maxBytes: -1 })).toThrow(RangeError)
  })
})

describe('inflate() with maxBytes', () => {
  it('allows exactly the limit and stops a bomb before it is held', async () => {
    const content = noise(5000)
    for (const format of names) {
      const stored = formats[format](content)
      expect(await fate(cut(stored, 100), { format, maxBytes: 5000 })).toEqual(content)
      expect(await fate(cut(stored, 100), { format, maxBytes: 4999 })).toBe('too-large')
    }
    expect(await fate(cut(deflateRawSync(Buffer.alloc(0)), 100), { format: 'raw', maxBytes: 0 })).toHaveLength(0)

    const bomb = deflateRawSync(Buffer.alloc(50_000_000))
    let yielded = 0
    const loop = (async () => {
      for await (const chunk of inflate(cut(bomb, 65_536), { format: 'raw', maxBytes: 1_000_000 })) {
        yielded += chunk.length
      }
    })()
    await expect(loop).rejects.toMatchObject({ code: 'too-large', name: 'InflateError' })
    expect(yielded).toBeLessThanOrEqual(1_000_000)
  })

  it('counts all members of gzip data', async () => {
    const member = gzipSync(Buffer.alloc(100_000))
    const stored = Buffer.concat([member, member, member])
    expect(await fate(cut(stored, 50), { format: 'gzip', maxBytes: 300_000 })).toHaveLength(300_000)
    expect(await fate(cut(stored, 50), { format: 'gzip', maxBytes: 299_999 })).toBe('too-large')
  })
})

describe('inflate() with bytes behind the data', () => {
  const extras = [Buffer.of(1), Buffer.from('more'), noise(70_000), noise(200_000)]

  it('refuses them, ignores them, or hands them on, whatever the pieces', async () => {
    for (const format of names) {
      // The last one ends exactly where a joined piece of input ends.
      for (const content of [Buffer.alloc(0), textBytes(3000), noise(300_000), noise(65_531)]) {
        const stored = formats[format](content, { level: 0 })
        for (const extra of extras) {
          const bytes = Buffer.concat([stored, extra])
          for (const size of [1000, 65_536, stored.length, stored.length + 1, bytes.length]) {
            expect(await fate(cut(bytes, size), { format })).toBe('trailing')
            const plain = (await fate(cut(bytes, size), { format, trailing: 'ignore' })) as Buffer
            expect(plain.equals(content)).toBe(true)
            let rest: ByteStream | undefined
            const trailing = (stream: ByteStream) => {
              rest = stream
            }
            expect(((await fate(cut(bytes, size), { format, trailing })) as Buffer).equals(content)).toBe(true)
            expect((await gather(rest!)).equals(extra)).toBe(true)
          }
        }
      }
    }
  })

  it('finds the exact end byte by byte, and hands on an empty rest', async () => {
    for (const format of names) {
      const stored = formats[format](textBytes(500))
      for (const extra of [Buffer.alloc(0), Buffer.from('rest')]) {
        const rests: ByteStream[] = []
        await gather(inflate(cut(Buffer.concat([stored, extra]), 1), { format, trailing: (rest) => rests.push(rest) }))
        expect(rests).toHaveLength(1)
        expect(await gather(rests[0]!)).toEqual(extra)
      }
    }
  })

  it('reads the stored stream to its end, unless the rest was handed on', async () => {
    let ended = false
    let closed = false
    async function* stored(): ByteStream {
      try {
        yield deflateRawSync(Buffer.from('content'))
        for (let i = 0; i < 5; i++) yield noise(70_000)
        ended = true
      } finally {
        closed = true
      }
    }
    await gather(inflate(stored(), { format: 'raw', trailing: 'ignore' }))
    expect(ended).toBe(true)

    ended = false
    closed = false
    let rest: ByteStream | undefined
    const trailing = (stream: ByteStream) => {
      rest = stream
    }
    await gather(inflate(stored(), { format: 'raw', trailing }))
    expect([ended, closed]).toEqual([false, false])
    for await (const chunk of rest!) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
    expect([ended, closed]).toEqual([false, true])
  })

  it('surfaces an error at the end of the stored stream even when all content is known', async () => {
    const failure = new Error('the MDC does not match')
    async function* stored(): ByteStream {
      yield deflateRawSync(Buffer.from('content'))
      throw failure
    }
    for (const trailing of ['refuse', 'ignore'] as const) {
      await expect(gather(inflate(stored(), { format: 'raw', trailing }))).rejects.toBe(failure)
    }
  })
})
