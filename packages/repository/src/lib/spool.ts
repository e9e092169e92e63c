import { createHash, randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { errorCode, localWriteError } from './errors.ts'

/**
 * A folder of its own (0700) for objects on their way: sealed volumes before they are uploaded, fetched ones before they
 * are opened. It never holds plain data of the backed up files. Removed by {@link Spool.close}.
 */
export class Spool {
  readonly folder: string
  readonly #open = new Set<SpoolFile>()

  /** @throws RepositoryError when `tempDir` cannot be written. */
  constructor(tempDir: string) {
    try {
      this.folder = mkdtempSync(join(tempDir, 'coalmine-'))
    } catch (error) {
      throw localWriteError(error, `make a spool folder in "${tempDir}"`)
    }
  }

  create(): SpoolFile {
    const file = new SpoolFile(join(this.folder, randomBytes(8).toString('hex')), (gone) => this.#open.delete(gone))
    this.#open.add(file)
    return file
  }

  close(): void {
    for (const file of this.#open) file.remove()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** One file of the spool: written once (SHA-1 on the way), read as often as needed, removed. */
export class SpoolFile {
  readonly path: string
  readonly #onRemove: (file: SpoolFile) => void
  readonly #sha1 = createHash('sha1')
  #descriptor: number | undefined
  #bytes = 0
  #sha1Hex: string | undefined

  constructor(path: string, onRemove: (file: SpoolFile) => void) {
    this.path = path
    this.#onRemove = onRemove
    try {
      this.#descriptor = openSync(path, 'wx', 0o600)
    } catch (error) {
      throw localWriteError(error, `create the spool file "${path}"`)
    }
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** SHA-1 of all that was written, lower-case hex. Ends the writing. */
  get sha1(): string {
    this.#sha1Hex ??= this.#sha1.digest('hex')
    return this.#sha1Hex
  }

  write(chunk: Uint8Array): void {
    if (this.#descriptor === undefined) throw new Error(`Cannot write the spool file "${this.path}": it is closed`)
    try {
      let at = 0
      while (at < chunk.length) at += writeSync(this.#descriptor, chunk, at)
    } catch (error) {
      throw localWriteError(error, `write the spool file "${this.path}"`)
    }
    this.#sha1.update(chunk)
    this.#bytes += chunk.length
  }

  async writeAll(stream: ByteStream): Promise<void> {
    for await (const chunk of stream) this.write(chunk)
    this.finish()
  }

  finish(): void {
    if (this.#descriptor === undefined) return
    closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  source(): Promise<ByteSource> {
    return fromFile(this.path, { size: this.#bytes, chunkBytes: 1 << 20 })
  }

  remove(): void {
    this.finish()
    try {
      unlinkSync(this.path)
    } catch (error) {
      // Gone already is what was wanted; anything else is removed with the folder.
      if (errorCode(error) !== 'ENOENT') return
    } finally {
      this.#onRemove(this)
    }
  }
}
