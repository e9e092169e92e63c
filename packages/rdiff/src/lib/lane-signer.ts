import type { WasmKernel } from './wasm-kernel.ts'

const nothing = new Uint8Array(0)

/**
 * Signs four blocks at a time by the kernel. Less than four blocks are held until more comes, never more than that;
 * blocks have at most `maxLaneBytes`.
 */
export class LaneSigner {
  readonly #kernel: WasmKernel
  readonly #blockBytes: number
  readonly #strongBytes: number
  #held = nothing
  #heldBytes = 0

  constructor(kernel: WasmKernel, blockBytes: number, strongBytes: number) {
    this.#kernel = kernel
    this.#blockBytes = blockBytes
    this.#strongBytes = strongBytes
  }

  /** The entries of blocks that are complete, in groups of four. */
  push(chunk: Uint8Array): Uint8Array {
    const groupBytes = 4 * this.#blockBytes
    const total = this.#heldBytes + chunk.length
    const ready = total - (total % groupBytes)
    if (ready === 0) {
      this.#hold(chunk)
      return nothing
    }
    const entryBytes = 4 + this.#strongBytes
    const entries = new Uint8Array((ready / this.#blockBytes) * entryBytes)
    const callBytes = this.#kernel.callBytes(this.#blockBytes)
    let first = this.#held.subarray(0, this.#heldBytes)
    let written = 0
    let at = 0
    for (let done = 0; done < ready;) {
      const length = Math.min(callBytes, ready - done)
      const second = chunk.subarray(at, at + length - first.length)
      entries.set(this.#kernel.sign(first, second, this.#blockBytes, this.#strongBytes), written)
      written += (length / this.#blockBytes) * entryBytes
      at += second.length
      done += length
      first = nothing
    }
    this.#heldBytes = 0
    this.#hold(chunk.subarray(at))
    return entries
  }

  /** The entries of what was held; the last block may be short. */
  finish(): Uint8Array {
    const held = this.#held.subarray(0, this.#heldBytes)
    this.#held = nothing
    this.#heldBytes = 0
    if (held.length === 0) return nothing
    return this.#kernel.sign(held, nothing, this.#blockBytes, this.#strongBytes).slice()
  }

  #hold(piece: Uint8Array): void {
    if (piece.length === 0) return
    const needed = this.#heldBytes + piece.length
    if (needed > this.#held.length) {
      // Doubled, so that single bytes are not copied again and again; less than a group in the end.
      const larger = new Uint8Array(Math.min(4 * this.#blockBytes, Math.max(4096, 2 * needed)))
      larger.set(this.#held.subarray(0, this.#heldBytes))
      this.#held = larger
    }
    this.#held.set(piece, this.#heldBytes)
    this.#heldBytes = needed
  }
}
