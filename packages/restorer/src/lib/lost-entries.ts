import { comparePaths, type RawPath } from '@coalmine/bytes'
import { FormatError, readSigTar, type SigTarEntry } from '@coalmine/volume-format'
import type { ByteStream } from '@coalmine/bytes'
import { RepositoryError } from '@coalmine/repository'

/**
 * What a signature file names in the part of a set that is lost, path by path. A signature file that cannot be read ends
 * where it cannot.
 */
export class LostEntries {
  /** The entry at hand. */
  entry: SigTarEntry | undefined
  /** Nothing is known from here on: the signature file is missing or damaged. */
  isBlind = false
  readonly #batches: AsyncGenerator<SigTarEntry[], void, undefined> | undefined
  #batch: readonly SigTarEntry[] = []
  #at = 0

  constructor(signatures: ByteStream | undefined) {
    this.#batches = signatures && readSigTar(signatures, { signatures: false })
    this.isBlind = signatures === undefined
  }

  /** Goes to the first entry behind a path, or at it when `included`. */
  async advance(path: RawPath, included: boolean): Promise<void> {
    for (;;) {
      while (this.#at < this.#batch.length) {
        const entry = this.#batch[this.#at]!
        const order = comparePaths(entry.path, path)
        if (order > 0 || (included && order === 0)) {
          this.entry = entry
          return
        }
        this.#at += 1
      }
      this.entry = undefined
      if (!(await this.#more())) return
    }
  }

  async close(): Promise<void> {
    this.entry = undefined
    await this.#batches?.return()
  }

  async #more(): Promise<boolean> {
    if (this.#batches === undefined || this.isBlind) return false
    try {
      const next = await this.#batches.next()
      if (next.done === true) return false
      this.#batch = next.value
      this.#at = 0
      return true
    } catch (error) {
      // Told where the signatures are checked; here it means that names are not known.
      if (!(error instanceof FormatError || error instanceof RepositoryError)) throw error
      this.isBlind = true
      return false
    }
  }
}
