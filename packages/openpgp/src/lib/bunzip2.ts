import { setImmediate } from 'node:timers/promises'
import { ByteReader, type ByteStream } from '@coalmine/bytes'
// @ts-expect-error The package has no types; what is used of it is declared below.
import untypedBunzip from 'seek-bzip'

/** What the decoder reads: it asks for the header first, then goes to the block. */
interface BlockInput {
  readByte(): number
  read(buffer: Uint8Array, offset: number, length: number): number
  seek(byte: number): void
}

interface BlockOutput {
  writeByte(byte: number): void
}

const Bunzip = untypedBunzip as {
  /** Decodes the block that begins at a bit, and checks its CRC. @throws TypeError */
  decodeBlock(input: BlockInput, bit: number, output: BlockOutput): void
}

/** Bytes that are no whole bzip2 stream. */
export class Bzip2Error extends Error {
  override readonly name = 'Bzip2Error'
  constructor(fact: string, cause?: unknown) {
    super(`Cannot decompress the bzip2 data: ${fact}`, cause === undefined ? undefined : { cause })
  }
}

const headerBytes = 4
const blockMagic = 0x314159265359
const endMagic = 0x177245385090

/**
 * The content of one bzip2 stream, decompressed block by block.
 *
 * Held in memory: the compressed bytes one block can have (2.3 MB), the decoder's 3.6 MB, and what one block becomes:
 * 0.9 MB, or up to 47 MB for content that is one byte over and over. A block keeps the event loop busy while it is
 * decoded.
 *
 * @throws Bzip2Error
 */
export async function* bunzip2(stored: ByteStream): ByteStream {
  const reader = new ByteReader(stored)
  const header = await reader.readUpTo(headerBytes)
  const level = header[3]! - 0x30
  if (header[0] !== 0x42 || header[1] !== 0x5a || header[2] !== 0x68 || !(level >= 1 && level <= 9)) {
    throw new Bzip2Error('it does not begin with a header')
  }
  const window = new BlockWindow(header, level)
  let streamCrc = 0
  for (;;) {
    while (window.room > 0) {
      const piece = await reader.readSome(window.room)
      if (piece === undefined) break
      window.fill(piece)
    }
    const { magic, crc } = window.blockHeader()
    if (magic === endMagic) {
      if (crc !== streamCrc) throw new Bzip2Error('its checksum does not match')
      if (window.trailing || !(await reader.atEnd())) throw new Bzip2Error('something follows its end')
      return
    }
    if (magic !== blockMagic) throw new Bzip2Error('a block does not begin where one should')
    streamCrc = (crc ^ ((streamCrc << 1) | (streamCrc >>> 31))) >>> 0
    yield* window.decodeBlock()
    await setImmediate()
  }
}

/** The part of the stream that holds the next block, behind the stream's header, as the decoder wants to find it. */
class BlockWindow implements BlockInput {
  readonly #bytes: Buffer
  #filled: number
  /** Where the next block begins. */
  #bit = headerBytes * 8
  /** The decoder's place, in bytes. */
  #at = 0

  constructor(header: Uint8Array, level: number) {
    // A block has at most `level` times 100,000 bytes, with at most 20 bits for each; and its tables.
    this.#bytes = Buffer.allocUnsafeSlow(headerBytes + 65_536 + level * 250_000)
    this.#bytes.set(header)
    this.#filled = headerBytes
  }

  get room(): number {
    return this.#bytes.length - this.#filled
  }

  fill(piece: Uint8Array): void {
    this.#bytes.set(piece, this.#filled)
    this.#filled += piece.length
  }

  /** The 48 bits that say what comes next, and the CRC behind them. */
  blockHeader(): { magic: number; crc: number } {
    if (this.#bit + 80 > this.#filled * 8) throw new Bzip2Error('it ends too early')
    return { magic: this.#bits(this.#bit, 48), crc: this.#bits(this.#bit + 48, 32) }
  }

  /** Whether bytes are there after the end mark. */
  get trailing(): boolean {
    return Math.ceil((this.#bit + 80) / 8) < this.#filled
  }

  /** The content of the next block; makes room for the one after it. */
  decodeBlock(): Uint8Array[] {
    const output = new BlockContent()
    this.#at = 0
    try {
      Bunzip.decodeBlock(this, this.#bit, output)
    } catch (error) {
      throw error instanceof Bzip2Error ? error : new Bzip2Error('a block is damaged', error)
    }
    this.#bit = this.#nextBlock()
    const from = this.#bit >> 3
    this.#bytes.copyWithin(headerBytes, from, this.#filled)
    this.#filled -= from - headerBytes
    this.#bit = headerBytes * 8 + (this.#bit & 7)
    return output.chunks()
  }

  // The decoder does not tell at which bit of the last byte it stopped, but what follows shows it.
  #nextBlock(): number {
    for (let bit = this.#at * 8 - 7; bit <= this.#at * 8 && bit + 48 <= this.#filled * 8; bit++) {
      const magic = this.#bits(bit, 48)
      if (magic === blockMagic || magic === endMagic) return bit
    }
    throw new Bzip2Error('nothing follows a block that should')
  }

  /** At most 48 bits. */
  #bits(bit: number, count: number): number {
    let value = 0
    for (let at = bit; at < bit + count; at++) value = value * 2 + ((this.#bytes[at >> 3]! >> (7 - (at & 7))) & 1)
    return value
  }

  readByte(): number {
    if (this.#at >= this.#filled) throw new Bzip2Error('it ends too early')
    return this.#bytes[this.#at++]!
  }

  read(buffer: Uint8Array, offset: number, length: number): number {
    for (let i = 0; i < length; i++) buffer[offset + i] = this.readByte()
    return length
  }

  seek(byte: number): void {
    this.#at = byte
  }
}

const chunkBytes = 262_144

class BlockContent implements BlockOutput {
  readonly #full: Uint8Array[] = []
  #chunk = Buffer.allocUnsafeSlow(chunkBytes)
  #used = 0

  writeByte(byte: number): void {
    if (this.#used === chunkBytes) {
      this.#full.push(this.#chunk)
      this.#chunk = Buffer.allocUnsafeSlow(chunkBytes)
      this.#used = 0
    }
    this.#chunk[this.#used++] = byte
  }

  chunks(): Uint8Array[] {
    return this.#used === 0 ? this.#full : [...this.#full, this.#chunk.subarray(0, this.#used)]
  }
}
