import type { ByteStream } from '@coalmine/bytes'
import type { ObjectInfo, Storage } from '@coalmine/storage'
import {
  type Envelope,
  gzipEnvelope,
  manifestPieces,
  type ManifestToWrite,
  type ManifestVolume,
} from '@coalmine/volume-format'
import type { ArchiveDir, PendingFile } from './archive-dir.ts'
import { Channel } from './channel.ts'
import { RepositoryError } from './errors.ts'
import type { RepositoryEvent } from './events.ts'
import type { SetNames } from './names.ts'
import type { Notes } from './notes.ts'
import type { Spool, SpoolFile } from './spool.ts'
import { type Member, type SpooledVolume, VolumeWriter } from './volume-writer.ts'

export interface SetWriterParts {
  readonly storage: Storage
  readonly envelope: Envelope
  readonly encrypted: boolean
  readonly names: SetNames
  readonly spool: Spool
  readonly archiveDir: ArchiveDir | undefined
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

/**
 * Writes one set. The order on the storage is volumes, signatures, manifest: the manifest is the commit, and without it
 * the set does not exist for any reader.
 *
 * A set that fails is taken back: what this run put is deleted, as far as the storage lets us.
 */
export class SetWriter {
  readonly #parts: SetWriterParts
  readonly #signatures: SignatureWriter
  readonly #manifests: ManifestVolume[] = []
  /** Sizes by name, in the order in which they were put. */
  readonly #put = new Map<string, number>()
  #manifestCopy: PendingFile | undefined
  #volumeBytes = 0
  #storedBytes = 0

  constructor(parts: SetWriterParts) {
    this.#parts = parts
    this.#signatures = new SignatureWriter(parts)
  }

  /** Takes the set's sigtar, in order; waits when the sealing falls behind. */
  get signatures(): { write(bytes: Uint8Array): Promise<void> } {
    return this.#signatures
  }

  /**
   * Cuts, seals and puts all volumes, the next one being made while others are under way. Resolves when the last one is
   * stored.
   */
  async writeVolumes(members: AsyncIterable<readonly Member[]>): Promise<void> {
    const { envelope, spool, volumeBytes, encrypted, parallel } = this.#parts
    const writer = new VolumeWriter(members, { envelope, spool, volumeBytes, encrypted })
    const inFlight = new Set<Promise<void>>()
    const failures: unknown[] = []
    try {
      while (failures.length === 0) {
        this.#parts.signal?.throwIfAborted()
        const volume = await writer.next()
        if (volume === undefined) break
        this.#manifests.push(volume.manifest)
        while (inFlight.size >= parallel) await Promise.race(inFlight)
        if (failures.length > 0) {
          volume.file.remove()
          break
        }
        const job: Promise<void> = this.#putVolume(volume)
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
    const { names, spool, envelope, archiveDir } = this.#parts
    const sealed = await this.#signatures.finish()
    await this.#putFile(names.signatures(envelope), sealed.file)
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
      sealed.local?.commit()
      this.#manifestCopy?.commit()
    } catch (error) {
      this.#discardCopies()
      this.#parts.onEvent({ type: 'copies-not-kept', message: error instanceof Error ? error.message : String(error) })
    }
    return { volumes: this.#manifests.length, volumeBytes: this.#volumeBytes, storedBytes: this.#storedBytes }
  }

  /**
   * Takes back what was put, the manifest first: a manifest without its volumes would pass for a backup, so while it
   * cannot be deleted nothing is. When it is not clear whose the objects of these names are, nothing is deleted either.
   * Never throws: what is still there is told as an event.
   */
  async abort(reason: unknown): Promise<void> {
    await this.#signatures.abort(reason)
    this.#discardCopies()
    const { storage, names, envelope } = this.#parts
    if (reason instanceof RepositoryError && reason.code === 'disturbed') {
      this.#parts.onEvent({ type: 'left-behind', keys: [...this.#put.keys()] })
      return
    }
    const left: string[] = []
    for (const key of [...this.#put.keys()].toReversed()) {
      try {
        if (left.includes(names.manifest(envelope))) {
          left.push(key)
          continue
        }
        await storage.delete(key)
        this.#parts.notes.forget(key)
      } catch {
        // The first failure is what the caller reports; this one is told by name below.
        left.push(key)
      }
    }
    if (left.length > 0) this.#parts.onEvent({ type: 'left-behind', keys: left })
  }

  #discardCopies(): void {
    this.#manifestCopy?.discard()
    this.#signatures.discardCopy()
  }

  async #putVolume(volume: SpooledVolume): Promise<void> {
    const { names, envelope } = this.#parts
    const bytes = volume.file.bytes
    await this.#putFile(names.volume(envelope, volume.manifest.number), volume.file)
    this.#volumeBytes += bytes
    this.#parts.onEvent({ type: 'volume-stored', number: volume.manifest.number, bytes })
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

/** Seals the sigtar for the storage and gzips it for the archive dir, both while it is being written. */
class SignatureWriter {
  readonly #channels: Channel[] = []
  readonly #jobs: Promise<void>[] = []
  readonly #sealed: SpoolFile
  readonly #local: PendingFile | undefined

  constructor(parts: SetWriterParts) {
    const { envelope, spool, archiveDir, names } = parts
    this.#sealed = spool.create()
    this.#local = archiveDir?.begin(names.localSignatures())
    this.#start((plain) => this.#sealed.writeAll(envelope.seal('signatures', plain)))
    const local = this.#local
    if (local !== undefined) {
      // The copy is read often and never sent: the fastest level.
      const gzip = gzipEnvelope({ level: 1 })
      this.#start((plain) => local.writeAll(gzip.seal('signatures', plain)))
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const channel of this.#channels) await channel.write(bytes)
  }

  async finish(): Promise<{ file: SpoolFile; local: PendingFile | undefined }> {
    for (const channel of this.#channels) channel.end()
    await Promise.all(this.#jobs)
    return { file: this.#sealed, local: this.#local }
  }

  async abort(reason: unknown): Promise<void> {
    for (const channel of this.#channels) channel.fail(reason)
    await Promise.allSettled(this.#jobs)
    this.#sealed.remove()
  }

  discardCopy(): void {
    this.#local?.discard()
  }

  #start(consume: (plain: ByteStream) => Promise<void>): void {
    const channel = new Channel()
    this.#channels.push(channel)
    const job = consume(channel.read())
    // A consumer that fails makes the next write fail; `finish` sees it in any case.
    job.catch((error: unknown) => channel.fail(error))
    this.#jobs.push(job)
  }
}

async function* streamOf(pieces: Iterable<Uint8Array>): ByteStream {
  yield* pieces
}
