import type { ByteStream } from '@coalmine/bytes'

/**
 * Hands bytes from a writer to one reader. `write` waits while more than `limitBytes` are unread, so memory stays
 * bounded by the slower side.
 */
export class Channel {
  readonly #limitBytes: number
  #chunks: Uint8Array[] = []
  #bytes = 0
  #ended = false
  #failure: { error: unknown } | undefined
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  constructor(limitBytes = 1 << 20) {
    this.#limitBytes = limitBytes
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length > 0) {
      this.#chunks.push(chunk)
      this.#bytes += chunk.length
      this.#wakeReader?.()
    }
    while (this.#bytes > this.#limitBytes && this.#failure === undefined) {
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve))
    }
    if (this.#failure !== undefined) throw this.#failure.error
  }

  end(): void {
    this.#ended = true
    this.#wakeReader?.()
  }

  /** Ends both sides with the error: the writer's next write and the reader's next pull throw it. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wakeReader?.()
    this.#wakeWriter?.()
  }

  async *read(): ByteStream {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#chunks.length > 0) {
        const chunks = this.#chunks
        this.#chunks = []
        this.#bytes = 0
        this.#wakeWriter?.()
        yield* chunks
      } else if (this.#ended) {
        return
      } else {
        await new Promise<void>((resolve) => (this.#wakeReader = resolve))
      }
    }
  }
}
