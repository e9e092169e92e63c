import { createPassphraseEnvelope, OpenPgpError } from '@coalmine/openpgp'
import * as fc from 'fast-check'
import { aeadMessage, dataPacket, type Parts, type Way } from '../lib/aead-writer.ts'
import { sameForAllStreams } from '../lib/feed.ts'
import { literal, packet } from '../lib/openpgp-writer.ts'
import { accepted, demand, Finding, type Target } from '../lib/target.ts'

const envelope = createPassphraseEnvelope({ passphrase: 'x', s2kCount: 1024 })

async function read(message: Uint8Array): Promise<{ text: string } | { code: string }> {
  return sameForAllStreams(message, async (stream) => {
    const pieces: Uint8Array[] = []
    try {
      for await (const piece of envelope.open('volume', { size: message.length, open: () => stream })) {
        demand(piece.length > 0, 'An empty piece comes')
        pieces.push(piece)
      }
    } catch (error) {
      if (!(error instanceof OpenPgpError)) throw error
      // Of what is so small nothing shows before all of it is proven.
      demand(pieces.length === 0, `Something is handed on, then comes "${error.code}"`)
      return { code: error.code }
    }
    return { text: Buffer.concat(pieces).toString('latin1') }
  })
}

type Damage = (parts: Parts, at: number, bytes: Buffer) => Parts | undefined

/** What the storage may do to the data; `undefined` where it would change nothing. */
const damages: readonly Damage[] = [
  ({ chunks, ...rest }, at) => ({ ...rest, chunks: chunks.toSpliced(at % chunks.length, 1) }),
  ({ chunks, ...rest }, at) => ({
    ...rest,
    chunks: chunks.toSpliced(at % chunks.length, 0, chunks[at % chunks.length]!),
  }),
  ({ chunks, ...rest }, at) => {
    const [one, other] = [at % chunks.length, (at >> 4) % chunks.length]
    if (one === other) return undefined
    return { ...rest, chunks: chunks.with(one, chunks[other]!).with(other, chunks[one]!) }
  },
  ({ chunks, ...rest }, at) => ({ ...rest, chunks: chunks.slice(0, at % chunks.length) }),
  (parts) => ({ ...parts, end: Buffer.alloc(0) }),
  (parts, at) => ({ ...parts, end: parts.end.subarray(0, at % 16) }),
  (parts, at) => ({ ...parts, end: flipped(parts.end, at) }),
  (parts, at) => ({ ...parts, header: flipped(parts.header, at) }),
  ({ chunks, ...rest }, at) => {
    const index = at % chunks.length
    return { ...rest, chunks: chunks.with(index, flipped(chunks[index]!, at >> 3)) }
  },
  ({ chunks, ...rest }, at, bytes) => {
    if (bytes.length === 0) return undefined
    return { ...rest, chunks: chunks.toSpliced(at % (chunks.length + 1), 0, bytes) }
  },
]

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  const place = at % (copy.length * 8)
  copy[place >> 3]! ^= 1 << (place & 7)
  return copy
}

/**
 * Data in chunks, its mode, cipher, size of chunks and a damage chosen by the first bytes. The sound message gives what is
 * in it; the damaged one, and whatever else is put in the place of the packets, is refused.
 */
export const aeadData: Target = {
  name: 'openpgp-aead',
  about: 'authenticated encryption: chunks, their tags and the passphrase packets that go with them',
  maxBytes: 1200,
  memory: { base: 48 << 20, perByte: 256 },
  tokens: [
    Buffer.of(1, 9, 2, 0),
    Buffer.of(2, 9, 2, 0),
    Buffer.of(2, 9, 3, 16),
    Buffer.of(5, 9, 2, 3, 8),
    Buffer.of(6, 26, 9),
  ],
  arbitrary: fc.uint8Array({ minLength: 6, maxLength: 700 }),
  async run(input) {
    const bytes = Buffer.concat([input, Buffer.alloc(Math.max(0, 6 - input.length))])
    const tag = bytes[0]! % 2 === 0 ? 18 : 20
    const way: Way = {
      tag,
      mode: ([1, 2, 3] as const)[(bytes[0]! >> 1) % (tag === 18 ? 3 : 2)]!,
      cipher: ([9, 8, 7] as const)[(bytes[0]! >> 4) % 3]!,
      chunkOctet: bytes[1]! % 4,
    }
    const [rest, at] = [bytes.subarray(5), bytes.readUInt16BE(3)]
    const text = rest.toString('latin1')
    const { head, parts } = aeadMessage(way, literal(text))
    const sound = await read(Buffer.concat([head, dataPacket(way, parts)]))
    demand('text' in sound && sound.text === text, `A sound message gives ${JSON.stringify(sound)}`)

    const damaged = damages[bytes[2]! % damages.length]!(parts, at, rest)
    const others = [
      ...(damaged === undefined ? [] : [Buffer.concat([head, dataPacket(way, damaged)])]),
      Buffer.concat([packet(3, rest), dataPacket(way, parts)]),
      Buffer.concat([head, packet(tag, rest)]),
    ]
    for (const [index, message] of others.entries()) {
      const found = await read(message)
      if ('text' in found) throw new Finding(`What was put in place ${index} of damage ${bytes[2]!} is read`)
    }
    return accepted
  },
}
