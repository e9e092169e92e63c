/** A body waits until it fills a chunk of this size: what a writer holds back is always less. */
export const heldPacketBytes = 8192

/**
 * Frames the body of one packet, new format, in partial lengths (RFC 4880, section 4.2.2.4): chunks whose sizes are
 * powers of two, as large as what is there allows. A body that never fills a chunk gets its plain length.
 */
export class PacketWriter {
  readonly #held = new Uint8Array(heldPacketBytes)
  #heldBytes = 0
  #header: Uint8Array

  constructor(tag: number) {
    this.#header = Uint8Array.of(0xc0 | tag)
  }

  /**
   * The next bytes of the packet, often none, as pieces that may be views of `body`: what is not encrypted here is not
   * copied. `body` is at most a few megabytes and is not kept.
   */
  push(body: readonly Uint8Array[]): Uint8Array[] {
    let total = this.#heldBytes
    for (const piece of body) total += piece.length
    const out: Uint8Array[] = []
    if (total < heldPacketBytes) {
      this.#hold(body)
      return out
    }
    const rest = [this.#held.slice(0, this.#heldBytes), ...body]
    for (const size of chunkSizes(total)) {
      out.push(Uint8Array.of(...this.#header, 0xe0 | (31 - Math.clz32(size))))
      this.#header = new Uint8Array(0)
      moveBytes(rest, out, size)
    }
    this.#heldBytes = 0
    this.#hold(rest)
    return out
  }

  #hold(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#held.set(piece, this.#heldBytes)
      this.#heldBytes += piece.length
    }
  }

  /** The end of the packet. */
  finish(): Uint8Array {
    const length = encodeLength(this.#heldBytes)
    const out = Buffer.allocUnsafeSlow(this.#header.length + length.length + this.#heldBytes)
    out.set(this.#header)
    out.set(length, this.#header.length)
    out.set(this.#held.subarray(0, this.#heldBytes), this.#header.length + length.length)
    this.#held.fill(0)
    return out
  }
}

/** Takes the first `count` bytes from one list of pieces to another. */
function moveBytes(from: Uint8Array[], to: Uint8Array[], count: number): void {
  for (let left = count; left > 0;) {
    const piece = from[0]!
    if (piece.length <= left) {
      from.shift()
      if (piece.length > 0) to.push(piece)
      left -= piece.length
    } else {
      from[0] = piece.subarray(left)
      to.push(piece.subarray(0, left))
      left = 0
    }
  }
}

/** Powers of two, falling, that add up to all of `total` but less than the smallest chunk. */
function chunkSizes(total: number): number[] {
  const sizes: number[] = []
  for (let left = total; left >= heldPacketBytes; left -= sizes.at(-1)!) sizes.push(2 ** (31 - Math.clz32(left)))
  return sizes
}

/** A body length of one or two octets. */
function encodeLength(length: number): Uint8Array {
  if (length < 192) return Uint8Array.of(length)
  return Uint8Array.of(192 + ((length - 192) >> 8), (length - 192) & 0xff)
}

/** A whole packet with a body of less than {@link heldPacketBytes}. */
export function encodePacket(tag: number, body: Uint8Array): Uint8Array {
  const writer = new PacketWriter(tag)
  writer.push([body])
  return writer.finish()
}
