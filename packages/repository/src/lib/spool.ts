import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { errorCode, localWriteError, RepositoryError } from './errors.ts'
import { type LocalEffects, nodeLocalEffects } from './local-effects.ts'
import { localSource } from './local-source.ts'
import { removeLeftOvers } from './spool-leftovers.ts'
import { randomName, spoolFolderName } from './spool-name.ts'

// Ends that nobody expects (`process.exit`, an error that nobody caught) still go by here; only SIGKILL does not.
const spools = new Set<Spool>()
let isWatching = false
const closeAll = () => spools.forEach((spool) => spool.close())

/**
 * A folder of its own (0700) for objects on their way: sealed volumes before they are uploaded, fetched ones before they
 * are opened. It never holds plain data of the backed up files, unless they are stored plain. Removed by
 * {@link Spool.close}, at the latest when the process ends; what a killed one leaves, the next one removes.
 */
export class Spool {
  readonly folder: string
  readonly #effects: LocalEffects
  readonly #files = new Set<SpoolFile>()

  /** @throws RepositoryError when `tempDir` cannot be written. */
  constructor(tempDir: string, effects: LocalEffects = nodeLocalEffects) {
    this.#effects = effects
    removeLeftOvers(tempDir, effects)
    this.folder = join(tempDir, spoolFolderName(effects.process()))
    try {
      effects.makeFolder(this.folder)
    } catch (error) {
      throw localWriteError(error, `make a spool folder in "${tempDir}"`)
    }
    spools.add(this)
    if (!isWatching) process.on('exit', closeAll)
    isWatching = true
  }

  /** Free bytes in the file system of the spool; `undefined` where that cannot be told. */
  freeBytes(): number | undefined {
    try {
      return this.#effects.freeBytes(this.folder)
    } catch (error) {
      // Some file systems do not tell; then it shows when one is full.
      if (errorCode(error) === undefined) throw error
      return undefined
    }
  }

  /** @throws RepositoryError `no-space` unless there is room for so many bytes, where that can be told. */
  requireSpace(bytes: number): void {
    const free = this.freeBytes()
    if (free === undefined || free >= bytes) return
    throw noRoom(this.folder, bytes, free)
  }

  create(): SpoolFile {
    const file = new SpoolFile(join(this.folder, randomName()), this.#effects, (gone) => this.#files.delete(gone))
    this.#files.add(file)
    return file
  }

  close(): void {
    spools.delete(this)
    for (const file of this.#files) file.remove()
    try {
      this.#effects.removeFolder(this.folder)
    } catch (error) {
      // Closed before; or something is in it that is not ours, which then stays.
      if (errorCode(error) === undefined) throw error
    }
  }
}

/**
 * How many volumes can be put at a time, at most `wanted`, while one more is made and the signatures grow beside them, for
 * which 0.3 of a volume are reckoned, as the real program does.
 *
 * @throws RepositoryError `no-space` when it is none.
 */
export function volumesInFlight(volumeBytes: number, wanted: number, spool: Spool): number {
  const free = spool.freeBytes() ?? Number.POSITIVE_INFINITY
  const needed = (count: number) => Math.ceil((count + 1.3) * volumeBytes)
  if (free < needed(1)) throw noRoom(spool.folder, needed(1), free)
  return Math.min(wanted, Math.max(1, Math.floor(free / volumeBytes - 1.3)))
}

function noRoom(folder: string, neededBytes: number, freeBytes: number): RepositoryError {
  const what = `Cannot keep volumes on their way in "${folder}"`
  return new RepositoryError('no-space', `${what}: ${neededBytes} bytes are needed there and ${freeBytes} are free`)
}

/** One file of the spool: written once (SHA-1 on the way), read as often as needed, removed. */
export class SpoolFile {
  readonly path: string
  readonly #effects: LocalEffects
  readonly #onRemove: (file: SpoolFile) => void
  readonly #sha1 = createHash('sha1')
  /** Held until the file is removed: what is read is what was written, whatever has that name by then. */
  readonly #descriptor: number
  #isWritable = true
  #isRemoved = false
  /** Streams that read from the descriptor. */
  #readers = 0
  #bytes = 0
  #sha1Hex: string | undefined

  constructor(path: string, effects: LocalEffects, onRemove: (file: SpoolFile) => void) {
    this.path = path
    this.#effects = effects
    this.#onRemove = onRemove
    try {
      this.#descriptor = effects.createFile(path)
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
    this.#isWritable = false
    this.#sha1Hex ??= this.#sha1.digest('hex')
    return this.#sha1Hex
  }

  write(chunk: Uint8Array): void {
    if (!this.#isWritable) throw new Error(`Cannot write the spool file "${this.path}": it is closed`)
    try {
      this.#effects.write(this.#descriptor, chunk)
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
    this.#isWritable = false
  }

  source(): ByteSource {
    return localSource(this.#effects, {
      size: this.#bytes,
      path: this.path,
      take: () => {
        if (this.#isRemoved) throw new Error(`Cannot read the spool file "${this.path}": it is removed`)
        this.#readers += 1
        return this.#descriptor
      },
      giveBack: () => {
        this.#readers -= 1
        this.#letGo()
      },
    })
  }

  /** Streams that are under way still come to their end. */
  remove(): void {
    if (this.#isRemoved) return
    this.#isRemoved = true
    this.#isWritable = false
    this.#onRemove(this)
    try {
      this.#effects.remove(this.path)
    } catch (error) {
      // Gone already is what was wanted; anything else stays, with the folder.
      if (errorCode(error) === undefined) throw error
    } finally {
      this.#letGo()
    }
  }

  /** Under the number of a descriptor that is closed too early somebody else's file may be read. */
  #letGo(): void {
    if (!this.#isRemoved || this.#readers > 0) return
    try {
      this.#effects.close(this.#descriptor)
    } catch (error) {
      // The file is gone: that its last bytes could not be stored changes nothing.
      if (errorCode(error) === undefined) throw error
    }
  }
}
