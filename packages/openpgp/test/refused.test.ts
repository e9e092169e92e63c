import { deflateRawSync, deflateSync } from 'node:zlib'
import { collect, fromBytes } from '@coalmine/bytes'
import { choppings } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { decryptMessage, encryptMessage, type OpenPgpErrorCode } from '../src/index.ts'
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
    await refusal(encodePacket(20, Buffer.alloc(40)), 'damaged', /version 0/)
    await refusal(encodePacket(20, Buffer.alloc(40, 2)), 'damaged', /version 2/)
    await refusal(encodePacket(18, Buffer.alloc(60, 7)), 'damaged', /version 7/)
    await refusal(encodePacket(18, Buffer.alloc(0)), 'damaged', /version none/)
    await refusal(hello, 'no-integrity', /not encrypted.*literal data/)
    await refusal(zip(hello), 'no-integrity', /not encrypted.*compressed data/)
    await refusal(encodePacket(6, Buffer.alloc(40)), 'unsupported', /public key packet, so it is no message/)
    await refusal(encodePacket(60, Buffer.alloc(40)), 'not-openpgp', /type 60/)
    await refusal(Buffer.from('PK\u0003\u0004'), 'not-openpgp', /0x50 stands/)
    for (const version of [2, 7]) {
      const other = Uint8Array.from(passphrasePacket)
      other[2] = version
      await refusal(Buffer.concat([other, data]), 'unsupported', new RegExp(`passphrase packet has version ${version}`))
      // One that can be used is enough.
      expect(await read(Buffer.concat([other, sound]))).toBe('hello')
    }
  })

  it('is refused by name where its authenticated encryption is not supported', async () => {
    const rest = Buffer.alloc(100)
    const header = (...bytes: number[]) => Buffer.concat([Buffer.of(...bytes), rest])
    await refusal(encodePacket(18, header(2, 99, 2, 6)), 'unsupported', /cipher is number 99/)
    await refusal(encodePacket(18, header(2, 10, 2, 6)), 'unsupported', /Twofish in OCB mode/)
    await refusal(encodePacket(18, header(2, 9, 4, 6)), 'unsupported', /mode of authenticated encryption is number 4/)
    await refusal(encodePacket(18, header(2, 9, 2, 17)), 'too-large', /chunks are of 2\^23 bytes/)
    await refusal(encodePacket(20, header(1, 9, 2, 56)), 'too-large', /chunks are of 2\^62 bytes/)
    await refusal(encodePacket(20, Buffer.of(1, 9, 2)), 'damaged', /too short/)
    await refusal(encodePacket(18, Buffer.of(2, 9, 2, 6, 1)), 'damaged', /too short/)
    await refusal(encodePacket(18, header(2, 9, 2, 6)), 'damaged', /no session key precedes/)
  })

  it('goes with packets of its own kind alone', async () => {
    const options = { passphrase: 'x', compression: { algorithm: 'none' } } as const
    const seal = async (more: object) =>
      Buffer.from(await collect(encryptMessage(fromBytes(Buffer.from('hi')).open(), { ...options, ...more })))
    const [old, current] = [await seal({ s2kCount: 1024 }), await seal({ profile: 'rfc9580', argon2Bytes: 32_768 })]
    const [oldKey, currentKey] = [old.subarray(0, 48), current.subarray(0, 90)]
    expect(await read(Buffer.concat([oldKey, current]))).toBe('hi')
    expect(await read(Buffer.concat([currentKey, old]))).toBe('hi')
    await refusal(Buffer.concat([oldKey, current.subarray(90)]), 'damaged', /no session key precedes/)
    await refusal(Buffer.concat([currentKey, old.subarray(48)]), 'damaged', /no session key precedes/)
  })

  it('takes no more of Argon2 than is said', async () => {
    const version6 = (passes: number, lanes: number, memory: number, more: number[] = []) => {
      const body = [6, 38, 9, 2, 20, 4, ...Buffer.alloc(16), passes, lanes, memory, ...Buffer.alloc(15 + 48), ...more]
      return Buffer.concat([
        encodePacket(3, Buffer.from(body)),
        encodePacket(18, Buffer.concat([Buffer.of(2, 9, 2, 6), Buffer.alloc(99)])),
      ])
    }
    await refusal(version6(1, 4, 21), 'unsupported', /Argon2 in 2048 MiB of memory, which is more than 256/)
    await refusal(version6(1, 4, 19), 'unsupported', /Argon2 in 512 MiB/)
    await refusal(version6(5, 4, 18), 'unsupported', /5 passes over 262144 KiB, which is more than 1048576 KiB/)
    for (const [passes, lanes, memory] of [
      [0, 1, 10],
      [1, 0, 10],
      [1, 4, 4],
      [1, 4, 32],
      [1, 4, 255],
    ] as const) {
      await refusal(version6(passes, lanes, memory), 'unsupported', /numbers that it does not have/)
    }
    await refusal(version6(1, 1, 5), 'wrong-passphrase', /does not open it/)
    const [packet] = [version6(4, 1, 18).subarray(0, 90)]
    await refusal(Buffer.concat(Array.from({ length: 5 }, () => packet)), 'too-large', /Argon2 more than 4194304 KiB/)
  })

  it('must have passphrase packets that are whole', async () => {
    const whole = [6, 38, 9, 2, 20, 4, ...Buffer.alloc(16), 1, 1, 5, ...Buffer.alloc(15 + 48)]
    const data = encodePacket(18, Buffer.concat([Buffer.of(2, 9, 2, 6), Buffer.alloc(99)]))
    const refuse = async (body: number[], words: RegExp) =>
      refusal(Buffer.concat([encodePacket(3, Buffer.from(body)), data]), 'unsupported', words)
    for (let length = 1; length < 57; length++)
      await refuse(whole.slice(0, length), /ends too early|contradicts itself/)
    await refuse(whole.with(1, 37), /contradicts itself/)
    await refuse(whole.with(4, 11), /contradicts itself/)
    await refuse(whole.with(3, 9), /number 9/)
    await refuse(whole.with(2, 1), /IDEA in OCB mode/)
  })

  it('must be of a sane size', async () => {
    await refusal(Buffer.of(0xc3, 255, 0xff, 0xff, 0xff, 0xff), 'too-large', /passphrase packet of 4294967295 bytes/)
    const many = Array.from({ length: 17 }, () => passphrasePacket)
    await refusal(Buffer.concat([...many, data]), 'too-large', /more than 16 passphrase packets/)
    await refusal(Buffer.concat([Buffer.of(0x8f), passphrasePacket]), 'damaged', /has no length/)
    await refusal(Buffer.concat([passphrasePacket, encodePacket(18, Buffer.alloc(10, 1))]), 'damaged', /too short/)
  })
})
