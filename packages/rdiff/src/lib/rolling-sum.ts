/**
 * librsync's first weak sum ("rollsum"): two sums of 16 bits, the second of what the first was after each byte. Every
 * byte counts as 31 more than it is.
 */
export class RollingSum {
  #count = 0
  #s1 = 0
  #s2 = 0

  /** Adds the bytes of `view` from `start` to `end`. */
  update(view: DataView, start: number, end: number): void {
    let s1 = this.#s1
    let s2 = this.#s2
    let at = start
    // Eight words at a time, two sums of 16 bits in one integer: 36 pairs of bytes are at most 18,360, so nothing
    // runs over into the upper one.
    for (; at + 32 <= end; at += 32) {
      let pairs = 0
      let running = 0
      let odd = 0
      for (let k = at; k < at + 32; k += 4) {
        const word = view.getInt32(k, true)
        const high = (word >>> 8) & 0xff00ff
        pairs += (word & 0xff00ff) + high
        running += pairs
        odd += high
      }
      const b01 = pairs & 0xffff
      const b23 = pairs >>> 16
      const b1 = odd & 0xffff
      const b3 = odd >>> 16
      // Byte r of word w weighs 4 * (8 - w) - r.
      s2 = (s2 + 32 * s1 + 4 * ((running & 0xffff) + (running >>> 16)) - (b1 + 2 * (b23 - b3) + 3 * b3)) & 0xffff
      s1 = (s1 + b01 + b23) & 0xffff
    }
    for (; at < end; at++) {
      s1 = (s1 + view.getUint8(at)) & 0xffff
      s2 = (s2 + s1) & 0xffff
    }
    this.#count += end - start
    this.#s1 = s1
    this.#s2 = s2
  }

  /** The sum of all bytes since the last one, as an unsigned integer of 32 bits; begins anew. */
  finish(): number {
    const n = this.#count
    // The 31 of every byte, 1 + 2 + … + n times in the second sum: halved before it is multiplied, to stay exact.
    const triangle = n % 2 === 0 ? ((n / 2) & 0xffff) * ((n + 1) & 0xffff) : (n & 0xffff) * (((n + 1) / 2) & 0xffff)
    const s1 = (this.#s1 + 31 * (n & 0xffff)) & 0xffff
    const s2 = (this.#s2 + 31 * (triangle & 0xffff)) & 0xffff
    this.#count = 0
    this.#s1 = 0
    this.#s2 = 0
    return s2 * 65_536 + s1
  }
}
