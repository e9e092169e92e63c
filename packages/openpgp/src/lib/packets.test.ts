import { collect, concat, fromBytes, fromChunks } from '@coalmine/bytes'
import { choppings } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OpenPgpError } from './errors.ts'
import { encodePacket, heldPacketBytes, PacketWriter } from './packet-writer.ts'
import { PacketReader } from './packet-reader.ts'

const content = Buffer.alloc(2_500_000)
for (let i = 0; i < content.length; i++) content[i] = (i * 7) ^ (i >> 8) ^ (i >> 13)

/** RFC 4880, section 4.2.2, as plainly as it can be said: the chunks of one new-format packet. */
function chunksOf(packet: Uint8Array): { partial: boolean; bytes: Uint8Array }[] {
  const chunks: { partial: boolean; bytes: Uint8Array }[] = []
  let at = 1
  for (;;) {
    const first = packet[at]!
    const partial = first >= 224 && first < 255
    let length = first
    let header = 1
    if (partial) length = 1 << (first & 31)
    else if (first >= 192 && first < 224) {
      length = ((first - 192) << 8) + packet[at + 1]! + 192
      header = 2
    } else if (first === 255) throw new Error('five-octet lengths are never written')
    chunks.push({ partial, bytes: packet.subarray(at + header, at + header + length) })
    at += header + length
    if (!partial) break
  }
  expect(at).toBe(packet.length)
  return chunks
}

const sizes = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 600 }) },
  { weight: 8, arbitrary: fc.constantFrom(191, 192, 8191, 8192, 8193, 8383, 8384, 16_383, 16_384, 24_575, 65_536) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 200_000 }) },
)

describe('PacketWriter', () => {
  it('frames any pieces as the RFC says and holds back less than it promises', () => {
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 8 }), fc.integer({ min: 0, max: 63 }), (pieces, tag) => {
        const writer = new PacketWriter(tag)
        const out: Uint8Array[] = []
        let at = 0
        let written = 0
        for (const size of pieces) {
          const framed = writer.push([content.subarray(at, at + size)]).map((piece) => piece.slice())
          out.push(...framed)
          for (const piece of framed) written += piece.length
          at += size
          expect(at - written).toBeLessThan(heldPacketBytes)
        }
        const packet = concat([...out, writer.finish()])
        expect(packet[0]).toBe(0xc0 | tag)
        const chunks = chunksOf(packet)
        expect(chunks.slice(0, -1).every((chunk) => chunk.bytes.length >= 512)).toBe(true)
        expect(Buffer.compare(concat(chunks.map((chunk) => chunk.bytes)), content.subarray(0, at))).toBe(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('gives a small body its plain length', () => {
    expect([...encodePacket(3, Uint8Array.of(1, 2))]).toEqual([0xc3, 2, 1, 2])
    expect([...encodePacket(3, new Uint8Array(0))]).toEqual([0xc3, 0])
    expect([...encodePacket(3, new Uint8Array(192)).subarray(0, 3)]).toEqual([0xc3, 192, 0])
    expect([...encodePacket(3, new Uint8Array(8191)).subarray(0, 3)]).toEqual([0xc3, 223, 63])
  })
})

/** A packet with its length written in a given way. */
function framed(body: Uint8Array, how: 'old-1' | 'old-2' | 'old-4' | 'new-4' | 'open' | 'partial'): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  if (how === 'old-1') return Buffer.from([0x80 | (11 << 2), ...length.subarray(3), ...body])
  if (how === 'old-2') return Buffer.from([0x80 | (11 << 2) | 1, ...length.subarray(2), ...body])
  if (how === 'old-4') return Buffer.from([0x80 | (11 << 2) | 2, ...length, ...body])
  if (how === 'open') return Buffer.from([0x80 | (11 << 2) | 3, ...body])
  if (how === 'new-4') return Buffer.from([0xc0 | 11, 255, ...length, ...body])
  // Every byte but the last a chunk of its own, and no length in the last.
  return Buffer.from([0xc0 | 11, ...[...body].flatMap((byte) => [0xe0, byte]), 0])
}

describe('PacketReader', () => {
  const body = content.subarray(0, 200)
  for (const how of ['old-1', 'old-2', 'old-4', 'new-4', 'open', 'partial'] as const) {
    const packet = framed(body, how)

    it(`reads a length written as ${how}, in any pieces`, async () => {
      for (const way of choppings(packet)) {
        const reader = new PacketReader(way.stream(), 'stored')
        const header = await reader.header()
        expect(header?.tag).toBe(11)
        expect(Buffer.compare(await collect(reader.body(header!)), body), way.name).toBe(0)
        expect(await reader.atEnd()).toBe(true)
      }
    })

    // One without a length ends where its stream does.
    if (how === 'open') continue
    it(`finds out when one written as ${how} is cut anywhere`, async () => {
      for (const place of ['stored', 'inside'] as const) {
        for (let end = 1; end < packet.length; end += place === 'stored' ? 1 : 7) {
          const reader = new PacketReader(fromBytes(packet.subarray(0, end)).open(), place)
          const reading = reader.header().then(async (header) => collect(reader.body(header!)))
          const code = place === 'stored' ? 'truncated' : 'damaged'
          await expect(reading, `${end} bytes`).rejects.toMatchObject({ code })
        }
      }
    })
  }

  it('passes large pieces on and gathers small ones, whatever the pieces and chunks are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sizes, { maxLength: 6 }), fc.array(sizes, { maxLength: 6 }), async (writes, cuts) => {
        const writer = new PacketWriter(11)
        let at = 0
        const out = writes.flatMap((size) =>
          writer.push([content.subarray(at, (at += size))]).map((one) => one.slice()),
        )
        const packet = concat([...out, writer.finish()])
        const pieces: Uint8Array[] = []
        let from = 0
        for (const size of cuts) pieces.push(packet.subarray(from, (from += size)))
        const reader = new PacketReader(fromChunks([...pieces, packet.subarray(from)]), 'stored')
        const bodies: Uint8Array[] = []
        for await (const piece of reader.body((await reader.header())!)) {
          expect(piece.length).toBeGreaterThan(0)
          bodies.push(piece)
        }
        expect(Buffer.compare(Buffer.concat(bodies), content.subarray(0, at))).toBe(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('refuses what a small packet must not be', async () => {
    const big = new PacketReader(fromBytes(Uint8Array.of(0xc3, 255, 0xff, 0xff, 0xff, 0xff)).open(), 'stored')
    const header = (await big.header())!
    expect(header.bytes).toBe(0xffff_ffff)
    await expect(big.smallBody(header, 65_536)).rejects.toMatchObject({
      code: 'too-large',
    } satisfies Partial<OpenPgpError>)
    const partial = new PacketReader(fromBytes(Uint8Array.of(0xc3, 0xe1, 1, 2, 0)).open(), 'stored')
    await expect(partial.smallBody((await partial.header())!, 65_536)).rejects.toMatchObject({ code: 'damaged' })
  })

  it('tells something else from a damaged message', async () => {
    const gzip = new PacketReader(fromBytes(Uint8Array.of(0x1f, 0x8b)).open(), 'stored')
    await expect(gzip.header()).rejects.toMatchObject({ code: 'not-openpgp' })
    const armored = new PacketReader(fromBytes(Buffer.from('-----BEGIN PGP MESSAGE-----')).open(), 'stored')
    await expect(armored.header()).rejects.toThrow(/ASCII-armored/)
    const inside = new PacketReader(fromBytes(Uint8Array.of(0x1f)).open(), 'inside')
    await expect(inside.header()).rejects.toMatchObject({ code: 'damaged' })
  })
})
