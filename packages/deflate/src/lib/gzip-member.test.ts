import { crc32, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib'
import { choppings } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { cut, gather, textBytes } from '../../test/streams.ts'
import { inflate } from '../index.ts'

// The judge is zlib's own reader of gzip, through gunzipSync(), wherever it allows the same.

const content = textBytes(400)

/** A member with any header fields (RFC 1952). */
function member(fields: { extra?: Buffer; name?: string; comment?: string; crc?: boolean } = {}): Buffer {
  const { extra, name, comment, crc = false } = fields
  const header: Uint8Array[] = []
  const flags = (extra ? 4 : 0) | (name === undefined ? 0 : 8) | (comment === undefined ? 0 : 16) | (crc ? 2 : 0)
  header.push(Buffer.of(0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255))
  if (extra) header.push(Buffer.of(extra.length & 255, extra.length >> 8), extra)
  if (name !== undefined) header.push(Buffer.from(`${name}\0`, 'latin1'))
  if (comment !== undefined) header.push(Buffer.from(`${comment}\0`, 'latin1'))
  if (crc) {
    const sum = Buffer.alloc(2)
    sum.writeUInt16LE(crc32(Buffer.concat(header)) & 0xffff)
    header.push(sum)
  }
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(content))
  trailer.writeUInt32LE(content.length, 4)
  return Buffer.concat([...header, deflateRawSync(content), trailer])
}

const code = async (stored: Uint8Array): Promise<unknown> => {
  const codes = new Set<unknown>()
  for (const way of choppings(stored)) {
    codes.add(
      await gather(inflate(way.stream(), { format: 'gzip' })).then(
        () => 'content',
        (error: unknown) => (error as { code: unknown }).code,
      ),
    )
  }
  expect(codes.size).toBe(1)
  return [...codes][0]
}

describe('inflate() of gzip', () => {
  it('passes over every field a header can have', async () => {
    const headers = [
      {},
      { extra: Buffer.alloc(0) },
      { extra: Buffer.alloc(65_535, 7) },
      { name: '' },
      { name: 'volume.difftar' },
      { comment: 'a comment' },
      { crc: true },
      { extra: Buffer.from('BC'), name: 'x'.repeat(5000), comment: 'y'.repeat(4096), crc: true },
      // The header fills the buffer of its checksum exactly.
      { name: 'n'.repeat(4096 - 11), crc: true },
    ]
    for (const fields of headers) {
      const stored = member(fields)
      expect(gunzipSync(stored).equals(content)).toBe(true)
      for (const way of choppings(stored)) {
        expect((await gather(inflate(way.stream(), { format: 'gzip' }))).equals(content)).toBe(true)
      }
    }
  })

  it('joins members, in any pieces', async () => {
    const stored = Buffer.concat([
      member({ name: 'a' }),
      gzipSync(Buffer.alloc(0)),
      gzipSync(textBytes(5000)),
      member(),
    ])
    const expected = gunzipSync(stored)
    for (const way of choppings(stored)) {
      expect((await gather(inflate(way.stream(), { format: 'gzip' }))).equals(expected)).toBe(true)
    }
    for (const length of [-1, -8, -10, -member().length + 1, -member().length + 2]) {
      expect(await code(stored.subarray(0, length))).toBe(length === -member().length + 1 ? 'trailing' : 'truncated')
    }
  })

  it('takes time in proportion to the data when members are tiny and chunks are huge', async () => {
    const tiny = gzipSync(Buffer.from('x'))
    const stored = Buffer.alloc(tiny.length * 200_000, tiny)
    // Copying what is left for every member would take minutes.
    let members = 0
    for await (const chunk of inflate(cut(stored, stored.length), { format: 'gzip' })) {
      members += chunk.length
      if (members >= 1000) break
    }
    expect(members).toBeGreaterThanOrEqual(1000)
  })

  it('takes zeros behind the last member for padding, and other bytes for trailing ones', async () => {
    expect(await code(Buffer.concat([member(), Buffer.alloc(1)]))).toBe('content')
    expect(await code(Buffer.concat([member(), Buffer.alloc(1000)]))).toBe('content')
    expect(await code(Buffer.concat([member(), Buffer.alloc(1000), Buffer.of(1)]))).toBe('trailing')
    expect(await code(Buffer.concat([member(), Buffer.alloc(2), member()]))).toBe('trailing')
    expect(await code(Buffer.concat([member(), Buffer.from('garbage')]))).toBe('trailing')
    expect(await code(Buffer.concat([member(), Buffer.of(0x1f, 0x8a)]))).toBe('trailing')
    const stored = Buffer.concat([member(), Buffer.from('garbage')])
    expect(await gather(inflate(cut(stored, 9), { format: 'gzip', trailing: 'ignore' }))).toEqual(content)
  })

  it('refuses damaged headers and trailers', async () => {
    const change = (at: number, value: number) => {
      const stored = member({ name: 'a', crc: true })
      stored[at < 0 ? stored.length + at : at] = value
      return stored
    }
    expect(await code(change(0, 0x1e))).toBe('corrupt')
    expect(await code(change(1, 0x8c))).toBe('corrupt')
    expect(await code(change(2, 7))).toBe('corrupt')
    expect(await code(change(3, 0x2a))).toBe('corrupt')
    expect(await code(change(4, 0xee))).toBe('corrupt')
    expect(await code(change(-1, 0xee))).toBe('corrupt')
    expect(await code(change(-8, content[0]!))).toBe('corrupt')
    for (const stored of [change(0, 0x1e), change(2, 7), change(3, 0x2a), change(4, 0xee), change(-1, 0xee)]) {
      expect(() => gunzipSync(stored)).toThrow()
    }
  })

  it('does not read a name that never ends', async () => {
    const start = Buffer.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3)
    let pulled = 0
    async function* endless() {
      yield start
      for (;;) {
        pulled += 65_536
        yield Buffer.alloc(65_536, 0x61)
      }
    }
    await expect(gather(inflate(endless(), { format: 'gzip' }))).rejects.toMatchObject({ code: 'corrupt' })
    expect(pulled).toBeLessThan(500_000)
  })
})
