import type { ByteStream } from './stream.ts'
import { concat } from './tools.ts'

/** The stream ended inside something that has a known length. */
export class UnexpectedEndError extends Error {
  override readonly name = 'UnexpectedEndError'
  readonly code = 'unexpected-end'
  /** Bytes that were asked for. */
  readonly wanted: number
  /** Bytes that came. */
  readonly got: number

  constructor(
    wanted: number,
    got: number,
    message = `Cannot read ${wanted} bytes: the stream ends after ${got} of them`,
  ) {
    super(message)
    this.wanted = wanted
    this.got = got
  }
}

/**
 * Reads a stream in pieces of one's own choosing. It holds one chunk of the stream and what a call asks for. What it
 * hands out are views of the chunks where that is possible.
 *
 * One call at a time: wait for its promise before the next. Call {@link ByteReader.close} when leaving before the end.
 * An error of the stream comes out of the call that meets it, and of every later one.
 */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  #offset = 0
  #ended = false
  #failure: { readonly error: unknown } | undefined

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

  /** The next bytes as they come, at most `maxBytes` (at least 1); `undefined` at the end. */
  async readSome(maxBytes = Number.POSITIVE_INFINITY): Promise<Uint8Array | undefined> {
    if (!(maxBytes >= 1)) throw new RangeError(`Cannot read some of at most ${maxBytes} bytes: it takes 1 or more`)
    return (await this.#fill()) ? this.#take(maxBytes) : undefined
  }

  /** Exactly `count` bytes. The caller bounds `count`: it is held in memory. @throws UnexpectedEndError */
  async read(count: number): Promise<Uint8Array> {
    const bytes = await this.readUpTo(count)
    if (bytes.length < count) throw new UnexpectedEndError(count, bytes.length)
    return bytes
  }

  /** `count` bytes, or what is left before the end. The caller bounds `count`: it is held in memory. */
  async readUpTo(count: number): Promise<Uint8Array> {
    requireCount(count)
    if (count <= this.#chunk.length - this.#at) return this.#take(count)
    const pieces: Uint8Array[] = []
    let left = count
    while (left > 0 && (await this.#fill())) {
      const piece = this.#take(left)
      pieces.push(piece)
      left -= piece.length
    }
    return concat(pieces)
  }

  /** Passes over exactly `count` bytes. @throws UnexpectedEndError */
  async skip(count: number): Promise<void> {
    requireCount(count)
    let left = count
    while (left > 0) {
      if (!(await this.#fill())) throw new UnexpectedEndError(count, count - left)
      left -= this.#take(left).length
    }
  }

  /** All that is left. Leaving its loop closes the reader. */
  async *rest(): ByteStream {
    try {
      while (await this.#fill()) yield this.#take(Number.POSITIVE_INFINITY)
    } finally {
      await this.close()
    }
  }

  /** Lets go of the stream. After that the reader is at its end. */
  async close(): Promise<void> {
    this.#chunk = new Uint8Array(0)
    this.#at = 0
    if (this.#ended) return
    this.#ended = true
    await this.#iterator.return?.()
  }

  #take(maxBytes: number): Uint8Array {
    const end = Math.min(this.#at + maxBytes, this.#chunk.length)
    const piece = this.#chunk.subarray(this.#at, end)
    this.#offset += end - this.#at
    this.#at = end
    return piece
  }

  async #fill(): Promise<boolean> {
    while (this.#at === this.#chunk.length) {
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#ended) return false
      let next: IteratorResult<Uint8Array>
      try {
        next = await this.#iterator.next()
      } catch (error) {
        // A generator that threw says "done" when it is asked again: that must not pass for the end of the bytes.
        this.#ended = true
        this.#failure = { error }
        throw error
      }
      // Closed meanwhile: what came is not wanted any more.
      if (this.#ended) return false
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

function requireCount(count: number): void {
  if (!(Number.isSafeInteger(count) && count >= 0)) {
    throw new RangeError(`Cannot read ${count} bytes: it takes a whole number that is not negative`)
  }
}
