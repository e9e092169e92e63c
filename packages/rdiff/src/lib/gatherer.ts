/** Pieces below this are gathered; larger ones are passed on uncopied. */
const smallBytes = 16_384
const gatherBytes = 65_536

const none: readonly Uint8Array[] = []

/** Joins small pieces into chunks worth a trip. */
export class Gatherer {
  #buffer: Uint8Array | undefined
  #length = 0

  /** Takes a piece; gives the chunks that are ready. */
  add(piece: Uint8Array): readonly Uint8Array[] {
    if (piece.length >= smallBytes) return [...this.flush(), piece]
    const ready = this.#length + piece.length > gatherBytes ? this.flush() : none
    this.#buffer ??= new Uint8Array(gatherBytes)
    this.#buffer.set(piece, this.#length)
    this.#length += piece.length
    return ready
  }

  /** Gives what is left. */
  flush(): readonly Uint8Array[] {
    if (this.#buffer === undefined) return none
    const ready = [this.#buffer.subarray(0, this.#length)]
    this.#buffer = undefined
    this.#length = 0
    return ready
  }
}
