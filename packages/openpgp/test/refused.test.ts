import { deflateRawSync, deflateSync } from 'node:zlib'
import { collect, fromBytes } from '@coalmine/bytes'
import { choppings } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { decryptMessage, type OpenPgpErrorCode } from '../src/index.ts'
import { encodePacket } from '../src/lib/packet-writer.ts'
import { literal, messageAround } from './crafted.ts'

function zip(...packets: Uint8Array[]): Uint8Array {
  return encodePacket(8, Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.concat(packets))]))
}

async function read(stored: Uint8Array, passphrase = 'x'): Promise<string> {
  return Buffer.from(await collect(decryptMessage(fromBytes(stored).open(), { passphrase }))).toString('latin1')
}

async function refusal(stored: Uint8Array, code: OpenPgpErrorCode, words: RegExp): Promise<void> {
  for (const way of choppings(stored)) {
    const reading = collect(decryptMessage(way.stream(), { passphrase: 'x' }))
    await expect(reading, way.name).rejects.toMatchObject({ name: 'OpenPgpError', code })
    await expect(reading, way.name).rejects.toThrow(words)
    await expect(reading, way.name).rejects.toThrow(/^Cannot decrypt the message: [^\n]*[^.\n]$/)
  }
}

const marker = encodePacket(10, Buffer.from('PGP'))
const hello = literal('hello')

describe('what is inside a message', () => {
  it('may be preceded by markers and padding, in and outside', async () => {
    const padding = encodePacket(21, Buffer.alloc(100))
    expect(await read(Buffer.concat([marker, padding, messageAround(marker, zip(marker, hello), padding)]))).toBe(
      'hello',
    )
  })

  it('may be compressed, in every framing, up to four times over', async () => {
    expect(await read(messageAround(zip(hello)))).toBe('hello')
    const open = Buffer.concat([Buffer.of(0xa3, 2), deflateSync(hello)])
    expect(await read(messageAround(open))).toBe('hello')
    expect(await read(messageAround(encodePacket(8, Buffer.concat([Buffer.of(0), hello]))))).toBe('hello')
    expect(await read(messageAround(zip(zip(zip(zip(hello))))))).toBe('hello')
    await refusal(messageAround(zip(zip(zip(zip(zip(hello)))))), 'too-large', /compressed more than 4 times/)
  })

  it('may be nothing but a literal packet of no bytes', async () => {
    expect(await read(messageAround(literal('')))).toBe('')
  })

  it('must be one literal packet and nothing else', async () => {
    await refusal(messageAround(), 'damaged', /no literal data/)
    await refusal(messageAround(marker), 'damaged', /no literal data/)
    await refusal(messageAround(hello, hello), 'damaged', /literal data packet follows/)
    await refusal(messageAround(zip(hello), hello), 'damaged', /literal data packet follows/)
    await refusal(messageAround(zip(hello, hello)), 'damaged', /literal data packet follows/)
    await refusal(messageAround(hello, Buffer.of(0)), 'damaged', /0x00 stands where a packet should begin/)
    await refusal(messageAround(encodePacket(13, Buffer.from('me'))), 'damaged', /user id packet/)
    await refusal(messageAround(encodePacket(60, Buffer.from('me'))), 'damaged', /type 60 packet/)
    await refusal(messageAround(messageAround(hello)), 'unsupported', /another encrypted message/)
    await refusal(messageAround(encodePacket(4, Buffer.alloc(13)), hello), 'unsupported', /signed/)
    await refusal(messageAround(encodePacket(2, Buffer.alloc(13)), hello), 'unsupported', /signed/)
  })

  it('must not end early', async () => {
    await refusal(messageAround(hello.subarray(0, -1)), 'damaged', /middle of a packet/)
    await refusal(messageAround(encodePacket(11, Buffer.of(0x62))), 'damaged', /too short/)
    await refusal(messageAround(encodePacket(11, Buffer.from('b\u0009name'))), 'damaged', /too short/)
    await refusal(messageAround(encodePacket(8, Buffer.alloc(0))), 'unsupported', /algorithm none/)
  })

  it('must decompress', async () => {
    await refusal(messageAround(encodePacket(8, Buffer.of(4, 1, 2))), 'unsupported', /algorithm 4/)
    for (const algorithm of [1, 2, 3]) {
      await refusal(messageAround(encodePacket(8, Buffer.of(algorithm))), 'damaged', /does not decompress/)
      const noise = Buffer.concat([Buffer.of(algorithm), Buffer.alloc(50, 0xfe)])
      await refusal(messageAround(encodePacket(8, noise)), 'damaged', /does not decompress/)
    }
    const trailing = Buffer.concat([Buffer.of(1), deflateRawSync(hello), Buffer.of(1)])
    await refusal(messageAround(encodePacket(8, trailing)), 'damaged', /does not decompress/)
  })

  it('may not hide behind endless packets', async () => {
    const markers = Array.from({ length: 257 }, () => marker)
    await refusal(messageAround(...markers, hello), 'too-large', /more than 256 packets are in it/)
    await refusal(Buffer.concat([...markers, messageAround(hello)]), 'too-large', /more than 256 packets precede/)
  })
})

describe('what is around the encrypted data', () => {
  const sound = messageAround(hello)
  const data = sound.subarray(48)
  const passphrasePacket = sound.subarray(0, 48)

  it('must be there', async () => {
    await refusal(Buffer.alloc(0), 'truncated', /it is empty/)
    await refusal(passphrasePacket, 'truncated', /before its encrypted data/)
    await refusal(data, 'damaged', /no session key precedes/)
    await refusal(Buffer.concat([encodePacket(1, Buffer.alloc(90, 3)), data]), 'no-secret-key', /public keys only/)
  })

  it('must not be followed by anything', async () => {
    for (const more of [Buffer.of(0), marker, sound, data]) {
      await refusal(Buffer.concat([sound, more]), 'trailing', /something follows/)
    }
  })

  it('is refused by name where it is not supported', async () => {
    await refusal(encodePacket(9, Buffer.alloc(40)), 'no-integrity', /no modification detection code/)
    await refusal(encodePacket(20, Buffer.alloc(40)), 'unsupported', /AEAD packet \(type 20\)/)
    await refusal(encodePacket(18, Buffer.alloc(60, 2)), 'unsupported', /AEAD \(version 2\)/)
    await refusal(encodePacket(18, Buffer.alloc(60, 7)), 'damaged', /version 7/)
    await refusal(encodePacket(18, Buffer.alloc(0)), 'damaged', /version none/)
    await refusal(hello, 'no-integrity', /not encrypted.*literal data/)
    await refusal(zip(hello), 'no-integrity', /not encrypted.*compressed data/)
    await refusal(encodePacket(6, Buffer.alloc(40)), 'unsupported', /public key packet, so it is no message/)
    await refusal(encodePacket(60, Buffer.alloc(40)), 'not-openpgp', /type 60/)
    await refusal(Buffer.from('PK\u0003\u0004'), 'not-openpgp', /0x50 stands/)
    for (const version of [5, 6]) {
      const other = Uint8Array.from(passphrasePacket)
      other[2] = version
      await refusal(Buffer.concat([other, data]), 'unsupported', new RegExp(`passphrase packet has version ${version}`))
      // One that can be used is enough.
      expect(await read(Buffer.concat([other, sound]))).toBe('hello')
    }
  })

  it('must be of a sane size', async () => {
    await refusal(Buffer.of(0xc3, 255, 0xff, 0xff, 0xff, 0xff), 'too-large', /passphrase packet of 4294967295 bytes/)
    const many = Array.from({ length: 17 }, () => passphrasePacket)
    await refusal(Buffer.concat([...many, data]), 'too-large', /more than 16 passphrase packets/)
    await refusal(Buffer.concat([Buffer.of(0x8f), passphrasePacket]), 'damaged', /has no length/)
    await refusal(Buffer.concat([passphrasePacket, encodePacket(18, Buffer.alloc(10, 1))]), 'damaged', /too short/)
  })
})
