import { type ByteSource, type ByteStream, collect } from '@coalmine/bytes'
import { RdiffError } from './rdiff-error.ts'

const smallestWindow = 4096
const largestWindow = 262_144

/**
 * Reads ranges of a source that lie wherever they lie, without opening it anew for each.
 *
 * Small ranges are served from a window. It grows while what it held was mostly used, and begins small again when it was
 * not: so ranges in order cost one trip for 256 KiB, and scattered ones little more than themselves. All in all at most
 * six times what is asked for is read, and 4 KiB for each range, however the ranges are chosen.
 */
export class BasisReader {
  readonly #source: ByteSource
  readonly #largest: number
  #window: Uint8Array = new Uint8Array(0)
  #windowStart = 0
  /** Bytes served from the window since it was filled. */
  #used = 0

  /** @param largest - Bytes of the window at most. */
  constructor(source: ByteSource, largest = largestWindow) {
    this.#source = source
    this.#largest = largest
  }

  /** The range, if the window holds it: no waiting for what is there. */
  held(start: number, length: number): Uint8Array | undefined {
    const at = start - this.#windowStart
    if (at < 0 || at + length > this.#window.length) return undefined
    this.#used += length
    return this.#window.subarray(at, at + length)
  }

  /** The bytes of a range that lies within the source. */
  async *read(start: number, length: number): ByteStream {
    if (length >= this.#largest) {
      yield* this.#open(start, length)
      return
    }
    const held = this.held(start, length)
    if (held !== undefined) {
      yield held
      return
    }
    // By what the last window really held, which is less than was wished for at the end of the source.
    const grown = 2 * this.#used >= this.#window.length ? Math.min(2 * this.#window.length, this.#largest) : 0
    const end = Math.min(this.#source.size, start + Math.max(length, grown, smallestWindow))
    this.#window = await collect(this.#open(start, end - start))
    this.#windowStart = start
    this.#used = length
    yield this.#window.subarray(0, length)
  }

  async *#open(start: number, length: number): ByteStream {
    let left = length
    for await (const chunk of this.#source.open({ start, end: start + length })) {
      left -= chunk.length
      if (left < 0) break
      yield chunk
    }
    if (left !== 0) {
      const facts = `the basis gave ${left > 0 ? 'fewer' : 'more'} than ${length} bytes from ${start}`
      throw new RdiffError('basis', `Cannot apply a delta: ${facts}`)
    }
  }
}
