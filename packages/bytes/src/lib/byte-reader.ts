import type { ByteStream } from './stream.ts'
import { concat } from './tools.ts'

/** The stream ended inside something that has a known length. */
export class UnexpectedEndError extends Error {
  override readonly name = 'UnexpectedEndError'
  constructor(wanted: number, got: number) {
    super(`The bytes end too early: ${wanted} more were due and ${got} came`)
  }
}

/**
 * Reads a stream in pieces of one's own choosing. It holds one chunk of the stream and what a call asks for.
 * Call {@link ByteReader.close} when leaving before the end.
 */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  #offset = 0
  #ended = false

  constructor(stream: ByteStream) {
    this.#iterator = stream[Symbol.asyncIterator]()
  }

  /** Bytes handed out so far. */
  get offset(): number {
    return this.#offset
  }

  /** Whether nothing more comes. */
  async atEnd(): Promise<boolean> {
    return !(await this.#fill())
  }

  /** The next bytes as they come, at most `maxBytes`; `undefined` at the end. */
  async readSome(maxBytes = Number.POSITIVE_INFINITY): Promise<Uint8Array | undefined> {
    if (!(await this.#fill())) return undefined
    const count = Math.min(maxBytes, this.#chunk.length - this.#at)
    const piece = this.#chunk.subarray(this.#at, this.#at + count)
    this.#at += count
    this.#offset += count
    return piece
  }

  /** Exactly `count` bytes. The caller bounds `count`: it is held in memory. @throws UnexpectedEndError */
  async read(count: number): Promise<Uint8Array> {
    const bytes = await this.readUpTo(count)
    if (bytes.length < count) throw new UnexpectedEndError(count, bytes.length)
    return bytes
  }

  /** `count` bytes, or what is left before the end. */
  async readUpTo(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    let left = count
    while (left > 0) {
      const piece = await this.readSome(left)
      if (piece === undefined) break
      pieces.push(piece)
      left -= piece.length
    }
    return concat(pieces)
  }

  /** Passes over exactly `count` bytes. @throws UnexpectedEndError */
  async skip(count: number): Promise<void> {
    let left = count
    while (left > 0) {
      const piece = await this.readSome(left)
      if (piece === undefined) throw new UnexpectedEndError(count, count - left)
      left -= piece.length
    }
  }

  /** All that is left. */
  async *rest(): ByteStream {
    try {
      for (;;) {
        const piece = await this.readSome()
        if (piece === undefined) return
        yield piece
      }
    } finally {
      await this.close()
    }
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#chunk = new Uint8Array(0)
    this.#at = 0
    await this.#iterator.return?.()
  }

  async #fill(): Promise<boolean> {
    while (this.#at === this.#chunk.length) {
      if (this.#ended) return false
      const next = await this.#iterator.next()
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
