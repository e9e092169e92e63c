import { comparePaths, type ByteStream, equalBytes, type RawPath } from '@coalmine/bytes'
import { RepositoryError } from '@coalmine/repository'
import { SignatureEncoder } from '@coalmine/rdiff'
import { FormatError, readSigTar, type SigTarEntry } from '@coalmine/volume-format'

/** Goes through a signature file beside the volumes of its set. What it finds wrong is told, once. */
export class SignatureCursor {
  /** Why the file cannot be read from here on. */
  failure: Error | undefined
  readonly #batches: AsyncGenerator<SigTarEntry[], void, undefined>
  #batch: readonly SigTarEntry[] = []
  #at = 0

  constructor(signatures: ByteStream) {
    this.#batches = readSigTar(signatures)
  }

  /**
   * The entry of a path, which is then passed.
   *
   * @param onExtra - Told of entries before it: nobody has asked for them.
   */
  async take(path: RawPath, onExtra: (entry: SigTarEntry) => void): Promise<SigTarEntry | undefined> {
    for (let entry = await this.#peek(); entry !== undefined; entry = await this.#peek()) {
      const order = comparePaths(entry.path, path)
      if (order > 0) return undefined
      this.#at += 1
      if (order === 0) return entry
      onExtra(entry)
    }
    return undefined
  }

  /** The entries that are left. */
  async finish(onExtra: (entry: SigTarEntry) => void): Promise<void> {
    for (let entry = await this.#peek(); entry !== undefined; entry = await this.#peek()) {
      this.#at += 1
      onExtra(entry)
    }
  }

  async close(): Promise<void> {
    await this.#batches.return()
  }

  async #peek(): Promise<SigTarEntry | undefined> {
    while (this.#at === this.#batch.length) {
      if (this.failure !== undefined) return undefined
      try {
        const next = await this.#batches.next()
        if (next.done === true) return undefined
        this.#batch = next.value
        this.#at = 0
      } catch (error) {
        const isDamage = error instanceof FormatError || error instanceof RepositoryError
        if (!isDamage && (error as Error).name !== 'StorageError') throw error
        this.failure = error as Error
      }
    }
    return this.#batch[this.#at]
  }
}

// Magic number, block length, length of strong sums: four bytes each.
const headBytes = 12

/** Compares content, as it goes by, with a signature. */
export class SignatureProof {
  readonly #expected: Uint8Array
  readonly #encoder: SignatureEncoder | undefined
  #at = 0
  #isSame = true

  constructor(expected: Uint8Array) {
    this.#expected = expected
    if (expected.length < headBytes) return
    const head = new DataView(expected.buffer, expected.byteOffset, headBytes)
    try {
      this.#encoder = new SignatureEncoder({ blockBytes: head.getUint32(4), strongBytes: head.getUint32(8) })
    } catch (error) {
      // Lengths that no signature has.
      if (!(error instanceof RangeError)) throw error
    }
  }

  push(chunk: Uint8Array): void {
    if (this.#encoder !== undefined && this.#isSame) this.#compare(this.#encoder.push(chunk))
  }

  /** Whether the content was what the signature is of. */
  finish(): boolean {
    if (this.#encoder === undefined) return false
    if (this.#isSame) this.#compare(this.#encoder.finish())
    return this.#isSame && this.#at === this.#expected.length
  }

  #compare(bytes: Uint8Array): void {
    this.#isSame = equalBytes(bytes, this.#expected.subarray(this.#at, this.#at + bytes.length))
    this.#at += bytes.length
  }
}
