import { join } from 'node:path'
import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { errorCode, localWriteError } from './errors.ts'
import { type LocalEffects, nodeLocalEffects } from './local-effects.ts'
import { localSource } from './local-source.ts'
import { removeIfThere } from './remove-if-there.ts'
import { removeLeftCopies } from './spool-leftovers.ts'
import { copyFileName } from './spool-name.ts'

/**
 * The local archive dir in the real program's dialect: plain `….manifest`, gzipped `….sigtar.gz`, flat. Ours alone is
 * the subfolder `coalmine/` (0700), which the real program leaves alone; new files are written there under a random
 * name and renamed into place, because a `.part` name would be taken for an interrupted run of the real program.
 */
export class ArchiveDir {
  readonly folder: string
  readonly #effects: LocalEffects
  #isTidy = false

  constructor(folder: string, effects: LocalEffects = nodeLocalEffects) {
    this.folder = folder
    this.#effects = effects
  }

  /** The file as a source, or `undefined` when it is not there. @throws Error when something else has its name. */
  source(name: string): ByteSource | undefined {
    const effects = this.#effects
    const path = join(this.folder, name)
    try {
      const { kind, size } = effects.facts(path)
      if (kind !== 'file') throw new Error(`Cannot read "${path}": it is not a regular file`)
      const giveBack = (descriptor: number) => effects.close(descriptor)
      return localSource(effects, { path, size, take: () => effects.openFile(path), giveBack })
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Names in it; none when it is not there. */
  names(): string[] {
    try {
      return this.#effects.list(this.folder)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw error
    }
  }

  /** Removes a file; one that is not there is fine. */
  remove(name: string): void {
    try {
      removeIfThere(join(this.folder, name), this.#effects)
    } catch (error) {
      throw localWriteError(error, `remove "${name}" from the archive dir "${this.folder}"`)
    }
  }

  /** Writes a file that takes its name only when {@link PendingFile.commit} is called. */
  begin(name: string): PendingFile {
    const work = join(this.folder, 'coalmine')
    try {
      this.#effects.makeFolders(work)
      if (!this.#isTidy) removeLeftCopies(work, this.#effects)
      this.#isTidy = true
      const temporary = join(work, copyFileName(this.#effects.process()))
      return new PendingFile(temporary, join(this.folder, name), this.#effects)
    } catch (error) {
      throw localWriteError(error, `write into the archive dir "${this.folder}"`)
    }
  }
}

/** A file of the archive dir being written. */
export class PendingFile {
  readonly #temporary: string
  readonly #final: string
  readonly #effects: LocalEffects
  #descriptor: number | undefined
  #isOver = false

  constructor(temporary: string, final: string, effects: LocalEffects) {
    this.#temporary = temporary
    this.#final = final
    this.#effects = effects
    this.#descriptor = effects.createFile(temporary)
  }

  write(chunk: Uint8Array): void {
    if (this.#descriptor === undefined) throw new Error(`Cannot write "${this.#final}": it is closed`)
    try {
      this.#effects.write(this.#descriptor, chunk)
    } catch (error) {
      throw localWriteError(error, `write "${this.#final}" in the archive dir`)
    }
  }

  async writeAll(stream: ByteStream): Promise<void> {
    for await (const chunk of stream) this.write(chunk)
  }

  /** @param options.durable - Have the content on the disk before the name; where a torn file is noticed it need not be. */
  commit({ durable = true }: { durable?: boolean } = {}): void {
    if (this.#descriptor === undefined) return
    try {
      if (durable) this.#effects.sync(this.#descriptor)
      this.#close()
      this.#effects.rename(this.#temporary, this.#final)
      this.#isOver = true
    } catch (error) {
      throw localWriteError(error, `leave "${this.#final}" in the archive dir`)
    }
  }

  /** Takes back what is not committed, as far as the file system lets it: without its name it is nothing to anybody. */
  discard(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const step of [() => this.#close(), () => this.#effects.remove(this.#temporary)]) {
      try {
        step()
      } catch (error) {
        if (errorCode(error) === undefined) throw error
      }
    }
  }

  #close(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor !== undefined) this.#effects.close(descriptor)
  }
}
