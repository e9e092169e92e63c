import { gunzipSync, gzipSync } from 'node:zlib'
import { collect, fromBytes, fromChunks, type ByteSource, type ByteStream } from '@coalmine/bytes'
import { choppings, createRandom, itWith, run } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainEnvelope } from './envelope.ts'
import { gzipEnvelope } from './gzip-envelope.ts'

const text = Buffer.from('the same line again\n'.repeat(40_000))
const random = createRandom('envelope').bytes(600_000)

// Not toEqual(), which takes seconds for a megabyte.
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

function source(bytes: Uint8Array, stream: () => ByteStream): ByteSource {
  return { size: bytes.length, open: stream }
}

const seal = (plain: Uint8Array, options = {}) => collect(gzipEnvelope(options).seal('volume', fromBytes(plain).open()))

describe('plainEnvelope()', () => {
  it('adds nothing', async () => {
    const envelope = plainEnvelope()
    for (const kind of ['volume', 'signatures', 'manifest'] as const) {
      expect(envelope.suffixOf(kind)).toBe('')
      expect(same(await collect(envelope.seal(kind, fromBytes(text).open())), text)).toBe(true)
      expect(same(await collect(envelope.open(kind, fromBytes(text))), text)).toBe(true)
    }
    expect(envelope.lagBytes).toBe(0)
  })
})

describe('gzipEnvelope()', () => {
  it('leaves manifests as they are', async () => {
    const envelope = gzipEnvelope()
    expect(envelope.suffixOf('manifest')).toBe('')
    expect(envelope.suffixOf('volume')).toBe('.gz')
    expect(envelope.suffixOf('signatures')).toBe('.gz')
    expect(same(await collect(envelope.seal('manifest', fromBytes(text).open())), text)).toBe(true)
    expect(same(await collect(envelope.open('manifest', fromBytes(text))), text)).toBe(true)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('x')],
    ['text', text],
    ['what does not shrink', random],
  ])('writes what zlib reads: %s', async (_, plain) => {
    for (const level of [0, 1, 4, 9]) {
      const stored = await seal(plain, { level })
      expect(gunzipSync(stored).equals(plain)).toBe(true)
      expect(stored.length).toBeLessThan(plain.length + plain.length / 1000 + 200)
    }
  })

  it("writes duplicity's header, with a given time or the present one", async () => {
    const given = await seal(text, { mtime: 1_700_000_000 })
    expect(Buffer.from(given.subarray(0, 10)).toString('hex')).toBe('1f8b080000f1536500ff')
    const before = Math.floor(Date.now() / 1000)
    const time = Buffer.from(await seal(text)).readUInt32LE(4)
    expect(time).toBeGreaterThanOrEqual(before)
    expect(time).toBeLessThanOrEqual(Date.now() / 1000)
  })

  it('writes the same for the same', async () => {
    const options = { mtime: 0, parallel: 1 }
    const once = await seal(text, options)
    const part = text.subarray(0, 20_000)
    for (const way of choppings(part, 1)) {
      const again = await collect(gzipEnvelope({ mtime: 0 }).seal('volume', way.stream()))
      expect(same(again, await seal(part, options))).toBe(true)
    }
    expect(Buffer.compare(once, await seal(text, { mtime: 0, parallel: 3 }))).toBe(0)
  })

  it('reads what zlib writes, of one member and of several, however it is cut', async () => {
    const stored = Buffer.concat([
      gzipSync(text.subarray(0, 3000)),
      gzipSync(Buffer.alloc(0)),
      gzipSync(text.subarray(3000, 5000)),
    ])
    for (const way of choppings(stored, 1)) {
      const opened = await collect(
        gzipEnvelope().open(
          'volume',
          source(stored, () => way.stream()),
        ),
      )
      expect(Buffer.from(opened).equals(text.subarray(0, 5000))).toBe(true)
    }
  })

  it('refuses what is cut off, changed or followed by something else', async () => {
    const stored = Buffer.from(await seal(text.subarray(0, 3000)))
    const changed = Buffer.from(stored)
    changed[stored.length - 6]! ^= 1
    const open = (bytes: Uint8Array) => collect(gzipEnvelope().open('signatures', fromBytes(bytes)))
    await expect(open(stored.subarray(0, -1))).rejects.toMatchObject({ name: 'InflateError', code: 'truncated' })
    await expect(open(changed)).rejects.toMatchObject({ name: 'InflateError', code: 'corrupt' })
    await expect(open(Buffer.concat([stored, Buffer.from('x')]))).rejects.toMatchObject({ name: 'InflateError' })
  })

  it('reads nothing before it is pulled', () => {
    const never = source(text, () => {
      throw new Error('it was opened')
    })
    expect(() => gzipEnvelope().seal('volume', never as never)).not.toThrow()
  })

  it('holds back no more than it says', async () => {
    const envelope = gzipEnvelope({ level: 0, parallel: 2 })
    let given = 0
    let seen = 0
    async function* plain(): ByteStream {
      for (let i = 0; i < 60; i++) {
        expect(given - seen).toBeLessThanOrEqual(envelope.lagBytes!)
        given += 65_536
        yield random.subarray(0, 65_536)
      }
    }
    for await (const chunk of envelope.seal('volume', plain())) seen += chunk.length
    expect(envelope.lagBytes).toBeLessThanOrEqual(1_048_576)
  })

  it('refuses options that cannot be', () => {
    expect(() => gzipEnvelope({ level: 10 })).toThrow(RangeError)
    expect(() => gzipEnvelope({ parallel: 0 })).toThrow(RangeError)
    expect(() => gzipEnvelope({ mtime: -1 })).toThrow(RangeError)
    expect(() => gzipEnvelope({ mtime: 2 ** 32 })).toThrow(RangeError)
  })

  it('opens what it sealed, whatever the sizes of chunks', async () => {
    const piece = fc.uint8Array({ minLength: 1, maxLength: 3000 })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 6 }), fc.integer({ min: 0, max: 9 }), async (pieces, level) => {
        const envelope = gzipEnvelope({ level })
        const stored = await collect(envelope.seal('volume', fromChunks(pieces)))
        const plain = Buffer.concat(pieces)
        expect(gunzipSync(stored).equals(plain)).toBe(true)
        expect(Buffer.from(await collect(envelope.open('volume', fromBytes(stored)))).equals(plain)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  itWith('gzip', 'writes files that gzip(1) tests', async () => {
    for (const plain of [Buffer.alloc(0), text, random]) {
      await run(['gzip', '-t'], { input: await seal(plain), check: true })
    }
  })
})
