import { deflateRawSync, deflateSync } from 'node:zlib'
import { createHash } from 'node:crypto'
import { fromChunks } from '@coalmine/bytes'
import { createPassphraseEnvelope, OpenPgpError } from '@coalmine/openpgp'
import * as fc from 'fast-check'
import { feedsOf, show } from '../lib/feed.ts'
import { Gpg } from '../lib/gpg.ts'
import {
  ciphers,
  encryptedKey,
  hashes,
  literal,
  messageAround,
  oldPacket,
  packet,
  passphrasePacket,
  protectedPacket,
  type Stretching,
  stretch,
} from '../lib/openpgp-writer.ts'
import { Python } from '../lib/python.ts'
import { accepted, demand, Finding, type Outcome, type Target } from '../lib/target.ts'

const codes = [
  'wrong-passphrase',
  'damaged',
  'no-integrity',
  'truncated',
  'trailing',
  'unsupported',
  'not-openpgp',
  'too-large',
]
// More than that nobody waits for: who reads messages of strangers limits what comes out.
const mostBytes = 8 << 20
const memory = { base: 24 << 20, perByte: 64 }

type Read =
  | { readonly bytes: number; readonly sha256: string; readonly stopped: boolean; readonly content?: Buffer }
  | { readonly code: string }

/** Reads a message in all ways of feeding it. */
async function readMessage(message: Uint8Array): Promise<Read> {
  const [whole, ...others] = feedsOf(message)
  const expected = await read(whole!.chunks())
  // Once is enough for what is large: the pieces are those of the compressed bytes.
  if ('bytes' in expected && expected.bytes > 65_536) return expected
  for (const feed of others) {
    const found = await read(feed.chunks())
    demand(
      show(found) === show(expected),
      `Fed in another way (${feed.name}) it is ${show(found)} and not ${show(expected)}`,
    )
  }
  return expected
}

async function read(chunks: Iterable<Uint8Array>, passphrase: string | Uint8Array = 'x'): Promise<Read> {
  const envelope = createPassphraseEnvelope({ passphrase, s2kCount: 1024 })
  const hash = createHash('sha256')
  const pieces: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const piece of envelope.open('volume', { size: 0, open: () => fromChunks(chunks) })) {
      demand(piece.length > 0, 'An empty piece comes')
      bytes += piece.length
      outputBytes += piece.length
      hash.update(piece)
      if (bytes <= 4096) pieces.push(piece)
      if (bytes > mostBytes) break
    }
  } catch (error) {
    if (!(error instanceof OpenPgpError) || !codes.includes(error.code)) throw error
    return { code: error.code }
  }
  const content = bytes <= 4096 ? Buffer.concat(pieces) : undefined
  return { bytes, sha256: hash.digest('hex'), stopped: bytes > mostBytes, content }
}

/** Bytes that came out of all readings of the present input, whether they ended well or not. */
let outputBytes = 0

async function outcomeOf(message: Uint8Array): Promise<Outcome> {
  outputBytes = 0
  return { accepted: 'bytes' in (await readMessage(message)), outputBytes }
}

function sameAs(read: Read, content: Uint8Array): boolean {
  return 'bytes' in read && read.sha256 === createHash('sha256').update(content).digest('hex')
}

const gpg = new Gpg()

/** What is accepted, GnuPG must read the same. */
async function askGpg(message: Uint8Array): Promise<void> {
  const ours = await readMessage(message)
  if ('code' in ours || ours.stopped) return
  const theirs = await gpg.decrypt(message)
  // Text mode: GnuPG then changes the ends of lines. Here it is bytes whatever it is called.
  const asText = ours.content?.toString('latin1').replaceAll('\r', '')
  if (theirs !== undefined && asText === theirs.toString('latin1')) return
  demand(theirs !== undefined && sameAs(ours, theirs), `Ours is ${show(ours)}, that of GnuPG ${show(theirs)}`)
}

const judge = { needs: ['gpg'], check: askGpg, close: () => gpg.close() }

/** Whole messages, as they are stored. The passphrase is `x`. */
export const messages: Target = {
  name: 'openpgp',
  about: 'OpenPGP messages under a passphrase, as stored (packets, lengths, session keys)',
  maxBytes: 8192,
  memory,
  tokens: [
    packet(10, Buffer.from('PGP')),
    packet(1, Buffer.alloc(20, 3)),
    oldPacket(3, Buffer.of(4, 9, 3, 8)),
    Buffer.of(0xd2, 0xff, 0xff, 0xff, 0xff, 0xff),
  ].concat([
    messageAround(literal('canary')),
    Buffer.of(0xd2, 0xe9),
    Buffer.of(0xa7),
    Buffer.of(0xc3, 0xff, 0, 1, 0, 0),
  ]),
  arbitrary: fc
    .array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 })
    .map((bodies) => Buffer.concat([...bodies.map((body, at) => packet([3, 1, 10, 18][at]!, body))])),
  run: (input) => outcomeOf(input),
  judge,
}

/** The packets inside of a sound message: what somebody writes who has the key. */
export const innerPackets: Target = {
  name: 'openpgp-inside',
  about: 'packets inside of encrypted messages: compressed, literal, nested',
  maxBytes: 8192,
  memory,
  tokens: [
    literal('x'),
    packet(8, Buffer.of(0), literal('x')),
    packet(8, Buffer.of(1), deflateRawSync(literal('y'))),
    packet(8, Buffer.of(2), deflateSync(literal('z'))),
  ].concat([
    packet(10, Buffer.from('PGP')),
    packet(21, Buffer.alloc(9)),
    Buffer.of(0xa3, 1),
    Buffer.of(0xcb, 0xe0),
    Buffer.of(0xaf),
  ]),
  arbitrary: fc
    .tuple(fc.string({ maxLength: 50 }), fc.array(fc.constantFrom(0, 1, 2), { maxLength: 6 }))
    .map(([text, algorithms]) =>
      algorithms.reduce(
        (inner, algorithm) =>
          packet(8, Buffer.of(algorithm), [inner, deflateRawSync(inner), deflateSync(inner)][algorithm]!),
        literal(text),
      ),
    ),
  run: (input) => outcomeOf(messageAround(input)),
  judge: { ...judge, check: (input) => askGpg(messageAround(input)) },
}

const python = new Python()

/** bzip2 data in a compressed packet. */
export const bzip2: Target = {
  name: 'bzip2',
  about: 'bzip2 data in compressed packets',
  maxBytes: 4096,
  // The decoder holds a block (3.6 MB), the compressed bytes of one (2.3 MB), and what it becomes (at most 47 MB).
  memory: { base: 64 << 20, perByte: 64 },
  tokens: [Buffer.from('BZh9'), Buffer.from('314159265359', 'hex'), Buffer.from('177245385090', 'hex')],
  run: (input) => outcomeOf(inBzip2(input)),
  judge: {
    needs: ['python3'],
    async check(input) {
      const ours = await readMessage(inBzip2(input))
      if ('code' in ours || ours.stopped) return
      const { ok } = (await python.ask('bzip2', input)) as { ok?: { bytes: number; sha256: string; trailing: number } }
      // What is inside is a packet, and what comes out is that without its header: Python is asked for the packet.
      demand(
        ok !== undefined && ok.trailing === 0 && ok.bytes > ours.bytes,
        `Ours is ${show(ours)}, that of Python ${show(ok)}`,
      )
    },
    close: () => python.close(),
  },
}

function inBzip2(data: Uint8Array): Buffer {
  return messageAround(packet(8, Buffer.of(3), data))
}

/**
 * Passphrase packets: a cipher, a hash and a stretching each, chosen by the first bytes, with and without a session key
 * of their own. Sound ones open the message; whatever else is put in their place is refused.
 */
export const s2k: Target = {
  name: 's2k',
  about: 'string-to-key specifiers and passphrase packets',
  maxBytes: 400,
  memory: { base: 96 << 20, perByte: 64 },
  arbitrary: fc.uint8Array({ minLength: 16, maxLength: 40 }),
  async run(input) {
    const bytes = Buffer.concat([input, Buffer.alloc(Math.max(0, 16 - input.length))])
    const at = (index: number, count: number) => bytes[index]! % count
    const cipher = ciphers[at(0, ciphers.length)]!
    const session = ciphers[at(1, ciphers.length)]!
    const hash = Number(Object.keys(hashes)[at(2, 7)]) as Stretching['hash']
    // The largest counts take a tenth of a second, and are tried now and then.
    const octet = bytes.readUInt8(4) === 0 ? bytes[5]! : bytes[5]! % 64
    const how: Stretching = { kind: ([0, 1, 3, 3] as const)[at(3, 4)]!, hash, salt: bytes.subarray(6, 14), octet }
    const passphrase = input.length > 16 ? input.subarray(16) : Buffer.from('x')
    const passphraseKey = stretch(how, passphrase, cipher.keyBytes)
    const sessionKey = Buffer.alloc(session.keyBytes, 0x5a)
    const isOwn = bytes[14]! % 2 === 0
    const sound = isOwn
      ? [
          passphrasePacket(cipher, how, encryptedKey(cipher, passphraseKey, session, sessionKey)),
          protectedPacket(session, sessionKey, literal('canary')),
        ]
      : [passphrasePacket(cipher, how), protectedPacket(cipher, passphraseKey, literal('canary'))]
    const opened = await read(sound, passphrase)
    demand(sameAs(opened, Buffer.from('canary')), `A sound message gives ${show(opened)}`)
    const other = await read(sound, Buffer.concat([passphrase, Buffer.from('!')]))
    if (!('code' in other)) throw new Finding(`Another passphrase gives ${show(other)}`)
    // The same with what was given as the packet itself.
    await read([packet(3, Buffer.of(4, cipher.id), input), sound[1]!], passphrase)
    return accepted
  },
}
