import { Md4 } from './md4.ts'
import { RollingSum } from './rolling-sum.ts'

/** Signs blocks byte by byte as they come, whatever their length, in plain JavaScript. */
export class PlainSigner {
  readonly #blockBytes: number
  readonly #strongBytes: number
  readonly #strong = new Md4()
  readonly #weak = new RollingSum()
  readonly #digest = new DataView(new ArrayBuffer(16))
  readonly #digestBytes: Uint8Array
  /** Bytes of the current block so far. */
  #count = 0

  constructor(blockBytes: number, strongBytes: number) {
    this.#blockBytes = blockBytes
    this.#strongBytes = strongBytes
    this.#digestBytes = new Uint8Array(this.#digest.buffer, 0, strongBytes)
  }

  /** The entries of the blocks that are complete with `chunk`. */
  push(chunk: Uint8Array): Uint8Array {
    const blocks = Math.floor((this.#count + chunk.length) / this.#blockBytes)
    const entries = new Uint8Array(blocks * (4 + this.#strongBytes))
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
    let written = 0
    for (let at = 0; at < chunk.length;) {
      const end = Math.min(chunk.length, at + this.#blockBytes - this.#count)
      this.#strong.update(view, at, end)
      this.#weak.update(view, at, end)
      this.#count += end - at
      at = end
      if (this.#count === this.#blockBytes) written = this.#endBlock(entries, written)
    }
    return entries
  }

  /** The entry of a last, short block; nothing if there is none. */
  finish(): Uint8Array {
    if (this.#count === 0) return new Uint8Array(0)
    const entry = new Uint8Array(4 + this.#strongBytes)
    this.#endBlock(entry, 0)
    return entry
  }

  #endBlock(entries: Uint8Array, at: number): number {
    const weak = this.#weak.finish()
    this.#strong.finish(this.#digest, 0)
    entries[at] = weak >>> 24
    entries[at + 1] = weak >>> 16
    entries[at + 2] = weak >>> 8
    entries[at + 3] = weak
    entries.set(this.#digestBytes, at + 4)
    this.#count = 0
    return at + 4 + this.#strongBytes
  }
}
