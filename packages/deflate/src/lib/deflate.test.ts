import { deflateRawSync, inflateRawSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyContent, anySizes, cut, gather, noise, programBytes, textBytes } from '../../test/streams.ts'
import { type ByteStream, deflate, deflateLagBytes } from '../index.ts'

// The judge of these tests is zlib itself, through node:zlib's synchronous functions.

/** Endless content that says how much of it was pulled, and whether it was let go. */
function endless(chunk: Uint8Array) {
  const state = { pulled: 0, closed: false }
  async function* stream(): ByteStream {
    try {
      for (;;) {
        state.pulled += chunk.length
        yield chunk
      }
    } finally {
      state.closed = true
    }
  }
  return { state, stream: stream() }
}

describe('deflate()', () => {
  it('makes one stream that zlib inflates, for any bytes, pieces, levels, chunk sizes and jobs', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyContent,
        anySizes,
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 300, max: 5000 }),
        fc.integer({ min: 1, max: 5 }),
        async (content, sizes, level, chunkBytes, parallel) => {
          const stored = await gather(deflate(cut(content, ...sizes), { level, chunkBytes, parallel }))
          const { buffer, engine } = inflateRawSync(stored, { info: true }) as unknown as {
            buffer: Buffer
            engine: { bytesWritten: number }
          }
          expect(buffer.equals(content)).toBe(true)
          expect(engine.bytesWritten).toBe(stored.length)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('writes the same bytes however the content is cut and however many jobs are in flight', async () => {
    const content = Buffer.concat([textBytes(200_000), noise(100_000), programBytes(200_000), Buffer.alloc(70_000)])
    const expected = await gather(deflate(cut(content, content.length), { chunkBytes: 65_536, parallel: 1 }))
    for (const parallel of [1, 2, 3, 9]) {
      for (const size of [1000, 65_535, 65_536, 65_537, 300_000]) {
        expect((await gather(deflate(cut(content, size), { chunkBytes: 65_536, parallel }))).equals(expected)).toBe(
          true,
        )
      }
    }
    const one = cut(content.subarray(0, 20_000), 1)
    const whole = cut(content.subarray(0, 20_000), 20_000)
    expect(await gather(deflate(one, { chunkBytes: 4096 }))).toEqual(await gather(deflate(whole, { chunkBytes: 4096 })))
  })

  it('makes a valid stream of nothing, and at the edges of a chunk and of a stored block', async () => {
    for (const level of [0, 4]) {
      expect(inflateRawSync(await gather(deflate(cut(Buffer.alloc(0), 1), { level })))).toHaveLength(0)
      for (const length of [1, 65_534, 65_535, 65_536, 131_070, 131_071, 262_143, 262_144, 262_145]) {
        const content = noise(length)
        expect(inflateRawSync(await gather(deflate(cut(content, 50_000), { level }))).equals(content)).toBe(true)
      }
    }
  })

  it('is hardly larger than the stream that zlib makes in one piece', async () => {
    const contents = { text: textBytes(1_000_000), program: programBytes(1_500_000) }
    for (const [name, content] of Object.entries(contents)) {
      for (const level of [1, 4, 6]) {
        const whole = deflateRawSync(content, { level }).length
        const stored = (await gather(deflate(cut(content, 65_536), { level }))).length
        expect(stored / whole, `${name} at level ${level}`).toBeLessThan(1.02)
      }
    }
  })

  it('stores what does not shrink, with five bytes for each block', async () => {
    const content = noise(262_144 * 3)
    const stored = await gather(deflate(cut(content, 65_536)))
    expect(stored.length).toBe(content.length + 3 * 5 * 5 + 2)
    expect(inflateRawSync(stored).equals(content)).toBe(true)
    // A compressed file, with the odd byte that zlib could save: at most the sample's one percent is given away.
    const compressed = deflateRawSync(textBytes(2_000_000), { level: 9 })
    const again = await gather(deflate(cut(compressed, 65_536)))
    expect(again.length).toBeLessThan(deflateRawSync(compressed, { level: 4 }).length * 1.01)
  })

  it('finds repeats in what looks like noise, within a chunk and across chunks', async () => {
    const block = noise(24_000)
    const repeated = Buffer.concat(Array.from({ length: 40 }, () => block))
    const stored = await gather(deflate(cut(repeated, 65_536)))
    expect(stored.length).toBeLessThan(repeated.length / 8)
    expect(inflateRawSync(stored).equals(repeated)).toBe(true)
    // A chunk of one noise that the chunk before ends with: only the dictionary can tell.
    const twice = Buffer.concat([block.subarray(0, 20_000), block.subarray(0, 20_000)])
    expect((await gather(deflate(cut(twice, 20_000), { chunkBytes: 20_000 }))).length).toBeLessThan(21_000)
  })

  it('reads nothing before the first pull, and never further ahead than deflateLagBytes() tells', async () => {
    const piece = textBytes(10_000)
    for (const parallel of [1, 2, 4]) {
      const options = { chunkBytes: 16_384, parallel, level: 1 }
      const lag = deflateLagBytes(options)
      expect(lag).toBe(16_384 * parallel)
      let taken = 0
      const asked: number[] = []
      async function* content(): ByteStream {
        for (let given = 0; given < 400_000; given += piece.length) {
          // The output of chunk n was taken when the stream was asked for output n + 1.
          const out = Math.max(0, taken) * 16_384
          asked.push(given - out)
          yield piece
        }
      }
      const outputs = deflate(content(), options)[Symbol.asyncIterator]()
      expect(asked).toEqual([])
      for (let n = 0; ; n++) {
        taken = n
        if ((await outputs.next()).done === true) break
      }
      expect(asked).toHaveLength(40)
      expect(Math.max(...asked)).toBeLessThan(lag)
      // It does read ahead as far as that, or the jobs would not run side by side.
      expect(Math.max(...asked)).toBeGreaterThanOrEqual(lag - piece.length)
    }
  })

  it('lets go of the content when its loop is left', async () => {
    const { state, stream } = endless(textBytes(30_000))
    for await (const chunk of deflate(stream, { parallel: 3 })) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
    expect(state.closed).toBe(true)
    const { pulled } = state
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(state.pulled).toBe(pulled)
  })

  it('rejects with the reason of the signal, whether it waits for content, for a job or for its caller', async () => {
    const reason = new Error('enough')
    const early = endless(textBytes(1000))
    await expect(gather(deflate(early.stream, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
    expect(early.state.pulled).toBe(0)

    const controller = new AbortController()
    const late = endless(textBytes(30_000))
    const loop = (async () => {
      for await (const chunk of deflate(late.stream, { signal: controller.signal })) {
        expect(chunk.length).toBeGreaterThan(0)
        controller.abort(reason)
      }
    })()
    await expect(loop).rejects.toBe(reason)
    expect(late.state.closed).toBe(true)

    // Content that hangs and knows nothing of the signal.
    const waiting = new AbortController()
    let told = false
    const hanging: ByteStream = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          told = true
          return { done: true, value: undefined }
        },
      }),
    }
    const result = gather(deflate(hanging, { signal: waiting.signal }))
    setTimeout(() => waiting.abort(reason), 5)
    await expect(result).rejects.toBe(reason)
    expect(told).toBe(true)
  })

  it('passes on what the content throws, with jobs in flight, at every place', async () => {
    const failure = new Error('the disk is gone')
    for (let good = 0; good < 8; good++) {
      for (const signal of [undefined, new AbortController().signal]) {
        async function* content(): ByteStream {
          for (let i = 0; i < good; i++) yield textBytes(5000)
          throw failure
        }
        await expect(gather(deflate(content(), { chunkBytes: 4096, parallel: 3, signal }))).rejects.toBe(failure)
      }
    }
  })

  it('refuses options out of range at once', () => {
    const content = cut(Buffer.alloc(1), 1)
    expect(() => deflate(content, { level: 10 })).toThrow('Cannot deflate at level 10')
    expect(() => deflate(content, { level: -1 })).toThrow(RangeError)
    expect(() => deflate(content, { level: 1.5 })).toThrow(RangeError)
    expect(() => deflate(content, { chunkBytes: 0 })).toThrow('Cannot deflate in chunks of 0 bytes')
    expect(() => deflate(content, { chunkBytes: 2 ** 30 })).toThrow(RangeError)
    expect(() => deflate(content, { parallel: 0 })).toThrow('Cannot deflate with 0 jobs in flight')
    expect(() => deflateLagBytes({ parallel: Number.NaN })).toThrow(RangeError)
  })
})
