import { createCipheriv, createHash } from 'node:crypto'

// OpenPGP messages written as RFC 4880 says, in the plainest way, and without a line of the package that reads them.

/** A packet with a new-format header of the shortest length. */
export function packet(tag: number, ...body: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(body)
  const n = bytes.length
  const length =
    n < 192
      ? Buffer.of(n)
      : n < 8384
        ? Buffer.of(192 + ((n - 192) >> 8), (n - 192) & 255)
        : Buffer.of(255, n >> 24, n >> 16, n >> 8, n)
  return Buffer.concat([Buffer.of(0xc0 | tag), length, bytes])
}

/** The same with the length in the old format, two bytes. */
export function oldPacket(tag: number, ...body: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(body)
  return Buffer.concat([Buffer.of(0x81 | (tag << 2), bytes.length >> 8, bytes.length), bytes])
}

export function literal(text: string): Buffer {
  return packet(11, Buffer.from(`b\0\0\0\0\0${text}`, 'latin1'))
}

export interface Cipher {
  readonly id: number
  readonly native: string
  readonly keyBytes: number
  readonly blockBytes: number
}

export const ciphers: readonly Cipher[] = [
  { id: 9, native: 'aes-256-cfb', keyBytes: 32, blockBytes: 16 },
  { id: 7, native: 'aes-128-cfb', keyBytes: 16, blockBytes: 16 },
  { id: 8, native: 'aes-192-cfb', keyBytes: 24, blockBytes: 16 },
  { id: 2, native: 'des-ede3-cfb', keyBytes: 24, blockBytes: 8 },
  { id: 13, native: 'camellia-256-cfb', keyBytes: 32, blockBytes: 16 },
]

export const hashes = {
  1: 'md5',
  2: 'sha1',
  3: 'ripemd160',
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
} as const

/** How a passphrase becomes a key: the fields of the specifier. */
export interface Stretching {
  readonly kind: 0 | 1 | 3
  readonly hash: keyof typeof hashes
  readonly salt: Uint8Array
  readonly octet: number
}

function specifier({ kind, hash, salt, octet }: Stretching): Buffer {
  return Buffer.concat([
    Buffer.of(kind, hash),
    kind === 0 ? Buffer.alloc(0) : salt,
    kind === 3 ? Buffer.of(octet) : Buffer.alloc(0),
  ])
}

export function stretch({ kind, hash, salt, octet }: Stretching, passphrase: Uint8Array, keyBytes: number): Buffer {
  const unit = kind === 0 ? Buffer.from(passphrase) : Buffer.concat([salt, passphrase])
  const count = kind === 3 ? Math.max(unit.length, (16 + (octet & 15)) << ((octet >> 4) + 6)) : unit.length
  const repeated = Buffer.alloc(count)
  if (unit.length > 0) for (let at = 0; at < count; at += unit.length) unit.copy(repeated, at)
  const digests: Buffer[] = []
  for (let zeros = 0, got = 0; got < keyBytes; zeros++) {
    digests.push(createHash(hashes[hash]).update(Buffer.alloc(zeros)).update(repeated).digest())
    got += digests.at(-1)!.length
  }
  return Buffer.concat(digests).subarray(0, keyBytes)
}

/** A passphrase packet; without a session key of its own, the passphrase's key is the session key. */
export function passphrasePacket(
  cipher: Cipher,
  how: Stretching,
  encryptedKey: Uint8Array = new Uint8Array(0),
): Buffer {
  return packet(3, Buffer.of(4, cipher.id), specifier(how), encryptedKey)
}

export function encryptedKey(
  cipher: Cipher,
  passphraseKey: Uint8Array,
  session: Cipher,
  sessionKey: Uint8Array,
): Buffer {
  return cfb(cipher, passphraseKey, Buffer.concat([Buffer.of(session.id), sessionKey]))
}

/** Packets under integrity protection. The random bytes are none: what is tried must be the same again. */
export function protectedPacket(cipher: Cipher, key: Uint8Array, packets: Uint8Array): Buffer {
  const noise = Buffer.from(Array.from({ length: cipher.blockBytes }, (_, at) => at * 11))
  const plain = Buffer.concat([noise, noise.subarray(-2), packets, Buffer.of(0xd3, 0x14)])
  return packet(18, Buffer.of(1), cfb(cipher, key, Buffer.concat([plain, createHash('sha1').update(plain).digest()])))
}

function cfb({ native, blockBytes }: Cipher, key: Uint8Array, plain: Uint8Array): Buffer {
  return createCipheriv(native, key, Buffer.alloc(blockBytes)).update(plain)
}

const aes = ciphers[0]!
const quick: Stretching = { kind: 3, hash: 8, salt: Buffer.from('12345678'), octet: 0 }

/** A sound message around packets, under the passphrase `x`. */
export function messageAround(packets: Uint8Array): Buffer {
  const key = stretch(quick, Buffer.from('x'), aes.keyBytes)
  return Buffer.concat([passphrasePacket(aes, quick), protectedPacket(aes, key, packets)])
}
