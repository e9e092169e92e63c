import { createCipheriv, createHash, timingSafeEqual } from 'node:crypto'
import type { Cipher, NativeCipher } from './algorithms.ts'
import type { CfbDecipher } from './cfb.ts'
import { cannotDecrypt } from './errors.ts'
import { PacketWriter } from './packet-writer.ts'

export const integrityProtectedTag = 18
/** Two bytes of header and a SHA-1. */
const codeBytes = 22

/**
 * Writes one integrity protected data packet, version 1 (RFC 4880, section 5.13): packets go in, the encrypted packet
 * comes out. It holds back less than {@link heldPacketBytes}.
 */
export class IntegrityProtectedWriter {
  readonly #packet = new PacketWriter(integrityProtectedTag)
  readonly #cipher: ReturnType<typeof createCipheriv>
  readonly #hash = createHash('sha1')

  /** @param noise - As many random bytes as a block has. */
  constructor({ cipher, key }: { cipher: NativeCipher; key: Uint8Array }, noise: Uint8Array) {
    this.#cipher = createCipheriv(cipher.native, key, new Uint8Array(cipher.blockBytes))
    this.#packet.push([Uint8Array.of(1), this.#encrypt(Uint8Array.of(...noise, ...noise.subarray(-2)))])
  }

  /** Often nothing. */
  push(packets: readonly Uint8Array[]): Uint8Array[] {
    return this.#packet.push(packets.map((piece) => this.#encrypt(piece)))
  }

  finish(): Uint8Array[] {
    this.#hash.update(codeHeader)
    const code = Uint8Array.of(...codeHeader, ...this.#hash.digest())
    return [...this.#packet.push([this.#cipher.update(code)]), this.#packet.finish()]
  }

  #encrypt(plain: Uint8Array): Uint8Array {
    this.#hash.update(plain)
    return this.#cipher.update(plain)
  }
}

const codeHeader = Uint8Array.of(0xd3, 0x14)

/** Bytes at the start of the body, after its version, that show whether a key is the right one. */
export const quickCheckBytes = 18

/**
 * Whether a session key seems to fit: the two bytes before the first packet repeat the two before them. A wrong key
 * passes once in 65,536 times. (That an attacker who may ask often learns from the answer concerns keys that stand in
 * a server; here the one who asks holds the passphrase.)
 */
export function passesQuickCheck(decipher: CfbDecipher, { blockBytes }: Cipher, start: Uint8Array): boolean {
  const plain = decipher.update(start.subarray(0, blockBytes + 2))
  return plain[blockBytes] === plain[blockBytes - 2] && plain[blockBytes + 1] === plain[blockBytes - 1]
}

/**
 * Reads the body of an integrity protected data packet, after its version. The last pushed piece is held back, because
 * it may hold the code that ends the body.
 */
export class IntegrityProtectedReader {
  readonly #decipher: CfbDecipher
  readonly #hash = createHash('sha1')
  #prefixLeft: number
  #held: Uint8Array[] = []
  #heldBytes = 0

  constructor(decipher: CfbDecipher, { blockBytes }: Cipher) {
    this.#decipher = decipher
    this.#prefixLeft = blockBytes + 2
  }

  /** Packets that are certainly not the code; whether they are what was written shows at the end. */
  push(encrypted: Uint8Array): Uint8Array[] {
    const plain = this.#decipher.update(encrypted)
    this.#held.push(plain)
    this.#heldBytes += plain.length
    const out: Uint8Array[] = []
    for (;;) {
      const [first] = this.#held
      if (first === undefined || this.#heldBytes - first.length < codeBytes) return out
      this.#held.shift()
      this.#heldBytes -= first.length
      this.#release(first, out)
    }
  }

  /** The last packets. @throws OpenPgpError `damaged` when any byte of the body is not what was written */
  finish(): Uint8Array[] {
    const rest = Buffer.concat(this.#held)
    if (this.#heldBytes < this.#prefixLeft + codeBytes)
      throw cannotDecrypt('damaged', 'its encrypted data is too short')
    const code = rest.subarray(rest.length - codeBytes)
    const out: Uint8Array[] = []
    this.#release(rest.subarray(0, rest.length - codeBytes), out)
    this.#hash.update(code.subarray(0, 2))
    const digest = this.#hash.digest()
    if (code[0] !== 0xd3 || code[1] !== 0x14 || !timingSafeEqual(digest, code.subarray(2))) {
      throw cannotDecrypt('damaged', 'its modification detection code is missing or does not match')
    }
    return out
  }

  #release(piece: Uint8Array, out: Uint8Array[]): void {
    if (piece.length === 0) return
    this.#hash.update(piece)
    const skipped = Math.min(this.#prefixLeft, piece.length)
    this.#prefixLeft -= skipped
    if (skipped < piece.length) out.push(piece.subarray(skipped))
  }
}
