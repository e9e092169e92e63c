import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ByteStream, collect, concat, equalBytes, fromChunks, rechunk, take, TooLargeError } from '../index.ts'

// The judge of these tests is node's Buffer.

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** An endless stream that counts its pulls and tells whether it was let go. */
function endless() {
  const state = { pulled: 0, closed: false }
  async function* stream(): ByteStream {
    try {
      for (;;) {
        state.pulled += 1
        yield bytes(1, 2, 3)
      }
    } finally {
      state.closed = true
    }
  }
  return { state, stream: stream() }
}

async function* failing(): ByteStream {
  yield bytes(1, 2, 3)
  throw new Error('the disk is gone')
}

const anyParts = fc.array(fc.uint8Array({ maxLength: 40 }))

describe('rechunk()', () => {
  it('keeps the bytes and makes every chunk but the last exactly the size', async () => {
    await fc.assert(
      fc.asyncProperty(anyParts, fc.integer({ min: 1, max: 33 }), async (parts, size) => {
        const sizes: number[] = []
        const out: Uint8Array[] = []
        for await (const chunk of rechunk(fromChunks(parts), size)) {
          sizes.push(chunk.length)
          out.push(chunk)
        }
        expect(Buffer.concat(out).equals(Buffer.concat(parts))).toBe(true)
        expect(sizes.slice(0, -1).every((length) => length === size)).toBe(true)
        expect(sizes.every((length) => length > 0 && length <= size)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('copies nothing that lies in one chunk', async () => {
    const whole = new Uint8Array(100)
    for await (const chunk of rechunk(fromChunks([whole]), 30)) expect(chunk.buffer).toBe(whole.buffer)
  })

  it('lets go of the stream when its loop is left, and passes on its error', async () => {
    const { state, stream } = endless()
    for await (const chunk of rechunk(stream, 5)) {
      expect(chunk).toHaveLength(5)
      break
    }
    expect(state).toEqual({ pulled: 2, closed: true })
    await expect(collect(rechunk(failing(), 5))).rejects.toThrow('the disk is gone')
  })

  it('refuses sizes that no chunk can have', async () => {
    for (const size of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(collect(rechunk(fromChunks([bytes(1)]), size))).rejects.toBeInstanceOf(RangeError)
    }
  })
})

describe('concat()', () => {
  it('joins as Buffer.concat() does, and returns a single chunk as it is', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 5 }), (parts) => {
        const all = concat(parts)
        expect(Buffer.concat(parts).equals(all)).toBe(true)
        expect(Object.getPrototypeOf(all)).toBe(Uint8Array.prototype)
      }),
      { numRuns: 1000 },
    )
    const one = bytes(1, 2)
    expect(concat([one])).toBe(one)
    expect(concat([])).toEqual(bytes())
  })
})

describe('collect()', () => {
  it('refuses to hold more than it was told, and lets go of the stream', async () => {
    await expect(collect(fromChunks([bytes(1, 2), bytes(3)]), { maxBytes: 2 })).rejects.toBeInstanceOf(TooLargeError)
    expect(await collect(fromChunks([bytes(1, 2), bytes(3)]), { maxBytes: 3 })).toEqual(bytes(1, 2, 3))
    expect(await collect(fromChunks([]), { maxBytes: 0 })).toEqual(bytes())
    const { state, stream } = endless()
    await expect(collect(stream, { maxBytes: 7 })).rejects.toMatchObject({ code: 'too-large', limitBytes: 7 })
    expect(state).toEqual({ pulled: 3, closed: true })
  })

  it('refuses a limit that limits nothing', async () => {
    await expect(collect(fromChunks([]), { maxBytes: Number.NaN })).rejects.toBeInstanceOf(RangeError)
    await expect(collect(fromChunks([]), { maxBytes: -1 })).rejects.toBeInstanceOf(RangeError)
  })
})

describe('take()', () => {
  it('ends after the count, pulls no further and lets go', async () => {
    const { state, stream } = endless()
    expect(await collect(take(stream, 7))).toEqual(bytes(1, 2, 3, 1, 2, 3, 1))
    expect(state).toEqual({ pulled: 3, closed: true })
    const exact = endless()
    expect(await collect(take(exact.stream, 6))).toEqual(bytes(1, 2, 3, 1, 2, 3))
    expect(exact.state).toEqual({ pulled: 2, closed: true })
  })

  it('takes any count of any pieces as Buffer.subarray() does, and never yields an empty chunk', async () => {
    await fc.assert(
      fc.asyncProperty(anyParts, fc.nat(200), async (parts, count) => {
        const chunks: Uint8Array[] = []
        for await (const chunk of take(fromChunks(parts), count)) chunks.push(chunk)
        expect(Buffer.concat(chunks).equals(Buffer.concat(parts).subarray(0, count))).toBe(true)
        expect(chunks.every((chunk) => chunk.length > 0)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('pulls nothing for 0 and refuses what is no count', async () => {
    const { state, stream } = endless()
    expect(await collect(take(stream, 0))).toEqual(bytes())
    expect(state.pulled).toBe(0)
    await expect(collect(take(stream, Number.NaN))).rejects.toBeInstanceOf(RangeError)
    await expect(collect(take(stream, -1))).rejects.toBeInstanceOf(RangeError)
  })
})

describe('equalBytes()', () => {
  it('says what Buffer.equals() says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
        expect(equalBytes(a, b)).toBe(Buffer.from(a).equals(b))
        expect(equalBytes(a, Uint8Array.from(a))).toBe(true)
      }),
      { numRuns: 1000 },
    )
    expect(equalBytes(Buffer.from('abcabc').subarray(3), bytes(97, 98, 99))).toBe(true)
  })
})
