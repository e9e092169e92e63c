import { deflateRawSync } from 'node:zlib'
import { collect, fromBytes } from '@coalmine/bytes'
import { choppings, itWith } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { createKeyEnvelope, type KeyEnvelopeOptions, type OpenPgpErrorCode, type Verdict } from '../src/index.ts'
import { PacketReader } from '../src/lib/packet-reader.ts'
import { encodePacket } from '../src/lib/packet-writer.ts'
import { literal, messageAround } from './crafted.ts'
import { createKeyring, type Keyring } from './keyring.ts'

let ring: Keyring
let alice = ''
let mallory = ''
/** What alice has signed: the packet before it, itself, the signature. */
let announced: Uint8Array
let content: Uint8Array
let signature: Uint8Array
/** The same by mallory. */
let forged: Uint8Array[]

beforeAll(async () => {
  ring = await createKeyring()
  alice = await ring.make('alice')
  mallory = await ring.make('mallory')
  ;[announced, content, signature] = (await packetsOf(await signedBy(alice, 'hello'))) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  forged = await packetsOf(await signedBy(mallory, 'hello'))
}, 120_000)

async function signedBy(key: string, text: string, ...more: string[]): Promise<Buffer> {
  return ring.out(['-z0', '--digest-algo', 'SHA512', '--local-user', key, ...more, '--sign'], Buffer.from(text))
}

async function packetsOf(bytes: Uint8Array): Promise<Uint8Array[]> {
  const reader = new PacketReader(fromBytes(bytes).open(), 'inside')
  const packets: Uint8Array[] = []
  for (let header = await reader.header(); header !== undefined; header = await reader.header()) {
    packets.push(encodePacket(header.tag, await collect(reader.body(header))))
  }
  return packets
}

function zip(...packets: Uint8Array[]): Uint8Array {
  return encodePacket(8, Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.concat(packets))]))
}

async function read(packets: Uint8Array[], options: KeyEnvelopeOptions = {}) {
  const verdicts: Verdict[] = []
  const onSignature = (verdict: Verdict) => void verdicts.push(verdict)
  const envelope = createKeyEnvelope({ passphrase: 'x', gpg: { home: ring.home }, onSignature, ...options })
  const bytes = await collect(envelope.open('volume', fromBytes(messageAround(...packets))))
  return { text: Buffer.from(bytes).toString(), verdicts }
}

/** Not a byte is handed on, whole, byte by byte and in pieces. */
async function refusal(packets: Uint8Array[], code: OpenPgpErrorCode, words: RegExp, options: KeyEnvelopeOptions = {}) {
  const stored = messageAround(...packets)
  for (const way of choppings(stored)) {
    const envelope = createKeyEnvelope({ passphrase: 'x', gpg: { home: ring.home }, ...options })
    const handed: Uint8Array[] = []
    const reading = (async () => {
      const source = { size: stored.length, open: () => way.stream() }
      for await (const piece of envelope.open('volume', source)) handed.push(piece)
    })()
    await expect(reading, way.name).rejects.toMatchObject({ name: 'OpenPgpError', code })
    await expect(reading, way.name).rejects.toThrow(words)
    expect(handed).toEqual([])
  }
}

/** A packet with a byte changed. */
function changed(packet: Uint8Array, at: number): Uint8Array {
  const bytes = Uint8Array.from(packet)
  bytes[at < 0 ? bytes.length + at : at]! ^= 1
  return bytes
}

const demanding = () => ({ signedBy: alice })

describe('signed content', () => {
  itWith('gpg', 'is read, compressed or not, whether a signature is demanded or not', async () => {
    for (const packets of [[announced, content, signature], [zip(announced, content, signature)]]) {
      for (const options of [{}, demanding()]) {
        const { text, verdicts } = await read(packets, options)
        expect(text).toBe('hello')
        expect(verdicts[0]).toEqual({ state: 'good', keyId: alice.slice(-16), fingerprint: alice, reason: undefined })
      }
    }
  })

  itWith('gpg', 'that was altered, or whose signature was, is refused, demanded or not', async () => {
    const notOver = /its signature is not by the key \w{16}, or not over this content/
    for (const options of [{}, demanding()]) {
      await refusal([announced, literal('hellp'), signature], 'bad-signature', notOver, options)
      await refusal([announced, content, changed(signature, -1)], 'bad-signature', notOver, options)
      // Its hashed part: the time.
      await refusal([announced, content, changed(signature, 34)], 'bad-signature', /signature/, options)
      await refusal([announced, content], 'damaged', /a signature is missing at its end/, options)
      await refusal([announced, content, forged[2]!], 'bad-signature', /not the one that is announced/, options)
      await refusal([announced, content, encodePacket(2, Buffer.of(4, 0))], 'bad-signature', /cannot be read/, options)
    }
  })

  itWith(
    'gpg',
    'of any size is refused at its end, and before a byte is handed on where a signature is demanded',
    async () => {
      const large = Buffer.alloc(150_000, 'canary')
      const packets = await packetsOf(await signedBy(alice, large.toString()))
      const body = encodeLarge(large.fill('!', large.length - 10))
      await refusal([packets[0]!, body, packets[2]!], 'bad-signature', /not over this content/, demanding())
      await expect(read([packets[0]!, body, packets[2]!])).rejects.toMatchObject({ code: 'bad-signature' })
    },
    60_000,
  )
})

/** A literal packet with a length of five octets. */
function encodeLarge(bytes: Uint8Array): Uint8Array {
  const header = Buffer.from([0xcb, 0xff, 0, 0, 0, 0, 0x62, 0, 0, 0, 0, 0])
  header.writeUInt32BE(bytes.length + 6, 2)
  return Buffer.concat([header, bytes])
}

describe('content that nobody has signed', () => {
  itWith('gpg', 'is refused where a signature is demanded, and read otherwise', async () => {
    await refusal([literal('hello')], 'not-signed', /it is not signed, and has to be by the key "/, demanding())
    await refusal([zip(literal('hello'))], 'not-signed', /it is not signed/, demanding())
    expect((await read([literal('hello')])).verdicts).toEqual([])
  })

  itWith('gpg', 'does not pass for signed beside content that somebody has signed', async () => {
    const other = literal('evil')
    for (const options of [{}, demanding()]) {
      const follows = /packet follows its data/
      await refusal([announced, content, signature, other], 'damaged', follows, options)
      await refusal([announced, content, other, signature], 'damaged', follows, options)
      await refusal([zip(announced, content, signature), other], 'damaged', follows, options)
      await refusal([zip(announced, content, signature), signature], 'damaged', follows, options)
      await refusal([announced, content, signature, signature], 'damaged', follows, options)
      await refusal([announced, zip(content), signature], 'unsupported', /signed outside its compressed data/, options)
      await refusal([announced, zip(content, signature)], 'unsupported', /signed outside/, options)
    }
    await refusal([other, announced, content, signature], 'damaged', /one-pass signature packet follows/)
    await refusal([zip(other), announced, content, signature], 'damaged', /one-pass signature packet follows/)
    for (const order of [
      [other, announced, content, signature],
      [zip(other), announced, content, signature],
    ]) {
      await refusal(order, 'not-signed', /it is not signed/, demanding())
    }
  })

  itWith('gpg', 'does not pass for signed by a signature of another kind', async () => {
    await refusal([signature, content], 'unsupported', /stands before its content/)
    await refusal([signature, content], 'unsupported', /stands before its content/, demanding())
    const text = await packetsOf(await signedBy(alice, 'hello', '--textmode'))
    await refusal(text, 'unsupported', /of type 1, not over bytes/, demanding())
    const notLast = changed(announced, -1)
    await refusal([notLast, content, signature], 'damaged', /announced to precede its data/, demanding())
    await refusal([announced, announced, content, signature, signature], 'unsupported', /over another signature/)
    const version = encodePacket(4, Buffer.concat([Buffer.of(6), Buffer.alloc(40)]))
    await refusal([version, content, signature], 'unsupported', /signature of version 6/)
    await refusal([encodePacket(4, Buffer.of(3, 0)), content], 'damaged', /wrong length/)
    const many = Array.from({ length: 17 }, () => notLast)
    await refusal([...many, content], 'too-large', /more than 16 signatures/)
  })
})

describe('content that somebody else has signed', () => {
  itWith('gpg', 'is read, and refused where the signature of a key is demanded', async () => {
    expect((await read(forged)).verdicts[0]).toMatchObject({ state: 'good', fingerprint: mallory })
    const words = new RegExp(`signed by the key ${mallory.slice(-16)}, and has to be by the key "${alice}"`)
    await refusal(forged, 'not-signed', words, demanding())
    // A good signature of mallory's, announced as alice's.
    await refusal([announced, content, forged[2]!], 'bad-signature', /not the one that is announced/, demanding())
  })

  itWith(
    'gpg',
    'is read with a word about it when nobody knows the key, and refused where one is demanded',
    async () => {
      const empty = await createKeyring()
      const { text, verdicts } = await read(forged, { gpg: { home: empty.home } })
      expect(text).toBe('hello')
      const keyId = mallory.slice(-16)
      expect(verdicts).toEqual([
        { state: 'unproven', keyId, fingerprint: undefined, reason: 'its public key is not at hand' },
      ])
      expect((await read(forged, { gpg: undefined })).verdicts[0]).toMatchObject({ state: 'unproven', keyId })
      const { verdicts: without } = await read(forged, { gpg: { binary: '/nonexistent/gpg' } })
      expect(without[0]!.reason).toMatch(/there is no such program$/)
      await empty.out(['--import'], await ring.out(['--export', alice]))
      await refusal(forged, 'not-signed', /has to be by/, { gpg: { home: empty.home }, ...demanding() })
    },
  )

  itWith('gpg', 'is not taken for that of a key whose id alone is the same', async () => {
    const file = { name: 'mallory', bytes: await ring.out(['--export', mallory]) }
    const named = Buffer.concat([announced.subarray(0, 2), forged[0]!.subarray(2)])
    await refusal([named, content, signature], 'bad-signature', /not the one that is announced/, { signedBy: file })
  })
})

describe('the signature of a key', () => {
  itWith('gpg', 'that has expired or was revoked does not count, and says so', async () => {
    const old = await ring.make('old', { at: '20200101T000000', expires: '10d' })
    const revoked = await ring.make('revoked')
    const late = await ring.make('late')
    const byOld = await packetsOf(await signedBy(old, 'hello', '--faked-system-time', '20200102T000000!'))
    const byRevoked = await packetsOf(await signedBy(revoked, 'hello'))
    const byLate = await packetsOf(await signedBy(late, 'hello', '--faked-system-time', '20990101T000000!'))
    const certificate = await ring.out(['--export', revoked])
    await ring.revoke(revoked)
    for (const [packets, key, words] of [
      [byOld, old, /it expired on 2020-01-11/],
      [byRevoked, revoked, /it was revoked/],
      [byLate, late, /made in the future/],
    ] as const) {
      const { text, verdicts } = await read(packets)
      expect(text).toBe('hello')
      expect(verdicts[0]).toMatchObject({ state: 'unproven', fingerprint: key })
      expect(verdicts[0]!.reason).toMatch(words)
      await refusal(packets, 'not-signed', words, { signedBy: key })
    }
    // Who has not heard of the revocation takes it.
    const file = { name: 'before', bytes: certificate }
    expect((await read(byRevoked, { gpg: undefined, signedBy: file })).text).toBe('hello')
  })
})
