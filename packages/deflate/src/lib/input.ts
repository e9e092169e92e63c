import type { ByteStream } from './stream.ts'

/**
 * Pieces smaller than this are joined before they are handed on as one: a trip to the pool costs as much as inflating
 * about 10 KiB.
 */
const JOIN_BYTES = 65_536

/** Reads a stream of stored bytes, and takes back what was read too far. */
export class Input {
  readonly #iterator: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  /** What was put back, the next at the end. */
  readonly #back: Uint8Array[] = []
  #ended = false
  #released = false

  constructor(stream: ByteStream) {
    this.#iterator = stream[Symbol.asyncIterator]()
  }

  /** One byte, or -1 at the end. It answers without a promise while bytes are at hand: `await` it only if need be. */
  byte(): number | Promise<number> {
    return this.#at < this.#chunk.length ? this.#chunk[this.#at++]! : this.#laterByte()
  }

  async #laterByte(): Promise<number> {
    return (await this.#fill()) ? this.#chunk[this.#at++]! : -1
  }

  /** The next bytes, 64 KiB or more unless the end comes before; `undefined` at the end. */
  async next(): Promise<Uint8Array | undefined> {
    if (!(await this.#fill())) return undefined
    const first = this.#take()
    if (first.length >= JOIN_BYTES) return first
    const pieces = [first]
    let length = first.length
    while (length < JOIN_BYTES && (await this.#fill())) {
      // No more than needed: what is left of a large chunk is handed on without a copy.
      const piece = this.#take(JOIN_BYTES - length)
      pieces.push(piece)
      length += piece.length
    }
    return pieces.length === 1 ? first : Buffer.concat(pieces)
  }

  /** Puts bytes that were read back in front of what is left, without copying. */
  unread(pieces: readonly Uint8Array[]): void {
    if (this.#at < this.#chunk.length) this.#back.push(this.#take())
    for (let i = pieces.length - 1; i >= 0; i--) this.#back.push(pieces[i]!)
  }

  /** All that is left, as a stream that now owns the input: from here on {@link Input.close} does nothing. */
  release(): ByteStream {
    this.#released = true
    return this.#drain()
  }

  async *#drain(): ByteStream {
    try {
      while (await this.#fill()) yield this.#take()
    } finally {
      await this.#stop()
    }
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    if (!this.#released) await this.#stop()
  }

  async #stop(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    await this.#iterator.return?.()
  }

  #take(maxBytes = Number.POSITIVE_INFINITY): Uint8Array {
    const end = Math.min(this.#at + maxBytes, this.#chunk.length)
    const bytes = this.#chunk.subarray(this.#at, end)
    this.#at = end
    return bytes
  }

  async #fill(): Promise<boolean> {
    while (this.#at === this.#chunk.length) {
      const back = this.#back.pop()
      if (back !== undefined) {
        this.#chunk = back
        this.#at = 0
        continue
      }
      if (this.#ended) return false
      let next: IteratorResult<Uint8Array>
      try {
        next = await this.#iterator.next()
      } catch (error) {
        // A stream that failed is over: there is nothing left to stop.
        this.#ended = true
        throw error
      }
      if (next.done === true) {
        this.#ended = true
        return false
      }
      this.#chunk = next.value
      this.#at = 0
    }
    return true
  }
}
