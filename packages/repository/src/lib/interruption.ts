import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { collect, fromBytes } from '@coalmine/bytes'
import type { Storage } from '@coalmine/storage'
import type { BackupSet, Collection, Envelope, SetTimes } from '@coalmine/volume-format'
import type { ArchiveDir } from './archive-dir.ts'
import type { RepositoryEvent } from './events.ts'
import { compareJournal, type Interrupted, nothingStored } from './interrupted.ts'
import { Journal } from './journal.ts'
import type { LocalEffects } from './local-effects.ts'
import type { SetNames } from './names.ts'
import type { Notes } from './notes.ts'
import { openObject } from './open-object.ts'
import { SetJournal } from './set-journal.ts'

export interface InterruptionParts {
  /** Of which the lock is held. */
  readonly archiveDir: ArchiveDir
  readonly effects: LocalEffects
  readonly storage: Storage
  readonly envelope: Envelope
  readonly notes: Notes
  /** What is stored, as `collectCommitted` tells it. */
  readonly collect: () => Promise<Collection>
  /** Something was deleted: what was collected no longer holds. */
  readonly onDeleted: () => void
  readonly signal: AbortSignal | undefined
  readonly onEvent: (event: RepositoryEvent) => void
}

/** What a set's journal is begun with. */
export interface JournaledSet {
  readonly times: SetTimes
  readonly conditions: Readonly<Record<string, string>>
  readonly probe: boolean
}

/** The set that an interrupted run left, and the journal of the one that is written now. */
export class Interruption {
  readonly #parts: InterruptionParts
  #journal: Journal | undefined

  constructor(parts: InterruptionParts) {
    this.#parts = parts
  }

  async find(): Promise<Interrupted | undefined> {
    const { effects, storage } = this.#parts
    const journal = await Journal.open(this.#folder, effects)
    this.#journal = journal
    if (journal === undefined) return undefined
    const { times } = journal
    const { conditions } = journal.head
    const isEmpty = journal.volumes.length === 0
    const collection = await this.#parts.collect()
    const reason = await compareJournal(journal, collection, storage)
    if (reason === undefined) return { times, conditions, volumes: journal.volumes.length }
    await this.drop(isEmpty ? '' : reason)
    if (isEmpty && reason === nothingStored) {
      // Killed before the first volume was noted, the run may have stored it.
      const set = collection.incompleteSets.find((one) => isSame(one.times, times))
      await this.#delete([...(set?.volumes.values() ?? [])].map(({ key }) => key))
    }
    return undefined
  }

  /** @param reason - The end of a sentence; nothing is told without. */
  async drop(reason: string): Promise<void> {
    const journal = this.#journal
    this.#journal = undefined
    if (journal === undefined) return
    const { times } = journal
    const { orphanedSignatures } = await this.#parts.collect()
    journal.remove()
    await this.#delete(orphanedSignatures.flatMap((one) => (isSame(one.times, times) ? [one.object.key] : [])))
    if (reason !== '') this.#parts.onEvent({ type: 'journal-dropped', times, reason })
  }

  async prove(): Promise<void> {
    const head = this.#journal?.head
    if (head?.probe === undefined) return
    const { envelope, signal } = this.#parts
    const source = fromBytes(Buffer.from(head.probe, 'base64'))
    const object = { key: `${head.manifest} (interrupted)`, size: source.size }
    for await (const _ of openObject('manifest', object, source, { envelope, signal }));
  }

  /** Whether the interrupted set that was found is of these times, and has volumes. */
  isOf(times: SetTimes): boolean {
    const journal = this.#journal
    return journal !== undefined && journal.volumes.length > 0 && isSame(journal.times, times)
  }

  /** @param how.there - The interrupted set as it is on the storage, when the one that is written goes on with it. */
  journalOf(
    { times, conditions, probe }: JournaledSet,
    names: SetNames,
    { resumes, there }: { resumes: boolean; there: BackupSet | undefined },
  ): SetJournal {
    const { archiveDir, effects, envelope } = this.#parts
    return new SetJournal({
      archiveDir: archiveDir.folder,
      folder: this.#folder,
      copyName: names.localSignatures(),
      effects,
      journal: resumes ? this.#journal : undefined,
      there: new Map([...(there?.volumes ?? [])].map(([number, { key }]) => [number, key])),
      head: async () => {
        const sealed = probe ? await collect(envelope.seal('manifest', fromBytes(randomBytes(16)).open())) : undefined
        const text = sealed && Buffer.from(sealed).toString('base64')
        return { times, manifest: names.manifest(envelope), conditions, probe: text }
      },
    })
  }

  get #folder(): string {
    return join(this.#parts.archiveDir.folder, 'coalmine')
  }

  async #delete(keys: readonly string[]): Promise<void> {
    const { storage, notes, signal, onDeleted } = this.#parts
    for (const key of keys) {
      await storage.delete(key, { signal })
      notes.forget(key)
    }
    if (keys.length > 0) onDeleted()
  }
}

function isSame(a: SetTimes, b: SetTimes): boolean {
  if (a.type === 'full') return b.type === 'full' && a.timeSeconds === b.timeSeconds
  return b.type === 'inc' && a.startSeconds === b.startSeconds && a.endSeconds === b.endSeconds
}
