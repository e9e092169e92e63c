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

  /** The next bytes of the packet; often none. `body` is at most a few megabytes and is not kept. */
  push(body: Uint8Array): Uint8Array {
    const total = this.#heldBytes + body.length
    if (total < heldPacketBytes) {
      this.#held.set(body, this.#heldBytes)
      this.#heldBytes = total
      return new Uint8Array(0)
    }
    const sizes = chunkSizes(total)
    const framed = total - (total % heldPacketBytes)
    const out = Buffer.allocUnsafeSlow(this.#header.length + sizes.length + framed)
    out.set(this.#header)
    let to = this.#header.length
    let from = -this.#heldBytes
    for (const size of sizes) {
      out[to++] = 0xe0 | (31 - Math.clz32(size))
      if (from < 0) {
        // What was held is shorter than the smallest chunk.
        out.set(this.#held.subarray(0, this.#heldBytes), to)
        out.set(body.subarray(0, from + size), to - from)
      } else {
        out.set(body.subarray(from, from + size), to)
      }
      from += size
      to += size
    }
    this.#header = new Uint8Array(0)
    this.#heldBytes = total - framed
    this.#held.set(body.subarray(body.length - this.#heldBytes))
    return out
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
  writer.push(body)
  return writer.finish()
}
