import { type ByteStream, concat } from '@coalmine/bytes'
import { RdiffError } from './rdiff-error.ts'
import { headerBytes, signatureKinds } from './signature-format.ts'

/** The signature of some content: for each block, in order, its weak and its strong sum. */
export interface Signature {
  /** Which weak sum: librsync's first, or the Rabin-Karp hash it has since 2.2. */
  readonly kind: 'rollsum' | 'rabinkarp'
  readonly hash: 'md4' | 'blake2'
  /** Bytes of content to a block; the last block may be short. */
  readonly blockBytes: number
  /** Bytes of each strong sum. */
  readonly strongBytes: number
  readonly weak: Uint32Array
  /** The strong sums one after the other, `weak.length * strongBytes` bytes. */
  readonly strong: Uint8Array
}

export interface SignatureLimits {
  /** Bytes of the whole signature; 1 GiB. */
  readonly maxBytes?: number
  /** Bytes of a block, as declared: whoever makes a delta holds one or two; 256 MiB. */
  readonly maxBlockBytes?: number
}

/**
 * Reads a signature, of any of the four kinds that librsync 2 writes. Memory grows with the bytes that really come.
 *
 * @throws RdiffError `unsupported`, `corrupt`, `truncated` or `too-large`.
 */
export async function readSignature(stream: ByteStream, limits: SignatureLimits = {}): Promise<Signature> {
  const decoder = new SignatureDecoder(limits)
  for await (const chunk of stream) decoder.push(chunk)
  return decoder.finish()
}

/** The work of {@link readSignature}, without waiting. */
export class SignatureDecoder {
  readonly #maxBytes: number
  readonly #maxBlockBytes: number
  #offset = 0
  #header: Pick<Signature, 'kind' | 'hash' | 'blockBytes' | 'strongBytes'> | undefined
  /** Bytes that are no whole header or entry yet. */
  #held: Uint8Array = new Uint8Array(0)
  #weak = new Uint32Array(0)
  #strong = new Uint8Array(0)
  #blocks = 0

  constructor(limits: SignatureLimits = {}) {
    const { maxBytes = 2 ** 30, maxBlockBytes = 2 ** 28 } = limits
    if (!(maxBytes >= 0 && maxBlockBytes >= 0)) {
      throw new RangeError(`Cannot read a signature within ${maxBytes} bytes and blocks of ${maxBlockBytes}: no limits`)
    }
    this.#maxBytes = maxBytes
    this.#maxBlockBytes = maxBlockBytes
  }

  push(chunk: Uint8Array): void {
    this.#offset += chunk.length
    if (this.#offset > this.#maxBytes) {
      throw new RdiffError('too-large', `Cannot read a signature: it has more than ${this.#maxBytes} bytes`)
    }
    const bytes = this.#held.length === 0 ? chunk : concat([this.#held, chunk])
    let at = 0
    if (this.#header === undefined && bytes.length >= headerBytes) {
      this.#header = decodeHeader(bytes, this.#maxBlockBytes)
      at = headerBytes
    }
    if (this.#header !== undefined) at = this.#readEntries(bytes, at, this.#header.strongBytes)
    // At most 35 bytes. A copy, so that a small rest does not keep a large chunk alive; a Buffer's slice is none.
    this.#held = new Uint8Array(bytes.subarray(at))
  }

  finish(): Signature {
    if (this.#header === undefined || this.#held.length > 0) {
      const place = this.#header === undefined ? 'its header' : `the entry of block ${this.#blocks}`
      throw new RdiffError('truncated', `Cannot read a signature: it ends after ${this.#offset} bytes, inside ${place}`)
    }
    const exact = this.#weak.length === this.#blocks
    return {
      ...this.#header,
      weak: exact ? this.#weak : this.#weak.slice(0, this.#blocks),
      strong: exact ? this.#strong : this.#strong.slice(0, this.#blocks * this.#header.strongBytes),
    }
  }

  #readEntries(bytes: Uint8Array, start: number, strongBytes: number): number {
    const entryBytes = 4 + strongBytes
    const count = Math.floor((bytes.length - start) / entryBytes)
    this.#reserve(this.#blocks + count, strongBytes)
    const weak = this.#weak
    const strong = this.#strong
    let block = this.#blocks
    let to = block * strongBytes
    let at = start
    for (const end = start + count * entryBytes; at < end; block++) {
      weak[block] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
      at += 4
      for (let i = 0; i < strongBytes; i++) strong[to++] = bytes[at++]!
    }
    this.#blocks = block
    return at
  }

  #reserve(blocks: number, strongBytes: number): void {
    if (blocks <= this.#weak.length) return
    // The first chunk exactly, since most signatures are one; then doubled, since it is not known how many will come.
    const room = this.#weak.length === 0 ? blocks : Math.max(blocks, 2 * this.#weak.length)
    const weak = new Uint32Array(room)
    weak.set(this.#weak)
    this.#weak = weak
    const strong = new Uint8Array(room * strongBytes)
    strong.set(this.#strong)
    this.#strong = strong
  }
}

function decodeHeader(bytes: Uint8Array, maxBlockBytes: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes)
  const magic = view.getUint32(0)
  const found = signatureKinds.find((kind) => kind.magic === magic)
  if (found === undefined) {
    const text = magic.toString(16).padStart(8, '0')
    throw new RdiffError(
      'unsupported',
      `Cannot read a signature: it begins with "${text}", which is none of librsync's`,
    )
  }
  const blockBytes = view.getUint32(4)
  const strongBytes = view.getUint32(8)
  if (blockBytes === 0) throw new RdiffError('corrupt', 'Cannot read a signature: its blocks have 0 bytes')
  if (blockBytes > maxBlockBytes) {
    const facts = `its blocks have ${blockBytes} bytes, the limit is ${maxBlockBytes}`
    throw new RdiffError('too-large', `Cannot read a signature: ${facts}`)
  }
  if (strongBytes === 0 || strongBytes > found.maxStrongBytes) {
    const facts = `it keeps ${strongBytes} bytes of each ${found.hash} sum, which has ${found.maxStrongBytes}`
    throw new RdiffError('corrupt', `Cannot read a signature: ${facts}`)
  }
  return { kind: found.kind, hash: found.hash, blockBytes, strongBytes }
}
