import type { ByteStream } from '@coalmine/bytes'
import { TarDecoder, type TarLimits, type TarPart } from './tar-decoder.ts'
import { quoteName } from './tar-error.ts'
import type { TarHeader } from './tar-header.ts'

/** A member of an archive that is being read. */
export interface TarEntry {
  readonly header: TarHeader
  /** Where the member begins in the archive, its long-name and pax headers included, in bytes. */
  readonly offset: number
  /**
   * The body, `header.size` bytes. To be read once, before the next entry is asked for; what is left unread is passed
   * over.
   */
  readonly body: () => ByteStream
}

export interface ReadTarOptions extends TarLimits {
  readonly signal?: AbortSignal
}

/**
 * Reads an archive member by member.
 *
 * Nothing is read before the first pull, and nothing is held but the chunk that came last. What follows the end of the
 * archive is ignored, but pulled, so that whatever guards the stream (a checksum at its end) has its say. Leaving the
 * loop early lets go of the stream.
 *
 * @throws TarError when the archive is damaged or beyond a limit.
 * @example
 * for await (const { header, body } of readTar(stream)) {
 *   if (header.type === 'file') console.log(header.name, await collect(body(), { maxBytes: 1_000_000 }))
 * }
 */
export async function* readTar(stream: ByteStream, options: ReadTarOptions = {}): AsyncGenerator<TarEntry, void, void> {
  const { signal } = options
  signal?.throwIfAborted()
  const source = new PartSource(stream, options, signal)
  try {
    for (;;) {
      const part = source.take() ?? (await source.next())
      if (part === undefined) return
      // Anything else belongs to a body that was not read, or not to its end.
      if (part.type === 'header') yield new Entry(source, part.header, part.offset)
    }
  } finally {
    await source.close()
  }
}

/** The parts of an archive one by one; waits only when a chunk is needed. */
class PartSource {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #decoder: TarDecoder
  readonly #signal: AbortSignal | undefined
  #parts: TarPart[] = []
  #at = 0
  #done = false
  /** The entry whose body the next parts belong to, by the number of headers taken. */
  member = 0

  constructor(stream: ByteStream, limits: TarLimits, signal: AbortSignal | undefined) {
    this.#iterator = stream[Symbol.asyncIterator]()
    this.#decoder = new TarDecoder(limits)
    this.#signal = signal
  }

  /** The next part if it is there without waiting. */
  take(): TarPart | undefined {
    const part = this.#parts[this.#at]
    if (part === undefined) return undefined
    this.#at += 1
    if (part.type === 'header') this.member += 1
    return part
  }

  async next(): Promise<TarPart | undefined> {
    for (;;) {
      const part = this.take()
      if (part !== undefined) return part
      if (this.#done) return undefined
      this.#signal?.throwIfAborted()
      const pulled = await this.#iterator.next()
      this.#at = 0
      if (pulled.done === true) {
        this.#done = true
        this.#parts = this.#decoder.finish()
      } else {
        this.#parts = this.#decoder.push(pulled.value)
      }
    }
  }

  async close(): Promise<void> {
    // A body that is still being read must fail, not end as if it were complete.
    this.member = -1
    this.#parts = []
    this.#at = 0
    if (this.#done) return
    this.#done = true
    await this.#iterator.return?.()
  }
}

class Entry implements TarEntry {
  readonly header: TarHeader
  readonly offset: number
  readonly #source: PartSource
  readonly #member: number
  #opened = false

  constructor(source: PartSource, header: TarHeader, offset: number) {
    this.header = header
    this.offset = offset
    this.#source = source
    this.#member = source.member
  }

  // A function of its own, so that `const { header, body } of` works.
  readonly body = (): ByteStream => {
    if (this.#opened)
      throw new TypeError(`Cannot read the body of ${quoteName(this.header.name)}: it was opened before`)
    this.#opened = true
    return this.#read()
  }

  async *#read(): ByteStream {
    for (;;) {
      if (this.#source.member !== this.#member) {
        throw new TypeError(`Cannot read the body of ${quoteName(this.header.name)}: the reader has gone on`)
      }
      const part = this.#source.take() ?? (await this.#source.next())
      if (part?.type !== 'data') return
      yield part.bytes
    }
  }
}
