import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { ByteStream } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { errorCode, localWriteError } from './errors.ts'

/**
 * The local archive dir in the real program's dialect: plain `….manifest`, gzipped `….sigtar.gz`, flat. Ours alone is
 * the subfolder `coalmine/` (0700), which the real program leaves alone; new files are written there under a random
 * name and renamed into place, because a `.part` name would be taken for an interrupted run of the real program.
 */
export class ArchiveDir {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** The file as a source, or `undefined` when it is not there. */
  async source(name: string): Promise<Awaited<ReturnType<typeof fromFile>> | undefined> {
    try {
      return await fromFile(join(this.folder, name))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Removes a file; one that is not there is fine. */
  remove(name: string): void {
    try {
      rmSync(join(this.folder, name), { force: true })
    } catch (error) {
      throw localWriteError(error, `remove "${name}" from the archive dir "${this.folder}"`)
    }
  }

  /** Writes a file that takes its name only when {@link PendingFile.commit} is called. */
  begin(name: string): PendingFile {
    const work = join(this.folder, 'coalmine')
    try {
      mkdirSync(work, { recursive: true, mode: 0o700 })
      return new PendingFile(join(work, randomBytes(8).toString('hex')), join(this.folder, name))
    } catch (error) {
      throw localWriteError(error, `write into the archive dir "${this.folder}"`)
    }
  }
}

/** A file of the archive dir being written. */
export class PendingFile {
  readonly #temporary: string
  readonly #final: string
  #descriptor: number | undefined

  constructor(temporary: string, final: string) {
    this.#temporary = temporary
    this.#final = final
    this.#descriptor = openSync(temporary, 'wx', 0o600)
  }

  write(chunk: Uint8Array): void {
    if (this.#descriptor === undefined) throw new Error(`Cannot write "${this.#final}": it is closed`)
    try {
      let at = 0
      while (at < chunk.length) at += writeSync(this.#descriptor, chunk, at)
    } catch (error) {
      throw localWriteError(error, `write "${this.#final}" in the archive dir`)
    }
  }

  async writeAll(stream: ByteStream): Promise<void> {
    for await (const chunk of stream) this.write(chunk)
  }

  commit(): void {
    if (this.#descriptor === undefined) return
    try {
      fsyncSync(this.#descriptor)
      closeSync(this.#descriptor)
      this.#descriptor = undefined
      renameSync(this.#temporary, this.#final)
    } catch (error) {
      throw localWriteError(error, `leave "${this.#final}" in the archive dir`)
    }
  }

  discard(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
    rmSync(this.#temporary, { force: true })
  }
}
