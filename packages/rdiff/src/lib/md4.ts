/** MD4 (RFC 1320). Broken as a cryptographic hash; here it names blocks, as the format demands. */
export class Md4 {
  #a = 0x67452301
  #b = 0xefcdab89 | 0
  #c = 0x98badcfe | 0
  #d = 0x10325476
  #count = 0
  readonly #rest = new Uint8Array(64)
  readonly #restView = new DataView(this.#rest.buffer)

  /** Adds the bytes of `view` from `start` to `end`. */
  update(view: DataView, start: number, end: number): void {
    const held = this.#count % 64
    this.#count += end - start
    let at = start
    if (held > 0) {
      const taken = Math.min(64 - held, end - start)
      this.#rest.set(bytesOf(view, at, at + taken), held)
      at += taken
      if (held + taken < 64) return
      this.#compress(this.#restView, 0)
    }
    for (; at + 64 <= end; at += 64) this.#compress(view, at)
    if (at < end) this.#rest.set(bytesOf(view, at, end))
  }

  /** Writes the 16 bytes of the digest at `at`; begins anew. */
  finish(target: DataView, at: number): void {
    const held = this.#count % 64
    const bits = this.#count * 8
    const rest = this.#restView
    this.#rest.fill(0, held)
    this.#rest[held] = 0x80
    if (held >= 56) {
      this.#compress(rest, 0)
      this.#rest.fill(0)
    }
    rest.setUint32(56, bits % 2 ** 32, true)
    rest.setUint32(60, Math.floor(bits / 2 ** 32), true)
    this.#compress(rest, 0)
    target.setInt32(at, this.#a, true)
    target.setInt32(at + 4, this.#b, true)
    target.setInt32(at + 8, this.#c, true)
    target.setInt32(at + 12, this.#d, true)
    this.#a = 0x67452301
    this.#b = 0xefcdab89 | 0
    this.#c = 0x98badcfe | 0
    this.#d = 0x10325476
    this.#count = 0
  }

  #compress(view: DataView, at: number): void {
    let a = this.#a
    let b = this.#b
    let c = this.#c
    let d = this.#d
    for (let k = at; k < at + 64; k += 16) {
      a = (a + view.getInt32(k, true) + (d ^ (b & (c ^ d)))) | 0
      a = (a << 3) | (a >>> 29)
      d = (d + view.getInt32(k + 4, true) + (c ^ (a & (b ^ c)))) | 0
      d = (d << 7) | (d >>> 25)
      c = (c + view.getInt32(k + 8, true) + (b ^ (d & (a ^ b)))) | 0
      c = (c << 11) | (c >>> 21)
      b = (b + view.getInt32(k + 12, true) + (a ^ (c & (d ^ a)))) | 0
      b = (b << 19) | (b >>> 13)
    }
    for (let k = at; k < at + 16; k += 4) {
      a = (a + view.getInt32(k, true) + 0x5a827999 + ((b & (c | d)) | (c & d))) | 0
      a = (a << 3) | (a >>> 29)
      d = (d + view.getInt32(k + 16, true) + 0x5a827999 + ((a & (b | c)) | (b & c))) | 0
      d = (d << 5) | (d >>> 27)
      c = (c + view.getInt32(k + 32, true) + 0x5a827999 + ((d & (a | b)) | (a & b))) | 0
      c = (c << 9) | (c >>> 23)
      b = (b + view.getInt32(k + 48, true) + 0x5a827999 + ((c & (d | a)) | (d & a))) | 0
      b = (b << 13) | (b >>> 19)
    }
    // Words 0, 2, 1, 3 and, for each, those 8, 4 and 12 further on.
    for (let i = 0; i < 4; i++) {
      const k = at + 4 * (((i & 1) << 1) | (i >> 1))
      a = (a + view.getInt32(k, true) + 0x6ed9eba1 + (b ^ c ^ d)) | 0
      a = (a << 3) | (a >>> 29)
      d = (d + view.getInt32(k + 32, true) + 0x6ed9eba1 + (a ^ b ^ c)) | 0
      d = (d << 9) | (d >>> 23)
      c = (c + view.getInt32(k + 16, true) + 0x6ed9eba1 + (d ^ a ^ b)) | 0
      c = (c << 11) | (c >>> 21)
      b = (b + view.getInt32(k + 48, true) + 0x6ed9eba1 + (c ^ d ^ a)) | 0
      b = (b << 15) | (b >>> 17)
    }
    this.#a = (this.#a + a) | 0
    this.#b = (this.#b + b) | 0
    this.#c = (this.#c + c) | 0
    this.#d = (this.#d + d) | 0
  }
}

function bytesOf(view: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, end - start)
}
