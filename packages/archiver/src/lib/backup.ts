import { concat, type RawPath } from '@coalmine/bytes'
import { ownerNames, type Owners, type Tree, type TreeEntry, type TreeProblem } from '@coalmine/filetree'
import type { Member, NewSet, Repository, SetSummary } from '@coalmine/repository'
import { BLOCK_BYTES, FileList, sigTarEnd, signatureHeader } from '@coalmine/volume-format'
import { type Encoded, encodeOther, encodeSmall, LargeFile, metaOf, type SignatureOptions } from './encode.ts'
import { BackupError } from './errors.ts'
import type { BackupEvent } from './events.ts'
import { type BackupStatistics, emptyStatistics } from './statistics.ts'

/** Where entries come from: their walk is taken as it is. */
export type EntrySource = Pick<Tree, 'walk' | 'open'>

export interface FullBackupOptions {
  /**
   * What to back up: a file tree, or any source of entries in the order of archives (a selection of a tree). The caller
   * opens and closes it.
   */
  readonly tree: EntrySource
  readonly repository: Repository
  readonly set: NewSet
  /** What the manifest says of the source: raw bytes, as the real program would write them. */
  readonly hostname?: string
  readonly localDir?: RawPath
  readonly signatures?: SignatureOptions
  /** Names of owners; those of this machine by default. */
  readonly owners?: Owners
  /** Whether the manifest lists the files; it does by default. */
  readonly listFiles?: boolean
  readonly signal?: AbortSignal
  readonly onEvent?: (event: BackupEvent) => void
}

export interface BackupResult {
  readonly statistics: BackupStatistics
  readonly set: SetSummary
}

/**
 * Writes a full backup of a tree as a new set.
 *
 * Every entry is read once: the same bytes go into the volumes and into the signatures. Entries that cannot be read are
 * left out (or end where reading failed), told as events and counted; everything else that fails ends the backup, and
 * the set is taken back.
 *
 * @throws BackupError `nothing-to-store` when there is not even a root: an empty set would pass for the newest backup.
 * @throws the error of the repository, the storage or the signal.
 */
export async function backupFull(options: FullBackupOptions): Promise<BackupResult> {
  const { repository, hostname, localDir, listFiles = true } = options
  const writer = await repository.createSet(options.set)
  const run = new FullBackup(options, (bytes) => writer.signatures.write(bytes))
  try {
    await writer.writeVolumes(run.members())
    const files = listFiles ? run.files : new FileList()
    return { statistics: run.statistics, set: await writer.commit({ hostname, localDir, files }) }
  } catch (error) {
    await writer.abort(error)
    throw error
  }
}

/** What a full backup of the tree would take in, by a walk that reads no content. */
export async function surveyFull(
  options: Pick<FullBackupOptions, 'tree' | 'signal' | 'onEvent'>,
): Promise<BackupStatistics> {
  const run = new FullBackup(options, () => Promise.resolve())
  await run.survey()
  return run.statistics
}

type RunOptions = Pick<FullBackupOptions, 'tree' | 'signal' | 'onEvent' | 'signatures' | 'owners'>

class FullBackup {
  readonly statistics = emptyStatistics()
  readonly files = new FileList()
  readonly #options: RunOptions
  readonly #owners: Owners
  readonly #onEvent: (event: BackupEvent) => void
  readonly #writeSignatures: (bytes: Uint8Array) => Promise<void>
  #signatureBytes = 0

  constructor(options: RunOptions, writeSignatures: (bytes: Uint8Array) => Promise<void>) {
    this.#options = options
    this.#owners = options.owners ?? ownerNames()
    this.#onEvent = options.onEvent ?? (() => undefined)
    this.#writeSignatures = writeSignatures
  }

  /** All members of the set's volumes; the signatures are written on the way, in the same order. */
  async *members(): AsyncIterable<readonly Member[]> {
    const { tree, signal } = this.#options
    for await (const batch of tree.walk({ contentUpTo: BLOCK_BYTES })) {
      signal?.throwIfAborted()
      for (const problem of batch.problems) this.#problem(problem)
      let members: Member[] = []
      let signatures: Uint8Array[] = []
      for (const entry of batch.entries) {
        if (!this.#takesIn(entry)) continue
        if (entry.kind === 'file' && entry.content === undefined) {
          if (members.length > 0) yield members
          await this.#sign(signatures)
          members = []
          signatures = []
          yield* this.#large(entry)
        } else {
          const encoded = this.#encode(entry)
          members.push(...encoded.members)
          signatures.push(encoded.signature)
        }
      }
      await this.#sign(signatures)
      if (members.length > 0) yield members
      this.#onEvent({ type: 'progress', bytes: this.statistics.rawDeltaSize })
    }
    if (this.statistics.sourceFiles === 0) {
      throw new BackupError('nothing-to-store', 'Cannot back up: the source has nothing that could be stored')
    }
    await this.#sign([sigTarEnd(this.#signatureBytes)])
  }

  async survey(): Promise<void> {
    const { tree, signal } = this.#options
    for await (const batch of tree.walk({})) {
      signal?.throwIfAborted()
      for (const problem of batch.problems) this.#problem(problem)
      for (const entry of batch.entries) if (this.#takesIn(entry)) this.#count(entry, entry.size)
    }
  }

  #encode(entry: TreeEntry): Encoded {
    const meta = metaOf(entry, this.#owners)
    if (entry.kind !== 'file') {
      this.#count(entry, entry.size)
      return encodeOther(meta)
    }
    const content = entry.content!
    this.#count(entry, content.length)
    this.statistics.rawDeltaSize += content.length
    return encodeSmall(meta, content, entry.size, this.#options.signatures ?? {})
  }

  async *#large(entry: TreeEntry): AsyncIterable<readonly Member[]> {
    const { tree, signal, signatures = {} } = this.#options
    const meta = metaOf(entry, this.#owners)
    const file = new LargeFile(meta, tree.open(entry), entry.size, signatures)
    let begun = false
    for await (const member of file.members()) {
      begun = true
      yield [member]
      this.#onEvent({ type: 'progress', bytes: this.statistics.rawDeltaSize + file.bytes })
    }
    signal?.throwIfAborted()
    if (file.failure !== undefined) {
      const message = file.failure instanceof Error ? file.failure.message : 'unknown error'
      this.statistics.errors += 1
      this.#onEvent({ type: 'unreadable', path: entry.path, message, cut: begun })
    }
    if (!begun) return
    this.#count(entry, file.bytes)
    this.statistics.rawDeltaSize += file.bytes
    const pieces = file.signature()
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
    // A body in a tar ends on a multiple of 512.
    await this.#sign([signatureHeader(meta, size), ...pieces, new Uint8Array(-size & 511)])
  }

  #takesIn(entry: TreeEntry): boolean {
    if (entry.kind !== 'socket') return true
    this.#onEvent({ type: 'socket-skipped', path: entry.path })
    return false
  }

  #count(entry: TreeEntry, readBytes: number): void {
    const { statistics } = this
    statistics.sourceFiles += 1
    statistics.sourceFileSize += readBytes
    statistics.newFiles += 1
    statistics.newFileSize += entry.size
    statistics.deltaEntries += 1
    if (entry.kind === 'file') this.files.add({ action: 'new', path: entry.path })
    if (entry.mtimeSeconds < 0) {
      this.#onEvent({ type: 'time-before-1970', path: entry.path, seconds: entry.mtimeSeconds })
    }
    this.#onEvent({ type: 'new', path: entry.path, bytes: entry.size })
  }

  #problem({ path, operation, message }: TreeProblem): void {
    this.statistics.errors += 1
    if (operation === 'list') this.#onEvent({ type: 'unlisted', path, message })
    else this.#onEvent({ type: 'unreadable', path, message, cut: false })
  }

  async #sign(pieces: Uint8Array[]): Promise<void> {
    if (pieces.length === 0) return
    const bytes = concat(pieces)
    this.#signatureBytes += bytes.length
    await this.#writeSignatures(bytes)
  }
}
