export type Line = { readonly type: 'line'; readonly bytes: Buffer } | { readonly type: 'too-long' }

const lf = 10

/**
 * Cuts bytes into lines, without their line feeds. Of a line that is longer than the limit nothing is kept: it is told
 * once, as soon as it is too long, and passed over to its end.
 */
export class LineDecoder {
  readonly #maxBytes: number
  #pieces: Buffer[] = []
  #held = 0
  #skipping = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer): Line[] {
    const lines: Line[] = []
    for (let at = 0; at < chunk.length;) {
      const end = chunk.indexOf(lf, at)
      const piece = chunk.subarray(at, end < 0 ? chunk.length : end)
      this.#add(piece, lines)
      if (end < 0) break
      if (!this.#skipping) lines.push({ type: 'line', bytes: Buffer.concat(this.#pieces) })
      this.#forget()
      this.#skipping = false
      at = end + 1
    }
    return lines
  }

  /** Bytes of a line that has not ended. */
  get heldBytes(): number {
    return this.#held
  }

  #add(piece: Buffer, lines: Line[]): void {
    if (this.#skipping || piece.length === 0) return
    if (this.#held + piece.length > this.#maxBytes) {
      this.#forget()
      this.#skipping = true
      lines.push({ type: 'too-long' })
      return
    }
    // A copy, when little of a large chunk would keep all of it.
    this.#pieces.push(piece)
    this.#held += piece.length
    if (this.#pieces.length >= 1024) this.#pieces = [Buffer.concat(this.#pieces)]
  }

  #forget(): void {
    this.#pieces = []
    this.#held = 0
  }
}
