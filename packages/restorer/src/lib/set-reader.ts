import { comparePaths, displayPath, isBelow, type ByteStream, type RawPath } from '@coalmine/bytes'
import type { CheckedVolume } from '@coalmine/repository'
import { DiffTarDecoder, type DiffTarEntry, type DiffTarPart, FormatError } from '@coalmine/volume-format'
import { RestoreError } from './errors.ts'

/**
 * The parts of a set's volumes, in order, as they are decoded.
 *
 * @throws RestoreError `damaged` naming the volume that is no archive of a set, though it is what its manifest says.
 */
export async function* readParts(
  volumes: AsyncIterable<CheckedVolume>,
  onVolume: (number: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<readonly DiffTarPart[], void, undefined> {
  const decoder = new DiffTarDecoder()
  for await (const volume of volumes) {
    try {
      decoder.beginVolume()
      for await (const chunk of volume.open()) {
        signal?.throwIfAborted()
        yield decoder.push(chunk)
      }
      yield decoder.endVolume()
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      throw new RestoreError('damaged', `Cannot read the volume "${volume.key}": ${error.message}`, { cause: error })
    }
    onVolume(volume.number)
  }
  yield decoder.finish()
}

/** Goes through one set entry by entry, as far as the entries lie at or below a path. */
export class SetReader {
  /** The entry at hand; `undefined` at the end. */
  entry: DiffTarEntry | undefined
  readonly #parts: AsyncGenerator<readonly DiffTarPart[], void, undefined>
  readonly #path: RawPath
  #last: RawPath | undefined
  #batch: readonly DiffTarPart[] = []
  #at = 0

  constructor(parts: AsyncGenerator<readonly DiffTarPart[], void, undefined>, path: RawPath) {
    this.#parts = parts
    this.#path = path
  }

  /**
   * Goes on to the next entry; what is left of the data of this one is passed over.
   *
   * @throws RestoreError `damaged` when it does not come after the last one: what sets say could not be merged.
   */
  async next(): Promise<void> {
    this.entry = undefined
    for (let part = await this.#part(); part !== undefined; part = await this.#part()) {
      if (part.type !== 'entry') continue
      if (this.#last !== undefined && comparePaths(this.#last, part.entry.path) >= 0) {
        const [one, other] = [displayPath(part.entry.path), displayPath(this.#last)]
        throw new RestoreError('damaged', `Cannot restore "${one}": it comes after "${other}" in the same set`)
      }
      this.#last = part.entry.path
      if (isBelow(part.entry.path, this.#path)) {
        this.entry = part.entry
        return
      }
      if (comparePaths(part.entry.path, this.#path) > 0) return this.close()
    }
  }

  /** The data of the entry at hand; once. */
  async *data(): ByteStream {
    for (let part = await this.#part(); part !== undefined; part = await this.#part()) {
      if (part.type === 'end') return
      if (part.type === 'data' && part.bytes.length > 0) yield part.bytes
    }
  }

  async close(): Promise<void> {
    this.entry = undefined
    this.#batch = []
    this.#at = 0
    await this.#parts.return()
  }

  async #part(): Promise<DiffTarPart | undefined> {
    while (this.#at === this.#batch.length) {
      const next = await this.#parts.next()
      if (next.done === true) return undefined
      this.#batch = next.value
      this.#at = 0
    }
    return this.#batch[this.#at++]
  }
}
