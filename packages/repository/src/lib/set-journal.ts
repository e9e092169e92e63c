import { join } from 'node:path'
import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { errorCode, RepositoryError } from './errors.ts'
import { Journal, type JournalCopy } from './journal.ts'
import type { JournalHead, JournalVolume } from './journal-line.ts'
import type { LocalEffects } from './local-effects.ts'
import type { ResumePoint } from './set-writer.ts'
import type { SignatureCopy } from './signature-writer.ts'

export interface SetJournalParts {
  /** The archive dir, and in it where the journal lies. */
  readonly archiveDir: string
  readonly folder: string
  /** Name of the signatures' copy in the archive dir. */
  readonly copyName: string
  readonly effects: LocalEffects
  /** What a new journal begins with. */
  readonly head: () => Promise<JournalHead>
  /** The journal of the interrupted run to go on with. */
  readonly journal?: Journal
  /** The volumes of the set that are on the storage, by their numbers. */
  readonly there: ReadonlyMap<number, string>
}

// Reasons after which nobody could go on with a set: the next run would find the same.
const hopeless = new Set(['head-moved', 'bad-signatures', 'copies-differ'])

/** The journal of the set that is being written, and the copy of the signatures that belongs to it. */
export class SetJournal implements SignatureCopy {
  readonly #parts: SetJournalParts
  #journal: Journal | undefined
  #copy: JournalCopy | undefined
  /** Volumes that an earlier run stored. */
  #takenOver: number
  /** Stored before one with a lower number was. */
  readonly #early = new Map<number, JournalVolume>()

  constructor(parts: SetJournalParts) {
    this.#parts = parts
    this.#journal = parts.journal
    this.#takenOver = this.#volumes.length
  }

  get resumePoint(): ResumePoint | undefined {
    const last = this.#volumes.at(-1)
    if (last === undefined) return undefined
    const { path, block } = last.volume.end
    return { volumes: this.#volumes.length, path, block, mark: last.mark }
  }

  /** Forgets the volumes from the one on in which the file began that the last one ends within. */
  goBack(): void {
    const volumes = this.#volumes
    const path = volumes.at(-1)?.volume.end.path
    let count = volumes.length
    while (count > 1 && volumes[count - 1]!.volume.start.path === path && isWithin(volumes[count - 1]!)) count -= 1
    this.#takenOver = Math.max(0, count - 1)
    this.#journal?.keep(this.#takenOver)
  }

  /** Opens it to be written. @returns What is stored already, and what is stored and of no use. */
  async begin(): Promise<{ volumes: readonly JournalVolume[]; strays: readonly string[] }> {
    const { folder, archiveDir, copyName, effects, there } = this.#parts
    if (this.#takenOver === 0) this.#journal = Journal.create(folder, await this.#parts.head(), effects)
    const journal = this.#journal!
    journal.keep(this.#takenOver)
    this.#copy = journal.openCopy(join(archiveDir, copyName))
    const strays = [...there].filter(([number]) => number > this.#takenOver).map(([, key]) => key)
    return { volumes: journal.volumes, strays }
  }

  /** The gzipped signatures of what is stored already. */
  signatures(): ByteSource {
    const none: ByteSource = { size: 0, open: async function* () {} }
    return this.#takenOver === 0 ? none : this.#journal!.signatures()
  }

  get signatureBytes(): number {
    return this.#volumes.at(-1)?.signatureBytes ?? 0
  }

  /** A volume is made, and the copy has its signatures: they are on the disk before the volume is noted. */
  cut(signatureBytes: number): { signatureBytes: number; copyBytes: number } {
    this.#copy!.sync()
    return { signatureBytes, copyBytes: this.#copy!.bytes }
  }

  /** A volume is on the storage. It is noted when all before it are. */
  stored(volume: JournalVolume): void {
    this.#early.set(volume.volume.number, volume)
    for (;;) {
      const next = this.#volumes.length + 1
      const due = this.#early.get(next)
      if (due === undefined) return
      this.#early.delete(next)
      this.#journal!.add(due)
    }
  }

  /**
   * The set has failed.
   *
   * @returns Which volumes stay: for the next run, or for another try of this one.
   */
  end(reason: unknown, keep: boolean): { forNextRun?: boolean; count: number; keys?: readonly string[] } {
    const isBadCopy = reason instanceof RepositoryError && reason.retry === 'now'
    const isHopeless = reason instanceof RepositoryError && hopeless.has(reason.code)
    const count = isBadCopy ? this.#takenOver : keep && !isHopeless ? this.#volumes.length : 0
    if (count === 0) {
      this.forget()
      return { count }
    }
    try {
      if (isBadCopy) this.#journal!.keep(count)
      this.#journal!.close()
    } catch (error) {
      // It is read again before anybody goes on with it.
      if (errorCode(error) === undefined) throw error
    }
    return { forNextRun: !isBadCopy, count, keys: this.#volumes.map(({ key }) => key) }
  }

  /** Nobody will go on with the set. */
  forget(): void {
    try {
      this.remove()
    } catch (error) {
      // The next run finds what it says wrong, and removes it.
      if (errorCode(error) === undefined) throw error
    }
  }

  remove(): void {
    this.#journal?.remove()
  }

  writeAll(stream: ByteStream): Promise<void> {
    return this.#copy!.writeAll(stream)
  }

  commit(): void {
    this.#copy?.commit()
  }

  discard(): void {
    this.#copy?.discard()
  }

  get #volumes(): readonly JournalVolume[] {
    return this.#journal?.volumes ?? []
  }
}

/** Whether the volume begins within a file. */
function isWithin({ volume }: JournalVolume): boolean {
  return (volume.start.block ?? 1) > 1
}
