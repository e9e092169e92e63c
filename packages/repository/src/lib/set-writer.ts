import type { ByteStream, RawPath } from '@coalmine/bytes'
import type { ObjectInfo, Storage } from '@coalmine/storage'
import {
  type Envelope,
  FileList,
  gzipEnvelope,
  manifestPieces,
  type ManifestToWrite,
  type ManifestVolume,
} from '@coalmine/volume-format'
import type { ArchiveDir, PendingFile } from './archive-dir.ts'
import { RepositoryError } from './errors.ts'
import type { RepositoryEvent } from './events.ts'
import { bindingOf, FileNotes } from './known-files.ts'
import type { SetNames } from './names.ts'
import type { Notes } from './notes.ts'
import { SetJournal } from './set-journal.ts'
import { SignatureWriter } from './signature-writer.ts'
import type { Spool, SpoolFile } from './spool.ts'
import { type Mark, type Member, type SpooledVolume, VolumeWriter } from './volume-writer.ts'

export interface SetWriterParts {
  readonly storage: Storage
  readonly envelope: Envelope
  readonly encrypted: boolean
  readonly names: SetNames
  readonly spool: Spool
  readonly archiveDir: ArchiveDir | undefined
  /** What is noted for the case that the set is interrupted. */
  readonly journal?: SetJournal
  /** Where what was put is noted, and what was taken back. */
  readonly notes: Notes
  readonly volumeBytes: number
  /** Volumes being put at a time. */
  readonly parallel: number
  readonly signal: AbortSignal | undefined
  readonly onEvent: (event: RepositoryEvent) => void
  /**
   * Looks at the storage once more before the manifest is put, with the sizes of all that was put; rejects when the set
   * cannot be committed.
   */
  readonly lookAgain: (put: ReadonlyMap<string, number>) => Promise<void>
}

/** What a manifest says beside its volumes. */
export type ManifestHead = Pick<ManifestToWrite, 'hostname' | 'localDir' | 'files'>

export interface SetSummary {
  readonly volumes: number
  /** Stored bytes of the volumes alone, as the real program counts them. */
  readonly volumeBytes: number
  /** Stored bytes of volumes, signatures and manifest. */
  readonly storedBytes: number
}

/** Where an interrupted set goes on: behind the last member that is stored. */
export interface ResumePoint {
  /** Volumes that are stored. */
  readonly volumes: number
  readonly path: RawPath
  /** The chunk, when the file goes on behind it. */
  readonly block?: number
  /** What the file was then. */
  readonly mark?: Mark
}

/**
 * Writes one set. The order on the storage is volumes, signatures, manifest: the manifest is the commit, and without it
 * the set does not exist for any reader.
 *
 * A set that fails stays as far as it is noted in the journal, for the next run to go on with; without a journal it is
 * taken back: what this run put is deleted, as far as the storage lets us.
 */
export class SetWriter {
  /** The files that the manifest will list, of those whose last member is in a volume. */
  readonly files = new FileList()
  readonly #parts: SetWriterParts
  readonly #signatures: SignatureWriter
  readonly #manifests: ManifestVolume[] = []
  /** Sizes by name, in the order in which they were put. */
  readonly #put = new Map<string, number>()
  #manifestCopy: PendingFile | undefined
  #fileNotes: FileNotes | undefined
  #volumeBytes = 0
  #storedBytes = 0

  constructor(parts: SetWriterParts) {
    this.#parts = parts
    const { envelope, spool, archiveDir, names, journal } = parts
    const copy = () => journal ?? archiveDir?.begin(names.localSignatures())
    this.#signatures = new SignatureWriter({ envelope, spool, copy })
  }

  /** Takes the rest of the set's sigtar, behind what came with members; waits when the sealing falls behind. */
  get signatures(): { readonly bytes: number; write(bytes: Uint8Array): Promise<void> } {
    return this.#signatures
  }

  /**
   * Notes what the files of the set are, for the next increment; to be called before the first of them is looked at.
   * `undefined` where nothing is kept, and for a set that goes on: what it stored before is not looked at again.
   */
  noteFiles(): FileNotes | undefined {
    const { archiveDir, journal } = this.#parts
    if (archiveDir === undefined || journal?.resumePoint !== undefined) return undefined
    this.#fileNotes ??= new FileNotes(archiveDir)
    return this.#fileNotes
  }

  /** Where to go on, when the set is one that was interrupted. */
  get resumePoint(): ResumePoint | undefined {
    return this.#parts.journal?.resumePoint
  }

  /** To be called before volumes are written, when the file that the last one ends within has changed: goes back to where it began. */
  goBack(): ResumePoint | undefined {
    this.#parts.journal?.goBack()
    return this.resumePoint
  }

  /**
   * Cuts, seals and puts all volumes, the next one being made while others are under way. Resolves when the last one is
   * stored.
   */
  async writeVolumes(members: AsyncIterable<readonly Member[]>): Promise<void> {
    const { envelope, spool, volumeBytes, encrypted, parallel, journal } = this.#parts
    await this.#takeOver()
    const sign = (bytes: Uint8Array) => this.#signatures.write(bytes)
    const made = this.#manifests.length
    const writer = new VolumeWriter(members, { envelope, spool, volumeBytes, encrypted, made, sign })
    const inFlight = new Set<Promise<void>>()
    const failures: unknown[] = []
    try {
      while (failures.length === 0) {
        this.#parts.signal?.throwIfAborted()
        const volume = await writer.next()
        if (volume === undefined) break
        this.#manifests.push(volume.manifest)
        for (const file of volume.files) this.files.add(file)
        if (journal !== undefined) await this.#signatures.cut()
        const noted = journal?.cut(this.#signatures.bytes)
        while (inFlight.size >= parallel) await Promise.race(inFlight)
        if (failures.length > 0) {
          volume.file.remove()
          break
        }
        const job: Promise<void> = this.#putVolume(volume, noted)
          .catch((error: unknown) => {
            failures.push(error)
          })
          .finally(() => inFlight.delete(job))
        inFlight.add(job)
      }
    } finally {
      await Promise.all(inFlight)
      await writer.close()
    }
    if (failures.length > 0) throw failures[0]
  }

  /**
   * Stores signatures and then the manifest, and leaves their plain copies in the archive dir. With the manifest on the
   * storage the set is there: copies that cannot take their names then are told as an event, and missed by nobody.
   */
  async commit(head: ManifestHead): Promise<SetSummary> {
    const { names, spool, envelope, archiveDir, journal } = this.#parts
    const sealed = await this.#signatures.finish()
    await this.#putFile(names.signatures(envelope), sealed)
    const manifest: ManifestToWrite = {
      ...head,
      volumes: new Map(this.#manifests.map((volume) => [volume.number, volume])),
    }
    const file = spool.create()
    await file.writeAll(envelope.seal('manifest', streamOf(manifestPieces(manifest))))
    this.#manifestCopy = archiveDir?.begin(names.localManifest())
    for (const piece of manifestPieces(manifest)) this.#manifestCopy?.write(piece)
    await this.#parts.lookAgain(this.#put)
    this.#parts.signal?.throwIfAborted()
    await this.#putFile(names.manifest(envelope), file)
    this.#parts.notes.sync()
    try {
      this.#signatures.keep()
      this.#manifestCopy?.commit()
      journal?.remove()
      this.#fileNotes?.commit(bindingOf(names.localManifest(), { ...head, volumes: this.#manifests }))
    } catch (error) {
      this.#discardCopies()
      this.#parts.onEvent({ type: 'copies-not-kept', message: error instanceof Error ? error.message : String(error) })
    }
    return { volumes: this.#manifests.length, volumeBytes: this.#volumeBytes, storedBytes: this.#storedBytes }
  }

  /**
   * Ends a set that failed. What the journal knows stays, and is told (`interrupted`); where there is no journal, or the
   * reason says that nobody can go on with the set, what was put is taken back, the manifest first: a manifest without
   * its volumes would pass for a backup, so while it cannot be deleted nothing is. When it is not clear whose the
   * objects of these names are, nothing is deleted either. Never throws: what is still there is told as an event.
   *
   * @param options.keep - Whether somebody may go on with it; true.
   */
  async abort(reason: unknown, { keep = true }: { keep?: boolean } = {}): Promise<void> {
    const { journal, onEvent } = this.#parts
    await this.#signatures.abort(reason)
    this.#discardCopies()
    if (reason instanceof RepositoryError && reason.code === 'disturbed') {
      journal?.forget()
      onEvent({ type: 'left-behind', keys: [...this.#put.keys()] })
      return
    }
    const kept = journal?.end(reason, keep) ?? { count: 0 }
    if (kept.forNextRun) return onEvent({ type: 'interrupted', volumes: kept.count })
    const { names, envelope, storage, notes } = this.#parts
    const staying = new Set(kept.keys)
    const left: string[] = []
    for (const key of [...this.#put.keys()].toReversed()) {
      if (staying.has(key)) continue
      try {
        if (left.includes(names.manifest(envelope))) {
          left.push(key)
          continue
        }
        await storage.delete(key)
        notes.forget(key)
      } catch {
        // The first failure is what the caller reports; this one is told by name below.
        left.push(key)
      }
    }
    if (left.length > 0) onEvent({ type: 'left-behind', keys: left })
  }

  /** Makes what an interrupted run left the beginning of this set. */
  async #takeOver(): Promise<void> {
    const { journal, storage, notes, signal } = this.#parts
    if (journal === undefined) return
    const { volumes, strays } = await journal.begin()
    for (const key of strays) {
      await storage.delete(key, { signal })
      notes.forget(key)
    }
    for (const { key, bytes, volume, files } of volumes) {
      this.#manifests.push(volume)
      this.#put.set(key, bytes)
      this.#volumeBytes += bytes
      this.#storedBytes += bytes
      for (const file of files) this.files.add(file)
    }
    const copied = journal.signatures()
    const plain = copied.size === 0 ? copied.open() : gzipEnvelope({}).open('signatures', copied)
    for await (const chunk of plain) await this.#signatures.again(chunk)
    if (this.#signatures.bytes === journal.signatureBytes) return
    throw new RepositoryError('unreadable', 'Cannot go on with the interrupted set: its signatures have changed')
  }

  #discardCopies(): void {
    this.#manifestCopy?.discard()
    this.#fileNotes?.discard()
    this.#signatures.discardCopy()
  }

  async #putVolume(
    { file, manifest, files, mark }: SpooledVolume,
    noted: { signatureBytes: number; copyBytes: number } | undefined,
  ): Promise<void> {
    const { names, envelope, journal } = this.#parts
    const { bytes } = file
    const key = names.volume(envelope, manifest.number)
    await this.#putFile(key, file)
    this.#volumeBytes += bytes
    if (noted !== undefined) journal?.stored({ key, bytes, volume: manifest, files, mark, ...noted })
    this.#parts.onEvent({ type: 'volume-stored', number: manifest.number, bytes })
  }

  async #putFile(key: string, file: SpoolFile): Promise<ObjectInfo> {
    const { storage, signal, onEvent } = this.#parts
    try {
      onEvent({ type: 'put', key, bytes: file.bytes })
      this.#put.set(key, file.bytes)
      const stored = await storage.put(key, file.source(), { signal, digests: { sha1: file.sha1 } })
      this.#parts.notes.put({ key, size: file.bytes, sha1: file.sha1, digests: stored.digests })
      onEvent({ type: 'stored', key, bytes: file.bytes })
      this.#storedBytes += file.bytes
      return stored
    } finally {
      file.remove()
    }
  }
}

async function* streamOf(pieces: Iterable<Uint8Array>): ByteStream {
  yield* pieces
}
