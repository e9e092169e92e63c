import { join } from 'node:path'
import type { ByteSource } from '@coalmine/bytes'
import type { SetTimes } from '@coalmine/volume-format'
import { errorCode, localWriteError, RepositoryError } from './errors.ts'
import {
  formatHead,
  formatVolume,
  type JournalHead,
  type JournalVolume,
  parseFiles,
  parseHead,
  parseVolume,
} from './journal-line.ts'
import type { LocalEffects } from './local-effects.ts'
import { localSource } from './local-source.ts'
import { removeIfThere } from './remove-if-there.ts'
import type { VolumeFiles } from './volume-files.ts'

// A line has at most a few thousand names.
const longestLine = 2 ** 28

/**
 * What has been stored of a set that is not complete: a line for the set, and one for each volume in their order, written
 * when it is stored and the volumes before it are; before it are lines with its files, if they are many. Beside it lie the signatures, gzipped as the archive dir will have
 * them, a gzip member for each volume. Both are on the disk when a line is. A line that is torn ends the journal.
 */
export class Journal {
  readonly head: JournalHead
  readonly #folder: string
  readonly #effects: LocalEffects
  readonly #volumes: JournalVolume[] = []
  /** Where the line of the head and those of the volumes end. */
  readonly #ends: number[] = []
  #descriptor: number | undefined

  private constructor(folder: string, head: JournalHead, effects: LocalEffects) {
    this.#folder = folder
    this.head = head
    this.#effects = effects
  }

  /** Begins a new one in the place of what is there. */
  static create(folder: string, head: JournalHead, effects: LocalEffects): Journal {
    const journal = new Journal(folder, head, effects)
    journal.remove()
    return journal.#writing(() => {
      effects.makeFolders(folder)
      const line = Buffer.from(formatHead(head))
      journal.#descriptor = effects.openToAppend(journal.#path)
      effects.write(journal.#descriptor, line)
      effects.sync(journal.#descriptor)
      journal.#ends.push(line.length)
      return journal
    })
  }

  /** The one that an interrupted run left; `undefined` when there is none. One that cannot be read is removed. */
  static async open(folder: string, effects: LocalEffects): Promise<Journal | undefined> {
    const path = join(folder, 'journal')
    let journal: Journal | undefined
    let files: VolumeFiles | undefined
    let end = 0
    try {
      for await (const line of linesOf(path, effects)) {
        end += line.length
        const text = line.toString('utf8', 0, line.length - 1)
        if (journal === undefined) {
          const head = parseHead(text)
          if (head === undefined) break
          journal = new Journal(folder, head, effects)
        } else {
          const more = parseFiles(text, files)
          if (more !== undefined) {
            files = more
            continue
          }
          const volume = parseVolume(text, journal.#volumes.length + 1, files)
          if (volume === undefined) break
          journal.#volumes.push(volume)
          files = undefined
        }
        journal.#ends.push(end)
      }
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
    if (journal === undefined) removeAll(folder, effects)
    return journal
  }

  get times(): SetTimes {
    return this.head.times
  }

  /** The volumes that are stored, from the first without a gap. */
  get volumes(): readonly JournalVolume[] {
    return this.#volumes
  }

  add(volume: JournalVolume): void {
    this.#writing(() => {
      const descriptor = (this.#descriptor ??= this.#effects.openToAppend(this.#path))
      let end = this.#ends.at(-1)!
      for (const text of formatVolume(volume)) {
        const line = Buffer.from(text)
        this.#effects.write(descriptor, line)
        end += line.length
      }
      this.#effects.sync(descriptor)
      this.#ends.push(end)
      this.#volumes.push(volume)
    })
  }

  /** Forgets all volumes but the first ones, and a torn line behind them. */
  keep(count: number): void {
    this.#writing(() => {
      this.#volumes.length = count
      this.#ends.length = count + 1
      const descriptor = (this.#descriptor ??= this.#effects.openToAppend(this.#path))
      this.#effects.truncate(descriptor, this.#ends[count]!)
      this.#effects.sync(descriptor)
    })
  }

  /** The gzipped signatures of the volumes that are stored. */
  signatures(): ByteSource {
    const path = copyPath(this.#folder)
    const effects = this.#effects
    const size = this.#volumes.at(-1)?.copyBytes ?? 0
    return localSource(effects, {
      ...{ path, size, take: () => effects.openFile(path) },
      giveBack: (descriptor) => effects.close(descriptor),
    })
  }

  /** The file that signatures are added to, behind those of the volumes that are stored. */
  openCopy(final: string): JournalCopy {
    const size = this.#volumes.at(-1)?.copyBytes ?? 0
    return this.#writing(() => new JournalCopy(copyPath(this.#folder), final, { size, effects: this.#effects }))
  }

  /** Lets go of the file. */
  close(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor !== undefined) this.#effects.close(descriptor)
  }

  /** The set is complete, or nobody will go on with it. The journal goes first: without it the copy is nothing. */
  remove(): void {
    this.close()
    this.#volumes.length = 0
    this.#writing(() => removeAll(this.#folder, this.#effects))
  }

  get #path(): string {
    return join(this.#folder, 'journal')
  }

  #writing<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw localWriteError(error, `write the journal "${this.#path}"`)
    }
  }
}

/** The signatures' copy of a set that is being written; it gets its name in the archive dir when the set is complete. */
export class JournalCopy {
  readonly #path: string
  readonly #final: string
  readonly #effects: LocalEffects
  #descriptor: number | undefined
  /** Length of the file. */
  bytes: number

  constructor(path: string, final: string, { size, effects }: { size: number; effects: LocalEffects }) {
    this.#path = path
    this.#final = final
    this.#effects = effects
    this.bytes = size
    this.#descriptor = effects.openToAppend(path)
    effects.truncate(this.#descriptor, size)
  }

  async writeAll(stream: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of stream) {
      if (this.#descriptor === undefined) throw new Error(`Cannot write "${this.#path}": it is closed`)
      try {
        this.#effects.write(this.#descriptor, chunk)
      } catch (error) {
        throw localWriteError(error, `write "${this.#path}" in the archive dir`)
      }
      this.bytes += chunk.length
    }
  }

  sync(): void {
    if (this.#descriptor !== undefined) this.#effects.sync(this.#descriptor)
  }

  commit(): void {
    if (this.#descriptor === undefined) return
    try {
      this.sync()
      this.discard()
      this.#effects.rename(this.#path, this.#final)
    } catch (error) {
      throw localWriteError(error, `leave "${this.#final}" in the archive dir`)
    }
  }

  /** Only lets go of it: whether it stays is the journal's business. */
  discard(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor !== undefined) this.#effects.close(descriptor)
  }
}

function copyPath(folder: string): string {
  return join(folder, 'journal.sigtar.gz')
}

function removeAll(folder: string, effects: LocalEffects): void {
  removeIfThere(join(folder, 'journal'), effects)
  removeIfThere(copyPath(folder), effects)
}

/** Whole lines, with their ends. */
async function* linesOf(path: string, effects: LocalEffects): AsyncGenerator<Buffer, void, undefined> {
  const { kind, size } = effects.facts(path)
  if (kind === 'folder') {
    const why = 'there is a folder of that name, which has to be moved away'
    throw new RepositoryError('denied', `Cannot use the journal "${path}": ${why}`)
  }
  if (kind !== 'file') return
  const source = localSource(effects, {
    ...{ path, size, take: () => effects.openFile(path) },
    giveBack: (descriptor) => effects.close(descriptor),
  })
  let pieces: Uint8Array[] = []
  let held = 0
  for await (const chunk of source.open()) {
    let at = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      yield Buffer.concat([...pieces, chunk.subarray(at, end + 1)])
      pieces = []
      held = 0
      at = end + 1
    }
    pieces.push(chunk.subarray(at))
    held += chunk.length - at
    if (held > longestLine) return
  }
}
