import { ByteReader, type ByteStream } from '@coalmine/bytes'
import { cannotDecrypt, type OpenPgpError } from './errors.ts'

export interface PacketHeader {
  readonly tag: number
  /** `partial`: `bytes` is the first chunk's; `open`: to the end of the stream. */
  readonly length: 'fixed' | 'partial' | 'open'
  readonly bytes: number
}

/** Bodies come in pieces of about this size: GnuPG writes partial lengths of 8 KiB, too small to decrypt one by one. */
const gatherBytes = 256 * 1024
/** A piece of this size is passed on as it is. */
const directBytes = 64 * 1024

/** Reads a sequence of packets. Each body must be read to its end before the next header. */
export class PacketReader {
  readonly #reader: ByteReader
  readonly #place: 'stored' | 'inside'

  /** @param place - Bytes as they were stored, or packets that were inside another one, which has not ended early. */
  constructor(stream: ByteStream, place: 'stored' | 'inside') {
    this.#reader = new ByteReader(stream)
    this.#place = place
  }

  /** The next packet's header, old or new format; `undefined` at the end. @throws OpenPgpError */
  async header(): Promise<PacketHeader | undefined> {
    const [first] = await this.#reader.readUpTo(1)
    if (first === undefined) return undefined
    if ((first & 0x80) === 0) throw this.#noPacket(first)
    if ((first & 0x40) !== 0) return { tag: first & 0x3f, ...(await this.#newLength()) }
    const tag = (first >> 2) & 0x0f
    const lengthType = first & 3
    if (lengthType === 3) return { tag, length: 'open', bytes: Number.POSITIVE_INFINITY }
    return { tag, length: 'fixed', bytes: bigEndian(await this.read(1 << lengthType)) }
  }

  async #newLength(): Promise<{ length: 'fixed' | 'partial'; bytes: number }> {
    const [first] = await this.read(1)
    if (first! < 192) return { length: 'fixed', bytes: first! }
    if (first! < 224) return { length: 'fixed', bytes: ((first! - 192) << 8) + (await this.read(1))[0]! + 192 }
    if (first! < 255) return { length: 'partial', bytes: 2 ** (first! & 0x1f) }
    return { length: 'fixed', bytes: bigEndian(await this.read(4)) }
  }

  /** The body of the packet, in pieces that are good to work on. */
  async *body(header: PacketHeader): ByteStream {
    let { length, bytes: left } = header
    let gathered: Buffer | undefined
    let gatheredBytes = 0
    for (;;) {
      if (left === 0) {
        if (length !== 'partial') break
        ;({ length, bytes: left } = await this.#newLength())
        continue
      }
      const piece = await this.#reader.readSome(
        gathered === undefined ? left : Math.min(left, gatherBytes - gatheredBytes),
      )
      if (piece === undefined) {
        if (length === 'open') break
        throw this.#short()
      }
      left -= piece.length
      if (gathered === undefined && piece.length >= directBytes) {
        yield piece
        continue
      }
      gathered ??= Buffer.allocUnsafeSlow(length === 'fixed' ? Math.min(left + piece.length, gatherBytes) : gatherBytes)
      gathered.set(piece, gatheredBytes)
      gatheredBytes += piece.length
      if (gatheredBytes >= gatherBytes - directBytes) {
        yield gathered.subarray(0, gatheredBytes)
        gathered = undefined
        gatheredBytes = 0
      }
    }
    if (gathered !== undefined) yield gathered.subarray(0, gatheredBytes)
  }

  /** The body of a small packet, whole. @throws OpenPgpError `too-large` */
  async smallBody(header: PacketHeader, maxBytes: number): Promise<Uint8Array> {
    if (header.length !== 'fixed') throw cannotDecrypt('damaged', `a ${packetName(header.tag)} packet has no length`)
    if (header.bytes > maxBytes) {
      throw cannotDecrypt(
        'too-large',
        `a ${packetName(header.tag)} packet of ${header.bytes} bytes is more than ${maxBytes}`,
      )
    }
    return this.read(header.bytes)
  }

  async read(count: number): Promise<Uint8Array> {
    const bytes = await this.#reader.readUpTo(count)
    if (bytes.length < count) throw this.#short()
    return bytes
  }

  async atEnd(): Promise<boolean> {
    return this.#reader.atEnd()
  }

  async close(): Promise<void> {
    return this.#reader.close()
  }

  #noPacket(first: number): OpenPgpError {
    const alien = this.#place === 'stored' && this.#reader.offset === 1
    if (alien && first === 0x2d) {
      return cannotDecrypt('unsupported', 'it begins with "-", as ASCII-armored ones do, which are not supported')
    }
    const fact = `0x${first.toString(16).padStart(2, '0')} stands where a packet should begin`
    return cannotDecrypt(alien ? 'not-openpgp' : 'damaged', fact)
  }

  #short(): OpenPgpError {
    return cannotDecrypt(this.#place === 'stored' ? 'truncated' : 'damaged', 'it ends in the middle of a packet')
  }
}

function bigEndian(bytes: Uint8Array): number {
  let value = 0
  for (const byte of bytes) value = value * 256 + byte
  return value
}

const names = new Map([
  [1, 'public-key session key'],
  [2, 'signature'],
  [3, 'passphrase'],
  [4, 'one-pass signature'],
  [5, 'secret key'],
  [6, 'public key'],
  [7, 'secret subkey'],
  [8, 'compressed data'],
  [9, 'encrypted data (without integrity protection)'],
  [10, 'marker'],
  [11, 'literal data'],
  [12, 'trust'],
  [13, 'user id'],
  [14, 'public subkey'],
  [17, 'user attribute'],
  [18, 'encrypted data'],
  [19, 'modification detection code'],
  [20, 'AEAD encrypted data'],
  [21, 'padding'],
])

export function packetName(tag: number): string {
  return names.get(tag) ?? `type ${tag}`
}
