import { createCipheriv, hkdfSync } from 'node:crypto'
import { packet, stretch, type Stretching } from './openpgp-writer.ts'

// OpenPGP's authenticated encryption written as RFC 9580 says (and, for packets of type 20, draft-ietf-openpgp-rfc4880bis-10),
// in the plainest way, and without a line of the package that reads it.

export interface Way {
  /** 18 (version 2) or 20 (version 1). */
  readonly tag: 18 | 20
  readonly mode: 1 | 2 | 3
  readonly cipher: 7 | 8 | 9
  readonly chunkOctet: number
}

/** Parts of the data's body, to be put together, or otherwise. */
export interface Parts {
  readonly header: Buffer
  readonly chunks: readonly Buffer[]
  readonly end: Buffer
}

const keyBytes = { 7: 16, 8: 24, 9: 32 } as const
const nonceBytes = { 1: 16, 2: 15, 3: 12 } as const
const quick: Stretching = { kind: 3, hash: 8, salt: Buffer.from('12345678'), octet: 0 }
// Nothing is random: what is tried must be the same again.
const fixed = (count: number) => Buffer.from(Array.from({ length: count }, (_, at) => at * 11 + 3))

/** The passphrase packet (the passphrase is `x`), and the parts of the data after it. */
export function aeadMessage(way: Way, plain: Uint8Array): { head: Buffer; parts: Parts } {
  const { tag, mode, cipher, chunkOctet } = way
  const size = keyBytes[cipher]
  const sessionKey = Buffer.alloc(size, 0x5a)
  const version = tag === 18 ? 2 : 1
  const info = Buffer.of(0xc0 | tag, version, cipher, mode, chunkOctet)
  const start = fixed(tag === 18 ? 32 : nonceBytes[mode])
  const derived = Buffer.from(hkdfSync('sha256', sessionKey, start, info, size + nonceBytes[mode] - 8))
  const key = tag === 18 ? derived.subarray(0, size) : sessionKey
  const nonceOf = (index: number) => {
    const nonce = tag === 18 ? Buffer.concat([derived.subarray(size), Buffer.alloc(8)]) : Buffer.from(start)
    const low = nonce.readBigUInt64BE(nonce.length - 8)
    nonce.writeBigUInt64BE(low ^ BigInt(index), nonce.length - 8)
    return nonce
  }
  const number = (value: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(value))
    return bytes
  }
  const adOf = (index: number) => (tag === 18 ? info : Buffer.concat([info, number(index)]))

  const chunks: Buffer[] = []
  const chunkBytes = 2 ** (chunkOctet + 6)
  for (let at = 0; at < plain.length; at += chunkBytes) {
    const index = chunks.length
    chunks.push(seal(mode, key, nonceOf(index), adOf(index), plain.subarray(at, at + chunkBytes)))
  }
  const ad = Buffer.concat([adOf(chunks.length), number(plain.length)])
  const end = seal(mode, key, nonceOf(chunks.length), ad, new Uint8Array(0))
  return {
    head: sealedKey(way, sessionKey),
    parts: { header: Buffer.concat([info.subarray(1), start]), chunks, end },
  }
}

/** A passphrase packet of version 5 or 6. */
function sealedKey({ tag, mode, cipher }: Way, sessionKey: Buffer): Buffer {
  const version = tag === 18 ? 6 : 5
  const size = keyBytes[cipher]
  const ad = Buffer.of(0xc3, version, cipher, mode)
  const stretched = stretch(quick, Buffer.from('x'), size)
  const key = version === 6 ? Buffer.from(hkdfSync('sha256', stretched, Buffer.alloc(0), ad, size)) : stretched
  const nonce = fixed(nonceBytes[mode])
  const specifier = Buffer.concat([Buffer.of(quick.kind, quick.hash), quick.salt, Buffer.of(quick.octet)])
  const counts = version === 6 ? [Buffer.of(3 + specifier.length + nonce.length), Buffer.of(specifier.length)] : []
  return packet(
    3,
    Buffer.of(version),
    ...counts.slice(0, 1),
    Buffer.of(cipher, mode),
    ...counts.slice(1),
    specifier,
    nonce,
    seal(mode, key, nonce, ad, sessionKey),
  )
}

/** The data as a packet. */
export function dataPacket({ tag }: Way, { header, chunks, end }: Parts): Buffer {
  return packet(tag, header, ...chunks, end)
}

function seal(mode: 1 | 2 | 3, key: Buffer, nonce: Buffer, ad: Buffer, plain: Uint8Array): Buffer {
  if (mode === 1) return sealEax(key, nonce, ad, plain)
  const options = { authTagLength: 16 }
  const aes = `aes-${(key.length * 8) as 128 | 192 | 256}` as const
  const cipher =
    mode === 2 ? createCipheriv(`${aes}-ocb`, key, nonce, options) : createCipheriv(`${aes}-gcm`, key, nonce, options)
  cipher.setAAD(ad)
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** EAX, a block at a time. */
function sealEax(key: Buffer, nonce: Buffer, ad: Buffer, plain: Uint8Array): Buffer {
  const block = (bytes: Uint8Array) =>
    createCipheriv(`aes-${key.length * 8}-ecb`, key, null)
      .setAutoPadding(false)
      .update(bytes)
  const xor = (a: Uint8Array, b: Uint8Array) => Buffer.from(a.map((byte, at) => byte ^ b[at]!))
  const double = (bytes: Buffer) => {
    const value = BigInt(`0x${bytes.toString('hex')}`) << 1n
    const reduced = value >> 128n ? (value ^ 0x87n) & ((1n << 128n) - 1n) : value
    return Buffer.from(reduced.toString(16).padStart(32, '0'), 'hex')
  }
  const omac = (number: number, message: Uint8Array) => {
    const once = double(block(Buffer.alloc(16)))
    let rest = Buffer.concat([Buffer.alloc(15), Buffer.of(number), message])
    let state = Buffer.alloc(16)
    for (; rest.length > 16; rest = rest.subarray(16)) state = block(xor(state, rest.subarray(0, 16)))
    const whole = rest.length === 16
    const last = whole ? rest : Buffer.concat([rest, Buffer.of(0x80), Buffer.alloc(15 - rest.length)])
    return block(xor(xor(state, last), whole ? once : double(once)))
  }
  let counter = BigInt(`0x${omac(0, nonce).toString('hex')}`)
  const encrypted: Buffer[] = []
  for (let at = 0; at < plain.length; at += 16) {
    const stream = block(Buffer.from(counter.toString(16).padStart(32, '0'), 'hex'))
    encrypted.push(xor(plain.subarray(at, at + 16), stream))
    counter = (counter + 1n) & ((1n << 128n) - 1n)
  }
  const sealed = Buffer.concat(encrypted)
  return Buffer.concat([sealed, xor(xor(omac(0, nonce), omac(1, ad)), omac(2, sealed))])
}
