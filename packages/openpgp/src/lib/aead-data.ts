import { hkdfSync } from 'node:crypto'
import { type Aead, createOcbCipher, ocb, openSealed, tagBytes } from './aead.ts'
import { cannotDecrypt } from './errors.ts'
import { integrityProtectedTag } from './integrity-protected.ts'
import { PacketWriter } from './packet-writer.ts'
import type { SessionKey } from './session-key.ts'

/** Data that is encrypted in chunks, each with a tag of its own, and a last tag over their number and length. */
export interface AeadHeader {
  /** Of the packet: 18 (version 2, RFC 9580, section 5.13.2), or 20, which GnuPG writes from 2.3 on. */
  readonly tag: typeof integrityProtectedTag | typeof gnupgTag
  readonly aead: Aead
  /** Two to this power, times 64, are the bytes of a chunk. */
  readonly chunkOctet: number
  /** Of the packet of type 18. */
  readonly salt: Uint8Array
  /** Of the packet of type 20: the nonce of the first chunk. */
  readonly nonce: Uint8Array
}

export const gnupgTag = 20
export const aeadSaltBytes = 32
/** 4 MiB: what RFC 9580 allows, and the most that GnuPG writes. */
export const maxChunkOctet = 16

/** The plain bytes of every chunk but the last. */
function chunkBytesOf({ chunkOctet }: AeadHeader): number {
  return 2 ** (chunkOctet + 6)
}

/** Key, nonces and associated data of a message's chunks. */
class ChunkUses {
  readonly #header: AeadHeader
  readonly #key: Uint8Array
  readonly #nonce: Uint8Array
  readonly #info: Uint8Array

  constructor(header: AeadHeader, { key }: SessionKey) {
    const { tag, aead, chunkOctet, salt, nonce } = header
    const { mode, cipher } = aead
    this.#header = header
    this.#info = Uint8Array.of(0xc0 | tag, tag === gnupgTag ? 1 : 2, cipher.id, mode.id, chunkOctet)
    if (tag === gnupgTag) {
      this.#key = Uint8Array.from(key)
      this.#nonce = nonce
      return
    }
    const derived = new Uint8Array(hkdfSync('sha256', key, salt, this.#info, cipher.keyBytes + mode.nonceBytes - 8))
    this.#key = derived.subarray(0, cipher.keyBytes)
    this.#nonce = new Uint8Array(mode.nonceBytes)
    this.#nonce.set(derived.subarray(cipher.keyBytes))
  }

  chunk(index: number) {
    return { key: this.#key, nonce: this.#nonceOf(index), ad: Buffer.concat([this.#info, this.#numberOf(index)]) }
  }

  /** Of the last tag. */
  end(chunks: number, plainBytes: number) {
    const { key, nonce, ad } = this.chunk(chunks)
    return { key, nonce, ad: Buffer.concat([ad, bigEndian(plainBytes)]) }
  }

  forget(): void {
    this.#key.fill(0)
  }

  #numberOf(index: number): Uint8Array {
    return this.#header.tag === gnupgTag ? bigEndian(index) : new Uint8Array(0)
  }

  #nonceOf(index: number): Uint8Array {
    const nonce = Uint8Array.from(this.#nonce)
    const number = bigEndian(index)
    for (let at = 0; at < 8; at++) nonce[nonce.length - 8 + at]! ^= number[at]!
    return nonce
  }
}

function bigEndian(number: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(number))
  return bytes
}

/** Whether the first chunk opens. `start` is as much of the data as {@link firstBytesOf} says, or all of it. */
export function opensFirstChunk(header: AeadHeader, session: SessionKey, start: Uint8Array): boolean {
  const uses = new ChunkUses(header, session)
  const sealedBytes = Math.min(chunkBytesOf(header) + tagBytes, start.length - tagBytes)
  const plain =
    sealedBytes < tagBytes ? undefined : openSealed(header.aead, uses.chunk(0), start.subarray(0, sealedBytes))
  uses.forget()
  plain?.fill(0)
  return plain !== undefined
}

/** The first chunk, and the tag that ends the data if it is the only one. */
export function firstBytesOf(header: AeadHeader): number {
  return chunkBytesOf(header) + 2 * tagBytes
}

const firstHeldBytes = 64 * 1024
/** Of what has been opened, this much is gathered before it is handed on: chunks may be as small as 64 bytes. */
const gatheredBytes = 64 * 1024

/**
 * Reads the chunks of a message: what comes out of `push` is authenticated. The last chunk, and all of a small message,
 * wait for the tag that ends it. It holds one chunk and 64 KiB.
 */
export class AeadReader {
  readonly #header: AeadHeader
  readonly #uses: ChunkUses
  readonly #chunkBytes: number
  #held: Buffer
  #heldBytes = 0
  #ready: Uint8Array[] = []
  #readyBytes = 0
  #chunks = 0
  #plainBytes = 0

  /** The key in `session` is overwritten. */
  constructor(header: AeadHeader, session: SessionKey) {
    this.#header = header
    this.#uses = new ChunkUses(header, session)
    session.key.fill(0)
    this.#chunkBytes = chunkBytesOf(header)
    this.#held = Buffer.allocUnsafeSlow(Math.min(this.#chunkBytes + 2 * tagBytes, firstHeldBytes))
  }

  /** The plain bytes of the chunks that have become whole. @throws OpenPgpError `damaged` */
  push(encrypted: Uint8Array): Uint8Array[] {
    const wanted = this.#chunkBytes + 2 * tagBytes
    for (let at = 0; at < encrypted.length;) {
      // More follows, so this one is not the last.
      if (this.#heldBytes === wanted) {
        this.#open(this.#held.subarray(0, wanted - tagBytes))
        this.#held.copyWithin(0, wanted - tagBytes, wanted)
        this.#heldBytes = tagBytes
      }
      const piece = encrypted.subarray(at, at + wanted - this.#heldBytes)
      this.#hold(piece, wanted)
      at += piece.length
    }
    return this.#readyBytes < gatheredBytes ? [] : this.#takeReady()
  }

  /** What is left. @throws OpenPgpError `damaged` when it or the tag that ends the message is not what was written */
  finish(): Uint8Array[] {
    if (this.#heldBytes < 2 * tagBytes) throw cannotDecrypt('damaged', 'its encrypted data is too short')
    this.#open(this.#held.subarray(0, this.#heldBytes - tagBytes))
    const end = this.#held.subarray(this.#heldBytes - tagBytes, this.#heldBytes)
    const opened = openSealed(this.#header.aead, this.#uses.end(this.#chunks, this.#plainBytes), end)
    this.#uses.forget()
    if (opened === undefined) throw cannotDecrypt('damaged', 'the authentication tag at its end does not match')
    return this.#takeReady()
  }

  #takeReady(): Uint8Array[] {
    const ready = this.#ready
    this.#ready = []
    this.#readyBytes = 0
    return ready.length > 1 ? [Buffer.concat(ready)] : ready
  }

  #hold(piece: Uint8Array, wanted: number): void {
    const needed = this.#heldBytes + piece.length
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(wanted, Math.max(needed, 2 * this.#held.length)))
      larger.set(this.#held.subarray(0, this.#heldBytes))
      this.#held = larger
    }
    this.#held.set(piece, this.#heldBytes)
    this.#heldBytes = needed
  }

  #open(sealed: Uint8Array): void {
    const plain = openSealed(this.#header.aead, this.#uses.chunk(this.#chunks), sealed)
    if (plain === undefined) {
      throw cannotDecrypt('damaged', `the authentication tag of its chunk ${this.#chunks + 1} does not match`)
    }
    this.#chunks += 1
    this.#plainBytes += plain.length
    if (plain.length === 0) return
    this.#ready.push(plain)
    this.#readyBytes += plain.length
  }
}

/** What is written: chunks of 64 KiB, so that a reader holds little. */
const writtenChunkOctet = 10

/**
 * Writes one integrity protected data packet, version 2, by AES in OCB mode: packets go in, the encrypted packet comes
 * out. It holds back less than a block, and what {@link PacketWriter} does.
 */
export class AeadWriter {
  readonly #packet = new PacketWriter(integrityProtectedTag)
  readonly #header: AeadHeader
  readonly #uses: ChunkUses
  readonly #chunkBytes: number
  #cipher: ReturnType<typeof createOcbCipher> | undefined
  #left = 0
  #chunks = 0
  #plainBytes = 0

  /** @param salt - As many random bytes as {@link aeadSaltBytes} says, never used twice with a session key. */
  constructor(session: SessionKey, aes: Aead['aes'], salt: Uint8Array) {
    const aead = { mode: ocb, cipher: session.cipher, aes }
    const tag = integrityProtectedTag
    this.#header = { tag, aead, chunkOctet: writtenChunkOctet, salt, nonce: new Uint8Array(0) }
    this.#uses = new ChunkUses(this.#header, session)
    this.#chunkBytes = chunkBytesOf(this.#header)
    this.#packet.push([Uint8Array.of(2, session.cipher.id, ocb.id, writtenChunkOctet, ...salt)])
  }

  /** Often nothing. */
  push(packets: readonly Uint8Array[]): Uint8Array[] {
    const out: Uint8Array[] = []
    for (const piece of packets) {
      for (let at = 0; at < piece.length;) {
        if (this.#cipher === undefined) {
          this.#cipher = createOcbCipher(this.#header.aead.aes, this.#uses.chunk(this.#chunks))
          this.#left = this.#chunkBytes
        }
        const part = piece.subarray(at, at + this.#left)
        at += part.length
        this.#left -= part.length
        this.#plainBytes += part.length
        out.push(this.#cipher.update(part))
        if (this.#left === 0) out.push(...this.#endChunk(this.#cipher))
      }
    }
    return this.#packet.push(out)
  }

  finish(): Uint8Array[] {
    const last = this.#cipher === undefined ? [] : this.#endChunk(this.#cipher)
    const end = createOcbCipher(this.#header.aead.aes, this.#uses.end(this.#chunks, this.#plainBytes))
    last.push(end.final(), end.getAuthTag())
    this.#uses.forget()
    return [...this.#packet.push(last), this.#packet.finish()]
  }

  #endChunk(cipher: ReturnType<typeof createOcbCipher>): Uint8Array[] {
    this.#cipher = undefined
    this.#chunks += 1
    return [cipher.final(), cipher.getAuthTag()]
  }
}
