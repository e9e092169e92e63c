const longestLiteral = 32_768
/** Four such literals, with their lengths. */
const largestBuffer = 4 * (longestLiteral + 3)

/**
 * Writes the commands of a delta in their shortest encodings. Copies that go on where the last one ended become one;
 * literals are cut after 32,768 bytes, as librsync cuts them.
 *
 * It holds one literal and what was written since the last {@link CommandWriter.take}.
 */
export class CommandWriter {
  #buffer = new Uint8Array(256)
  /** The view on the buffer, for numbers. */
  #view = new DataView(this.#buffer.buffer)
  #taken = 0
  #end = 0
  #full: Uint8Array[] = []
  #literal = new Uint8Array(0)
  #literalBytes = 0
  #copyStart = 0
  #copyBytes = 0

  constructor() {
    this.#view.setUint32(0, 0x72730236)
    this.#end = 4
  }

  copy(start: number, length: number): void {
    if (this.#literalBytes > 0) this.#flushLiteral()
    if (this.#copyBytes > 0 && this.#copyStart + this.#copyBytes === start) {
      this.#copyBytes += length
      return
    }
    this.#flushCopy()
    this.#copyStart = start
    this.#copyBytes = length
  }

  /** The bytes are copied. */
  literal(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#flushCopy()
    for (let at = 0; at < bytes.length;) {
      const rest = bytes.length - at
      if (this.#literalBytes === 0 && rest >= longestLiteral) {
        this.#writeLiteral(bytes.subarray(at, at + longestLiteral))
        at += longestLiteral
        continue
      }
      const taken = Math.min(rest, longestLiteral - this.#literalBytes)
      this.#hold(bytes.subarray(at, at + taken))
      at += taken
      if (this.#literalBytes === longestLiteral) this.#flushLiteral()
    }
  }

  /** Writes what is held, and the end. */
  end(): void {
    this.#flushCopy()
    this.#flushLiteral()
    this.#reserve(1)
    this.#buffer[this.#end++] = 0
  }

  /** What was written since the last time, in chunks that are not touched any more. */
  take(): Uint8Array[] {
    const taken = this.#full
    this.#full = []
    if (this.#end > this.#taken) taken.push(this.#buffer.subarray(this.#taken, this.#end))
    this.#taken = this.#end
    return taken
  }

  #hold(bytes: Uint8Array): void {
    const needed = this.#literalBytes + bytes.length
    if (needed > this.#literal.length) {
      const larger = new Uint8Array(Math.min(longestLiteral, Math.max(256, 2 * needed)))
      larger.set(this.#literal.subarray(0, this.#literalBytes))
      this.#literal = larger
    }
    this.#literal.set(bytes, this.#literalBytes)
    this.#literalBytes = needed
  }

  #flushLiteral(): void {
    if (this.#literalBytes === 0) return
    this.#writeLiteral(this.#literal.subarray(0, this.#literalBytes))
    this.#literalBytes = 0
  }

  #writeLiteral(bytes: Uint8Array): void {
    const { length } = bytes
    this.#reserve(3 + length)
    if (length <= 64) {
      this.#buffer[this.#end++] = length
    } else {
      const width = widthOf(length)
      this.#buffer[this.#end++] = 0x41 + width
      this.#number(length, width)
    }
    this.#buffer.set(bytes, this.#end)
    this.#end += length
  }

  #flushCopy(): void {
    if (this.#copyBytes === 0) return
    this.#reserve(17)
    const first = widthOf(this.#copyStart)
    const second = widthOf(this.#copyBytes)
    this.#buffer[this.#end++] = 0x45 + 4 * first + second
    this.#number(this.#copyStart, first)
    this.#number(this.#copyBytes, second)
    this.#copyBytes = 0
  }

  #number(value: number, width: number): void {
    if (width === 0) this.#view.setUint8(this.#end, value)
    else if (width === 1) this.#view.setUint16(this.#end, value)
    else if (width === 2) this.#view.setUint32(this.#end, value)
    else this.#view.setBigUint64(this.#end, BigInt(value))
    this.#end += 1 << width
  }

  /** Makes room for so many bytes in one piece. */
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return
    // What was handed out stays as it is: what comes goes into a new buffer.
    if (this.#end > this.#taken) this.#full.push(this.#buffer.subarray(this.#taken, this.#end))
    this.#buffer = new Uint8Array(Math.min(largestBuffer, Math.max(4 * this.#buffer.length, 2 * bytes)))
    this.#view = new DataView(this.#buffer.buffer)
    this.#taken = 0
    this.#end = 0
  }
}

/** The exponent of 2 of the bytes that the number needs: 1, 2, 4 or 8 of them. */
function widthOf(value: number): 0 | 1 | 2 | 3 {
  return value < 2 ** 8 ? 0 : value < 2 ** 16 ? 1 : value < 2 ** 32 ? 2 : 3
}
