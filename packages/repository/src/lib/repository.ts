import { join } from 'node:path'
import { setTimeout as sleepFor } from 'node:timers/promises'
import type { ByteSource, ByteStream, RawPath } from '@coalmine/bytes'
import type { Storage } from '@coalmine/storage'
import {
  type BackupSet,
  type Collection,
  collectSets,
  type Envelope,
  type Manifest,
  matchChains,
  type ObjectKind,
  parseName,
  type Prefixes,
  type SetTimes,
  type SignatureSet,
  type SigTarEntry,
  type StoredObject,
} from '@coalmine/volume-format'
import { ArchiveDir } from './archive-dir.ts'
import { collectCommitted } from './collect-committed.ts'
import { type DatedSet, datedSets } from './dated-sets.ts'
import { type PathDifference, type PathVersions, readDifferences, readVersions } from './history.ts'
import { type ChainHead, findSignature, readChainState } from './chain-state.ts'
import { CopyKeeper } from './copy-keeper.ts'
import { RepositoryError } from './errors.ts'
import type { RepositoryEvent } from './events.ts'
import { type LocalEffects, nodeLocalEffects } from './local-effects.ts'
import type { Interrupted } from './interrupted.ts'
import { Interruption } from './interruption.ts'
import { Ledger } from './ledger.ts'
import { type ArchiveLock, lockArchiveDir, type TryLock } from './lock.ts'
import { lostCopies, type LostCopies } from './lost-sets.ts'
import { Metadata, type Wanted } from './metadata.ts'
import { isNamedIn } from './named-in.ts'
import { SetNames } from './names.ts'
import { requireUnmoved } from './second-look.ts'
import { Notes } from './notes.ts'
import { objectsToDelete, type Removal } from './removal.ts'
import { type CheckReport, checkStorage, compareWithLedger, type Finding, type ListedObject } from './storage-check.ts'
import { openObject } from './open-object.ts'
import { SetWriter } from './set-writer.ts'
import { Spool, type SpoolFile, volumesInFlight } from './spool.ts'
import { type CheckedVolume, fetchObject, readVolumes } from './volume-reader.ts'

export interface RepositoryOptions {
  readonly storage: Storage
  /** Seals new sets, and opens stored objects unless `openerFor` says otherwise. */
  readonly envelope: Envelope
  /** Chooses what opens a stored object, by what its name says. */
  readonly openerFor?: (stored: StoredForm) => Envelope | Promise<Envelope>
  /** Folder for the spool; a folder of our own is made in it and removed by {@link Repository.close}. */
  readonly tempDir: string
  /** The archive dir of this repository, as the real program would name it; without it nothing is kept locally. */
  readonly archiveDir?: string
  /** Take the archive dir's lock, so that sets may be written. */
  readonly lock?: boolean
  /**
   * Leave copies of manifests and signatures that are read from the storage in the archive dir. Without the lock it is
   * taken for the moment in which a copy gets its name; while another run holds it, nothing is left.
   */
  readonly keepCopies?: boolean
  readonly prefixes?: Prefixes
  /** How long a listing may be that is held, for a storage that never ends it: 2,000,000 objects (some 400 TB of volumes). */
  readonly maxListedObjects?: number
  /** Tries for a volume whose hash is wrong; 5. */
  readonly tries?: number
  readonly signal?: AbortSignal
  readonly onEvent?: (event: RepositoryEvent) => void
  /** Everything that is done to the files of this machine; those of `node:fs` by default. */
  readonly effects?: LocalEffects
  /** Waits; of Node's timers by default. */
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>
  /** For tests: gives the lock call of the platform, or `undefined`. */
  readonly loadLock?: () => TryLock | undefined
}

/** How an object is stored, as its name says. */
export interface StoredForm {
  readonly encrypted: boolean
  readonly compressed: boolean
}

/** What a new set needs to be told. */
export interface NewSet {
  readonly times: SetTimes
  /** Stored size at which volumes are cut, in bytes. */
  readonly volumeBytes: number
  /** Volumes being put at a time; what the storage likes by default. */
  readonly parallel?: number
  /**
   * Note what is stored in a journal in the archive dir, so that a later run can go on when this one is interrupted. What
   * has to be the same then, by what it is called; only with the lock.
   */
  readonly conditions?: Readonly<Record<string, string>>
  /** Seal something into the journal by which a later run proves its passphrase; where that costs nothing. */
  readonly probe?: boolean
  /** Go on with the set that {@link Repository.interrupted} gave, whose times these are. */
  readonly resume?: boolean
}

const defaultSleep = (ms: number, signal: AbortSignal | undefined) => sleepFor(ms, undefined, { signal })

/**
 * Opens the backup sets of a storage. Nothing is read yet.
 *
 * @throws RepositoryError `locked` when a lock was asked for and another run holds it.
 */
export function openRepository(options: RepositoryOptions): Repository {
  return new Repository(options)
}

/** The backup sets kept in one storage. Close it when done: it holds a spool folder and perhaps a lock. */
export class Repository {
  readonly storage: Storage
  readonly #options: RepositoryOptions
  readonly #onEvent: (event: RepositoryEvent) => void
  readonly #effects: LocalEffects
  readonly #lock: ArchiveLock | undefined
  readonly #archiveDir: ArchiveDir | undefined
  readonly #metadata: Metadata
  readonly #ledger: Ledger | undefined
  readonly #notes: Notes
  /** What was listed last, by name. */
  #listed: ReadonlyMap<string, ListedObject> = new Map()
  /** The same, without the signatures of sets that were not committed. */
  #committed: Collection | undefined
  #spool: Spool | undefined
  #collection: Promise<Collection> | undefined
  /** With the lock only. */
  readonly #interruption: Interruption | undefined

  constructor(options: RepositoryOptions) {
    const { archiveDir, lock = false, onEvent = () => undefined, effects = nodeLocalEffects } = options
    this.storage = options.storage
    this.#effects = effects
    this.#options = options
    this.#onEvent = onEvent
    if (archiveDir !== undefined) {
      if (lock) this.#lock = lockArchiveDir(archiveDir, options.loadLock, effects)
      const isOwn = this.#lock?.kind === 'own'
      const folder = isOwn ? join(archiveDir, 'coalmine', 'own') : archiveDir
      if (isOwn) onEvent({ type: 'own-archive-dir', folder })
      this.#archiveDir = new ArchiveDir(folder, effects)
      this.#ledger = new Ledger(join(folder, 'coalmine'), effects, (message) => {
        onEvent({ type: 'ledger-unreadable', message })
      })
    }
    this.#notes = new Notes(this.#lock === undefined ? undefined : this.#ledger, onEvent)
    this.#metadata = new Metadata({
      archiveDir: this.#archiveDir,
      keeper: this.#archiveDir && options.keepCopies === true ? this.#keeperOf(this.#archiveDir) : undefined,
      parallel: Math.max(1, Math.min(4, this.storage.info.capabilities.parallel)),
      namesOf: (times) => this.#names(times),
      fetch: (object) => this.#fetch(object),
      open: (kind, object, source) => this.#open(kind, object, source),
      signal: options.signal,
    })
    const { signal } = options
    if (this.#lock !== undefined && this.#archiveDir !== undefined) {
      this.#interruption = new Interruption({
        ...{
          archiveDir: this.#archiveDir,
          effects,
          storage: this.storage,
          envelope: options.envelope,
          signal,
          onEvent,
        },
        notes: this.#notes,
        collect: () => this.#collectCommitted(),
        onDeleted: () => (this.#collection = undefined),
      })
    }
  }

  /** What the storage holds, by sets and chains. Listed once; after a set was written or listing failed, anew. */
  collect(): Promise<Collection> {
    if (this.#collection === undefined) {
      const listing = this.#list()
      this.#collection = listing
      listing.catch(() => {
        if (this.#collection === listing) this.#collection = undefined
      })
    }
    return this.#collection
  }

  /**
   * A set's manifest, from the archive dir or the storage. Nothing of it is believed before its end was seen, and no copy
   * in the archive dir that knows less than the listing of the storage.
   *
   * @param options.files - Collect the list of files, which may be many; true.
   * @throws RepositoryError `unreadable` when it is damaged, `wrong-passphrase` when it does not open.
   */
  manifest(set: BackupSet, { files = true }: { files?: boolean } = {}): Promise<Manifest> {
    return this.#metadata.manifest(set, files)
  }

  /**
   * A set's manifest as it is on the storage, without its list of files, compared with the copy in the archive dir if
   * there is one: before something is built on it.
   *
   * @param options.compared - Compare it; true.
   * @throws RepositoryError as {@link Repository.manifest}; `copies-differ` when the two do not say the same.
   */
  originalManifest(set: BackupSet, { compared = true }: { compared?: boolean } = {}): Promise<Manifest> {
    return compared ? this.#metadata.comparedOriginal(set) : this.#metadata.original(set)
  }

  /** The plain sigtar of a set as it is on the storage, whatever copy the archive dir has. */
  originalSignatures(set: SignatureSet): ByteStream {
    return this.#metadata.originalSignatures(set)
  }

  /** The plain sigtar of a set, from the archive dir or the storage; a sealed one is checked to its end beforehand. */
  signatures(set: SignatureSet): ByteStream {
    return this.#metadata.signatures(set)
  }

  /**
   * Brings what is about to be read into the archive dir, several objects at a time; what is there already is not fetched.
   * Only with `keepCopies`; without, each is read when it is its turn.
   */
  sync(wanted: Wanted): Promise<void> {
    return this.#metadata.sync(wanted)
  }

  /**
   * Compares the archive dir with the storage. Copies of sets that were removed because newer full ones are there go too; of
   * any others that the storage no longer has, the copies stay, and sets of which the ledger knows nothing are told
   * (`sets-lost`). Whoever calls it holds the lock.
   */
  async compareCopies(): Promise<void> {
    if (this.#lock === undefined) return
    const { superseded, lost } = await this.#lostCopies()
    for (const name of superseded) this.#archiveDir?.remove(name)
    const keys: string[] = []
    for (const { name, times } of lost) {
      if (this.#ledger?.entries.has(name) || this.#ledger?.entries.has(`${name}.gpg`)) continue
      // Listings may be late, and never are when they are asked for by name.
      const key = this.#names(times).manifest(this.#envelope)
      if ((await this.storage.stat(key, { signal: this.#options.signal })) === undefined) keys.push(name)
    }
    if (keys.length > 0) this.#onEvent({ type: 'sets-lost', keys })
  }

  /**
   * Whether a set names anything at or below a path, by its signature file: that names every entry. `undefined` when it
   * cannot be told, or not for less than it may save.
   *
   * @param options.worthBytes - A signature file that is not in the archive dir is fetched only when it is smaller.
   */
  async isNamed(
    set: BackupSet,
    manifest: Manifest,
    { path, worthBytes }: { path: RawPath; worthBytes: number },
  ): Promise<boolean | undefined> {
    const key = set.manifest?.key
    const signatures = datedSets(await this.collect()).find((one) => one.set.manifest?.key === key)?.signatures
    if (signatures === undefined) return undefined
    if (!this.#metadata.hasCopy(signatures) && signatures.object.size >= worthBytes) return undefined
    return isNamedIn(signatures, manifest, path, this.#metadata)
  }

  /** The latest chain, when there are signatures on which an increment can build. */
  async head(): Promise<ChainHead | undefined> {
    const { chain, signatures } = matchChains(await this.#collectCommitted())
    return chain === undefined || signatures === undefined ? undefined : { chain, signatures }
  }

  /**
   * The archived state at the end of a chain, in the order of paths.
   *
   * @throws RepositoryError `bad-signatures` when signatures are damaged or do not agree with their manifests, with
   * `retry` when only a copy in the archive dir is; that copy is not used again.
   */
  state(head: ChainHead): AsyncGenerator<SigTarEntry[], void, undefined> {
    return readChainState(head, this.#metadata)
  }

  /** The signature of one file of that state, for those too large to come with it. */
  signatureOf(head: ChainHead, path: RawPath): Promise<Uint8Array | undefined> {
    return findSignature(head, path, this.#metadata)
  }

  /**
   * Every state that the paths that are wanted had, in the order of paths, from signatures alone.
   *
   * @param sets - As {@link datedSets} gives them; one without signatures counts as one without changes.
   * @throws FormatError or RepositoryError when signatures are damaged.
   */
  versions(
    sets: readonly DatedSet[],
    isWanted: (path: RawPath) => boolean,
  ): AsyncGenerator<PathVersions[], void, undefined> {
    return readVersions(sets, isWanted, this.#metadata)
  }

  /** What differs between the states after two lists of sets, each of one chain, from signatures alone. */
  differences(
    before: readonly DatedSet[],
    after: readonly DatedSet[],
  ): AsyncGenerator<PathDifference[], void, undefined> {
    return readDifferences(before, after, this.#metadata)
  }

  /**
   * What the storage has lost, or has otherwise, of what this machine has put there or verified: the word of the ledger
   * in the archive dir. What a newer full backup makes needless, others may have removed. Nothing when there is a ledger
   * that cannot be read: that is told (`ledger-unreadable`).
   */
  async losses(): Promise<Finding[]> {
    return compareWithLedger(await this.#known())
  }

  /**
   * Compares the storage with manifests and ledger, without reading volumes or signatures: names, numbers, sizes, links of
   * chains, and digests where the storage tells them. Manifests that this machine has not put are read.
   *
   * @throws RepositoryError `wrong-passphrase` or `no-key` when manifests do not open; the storage's errors.
   */
  async check(): Promise<CheckReport> {
    const manifest = (set: BackupSet, vouched: boolean) => {
      return vouched ? this.#metadata.manifest(set, false) : this.#metadata.comparedOriginal(set)
    }
    const { torn = 0, problem: ledgerProblem } = this.#ledger ?? {}
    return checkStorage({ ...(await this.#known()), torn, ledgerProblem, manifest })
  }

  /** Expects nothing any more of the objects that are lost or changed: their loss will not be told again. */
  async accept(): Promise<number> {
    if (this.#lock === undefined)
      throw new RangeError('Cannot accept losses: the repository was opened without its lock')
    const keys = new Set((await this.losses()).flatMap((one) => one.keys))
    for (const key of keys) this.#ledger!.forget(key)
    this.#ledger!.sync()
    for (const { name, times } of (await this.#lostCopies()).lost) {
      for (const local of this.#names(times).localNames()) this.#archiveDir?.remove(local)
      keys.add(name)
    }
    return keys.size
  }

  /** Notes that a stored object was read and found right; needs the lock. */
  verified(entry: { readonly key: string; readonly size: number; readonly sha1: string }): void {
    this.#notes.put(entry)
  }

  /**
   * The given volumes of a set, in order, each checked against the manifest.
   *
   * @param options.ahead - Fetch the next one while one is read; true.
   */
  volumes(
    set: BackupSet,
    manifest: Manifest,
    numbers: readonly number[],
    options: { ahead?: boolean } = {},
  ): AsyncIterable<CheckedVolume> {
    return readVolumes(set, manifest, numbers, {
      storage: this.storage,
      openerOf: (object) => this.#openerOf(object),
      spool: this.#ownSpool(),
      tries: this.#options.tries ?? 5,
      ahead: options.ahead ?? true,
      signal: this.#options.signal,
      onEvent: this.#onEvent,
    })
  }

  /**
   * Proves that the envelope opens what is there already, so that no chain gets two passphrases.
   *
   * @throws RepositoryError `wrong-passphrase` when the newest manifest does not open and nothing else does either.
   */
  async checkPassphrase(): Promise<void> {
    const { chains } = await this.collect()
    const sets = chains.flatMap((chain) => chain.sets).filter((set) => set.encrypted)
    const newest = sets.toSorted((a, b) => a.endSeconds - b.endSeconds).toReversed()
    let refused: RepositoryError | undefined
    for (const set of newest.slice(0, 3)) {
      try {
        await this.#metadata.original(set)
        if (refused !== undefined) {
          this.#onEvent({ type: 'damaged-manifest', key: newest[0]!.manifest!.key, message: refused.message })
        }
        return
      } catch (error) {
        // Kept: whether it was the passphrase or damage shows when another one opens, or none.
        if (!(error instanceof RepositoryError)) throw error
        refused ??= error
      }
    }
    if (refused !== undefined) throw refused
  }

  /**
   * Begins a new set. The caller writes volumes and signatures and commits, or aborts. Where the spool has little room,
   * fewer volumes are put at a time.
   *
   * @throws RepositoryError `exists` when the storage has objects of a set of this time, `no-space` when the spool has no
   * room for one volume that is made, one that is put, and the signatures.
   */
  async createSet(plan: NewSet): Promise<SetWriter> {
    const before = await this.collect()
    const { chains, orphanedSets, incompleteSets, replacedSets } = before
    const taken = [...chains.flatMap((chain) => chain.sets), ...orphanedSets, ...incompleteSets, ...replacedSets]
    const end = plan.times.type === 'full' ? plan.times.timeSeconds : plan.times.endSeconds
    const resumes = plan.resume === true && this.#interruption?.isOf(plan.times) === true
    const there = !resumes
      ? undefined
      : incompleteSets.find((set) => set.endSeconds === end && set.times.type === plan.times.type)
    if (taken.some((set) => set.endSeconds === end && set !== there)) {
      throw new RepositoryError('exists', `Cannot write a set of the time ${end}: the storage has one already`)
    }
    const spool = this.#ownSpool()
    const wanted = plan.parallel ?? Math.max(1, this.storage.info.capabilities.parallel)
    const parallel = volumesInFlight(plan.volumeBytes, wanted, spool)
    if (parallel < wanted) this.#onEvent({ type: 'spool-short', folder: spool.folder, parallel, wanted })
    this.#collection = undefined
    const { times, conditions, probe = false } = plan
    const names = this.#names(times)
    const manifest = names.manifest(this.#envelope)
    return new SetWriter({
      storage: this.storage,
      envelope: this.#envelope,
      encrypted: this.#envelope.suffixOf('volume') === '.gpg',
      names,
      spool,
      archiveDir: this.#lock === undefined ? undefined : this.#archiveDir,
      journal: conditions && this.#interruption?.journalOf({ times, conditions, probe }, names, { resumes, there }),
      notes: this.#notes,
      volumeBytes: plan.volumeBytes,
      parallel,
      signal: this.#options.signal,
      onEvent: this.#onEvent,
      lookAgain: async (put) => {
        const { signal, sleep = defaultSleep } = this.#options
        // Later, the listing has everything that was committed before the last of the set was put.
        const { listLagMs } = this.storage.info.capabilities
        if (listLagMs > 0) await sleep(listLagMs, signal)
        const now = await this.#list()
        await requireUnmoved({ storage: this.storage, before, now, times: plan.times, manifest, put, signal })
      },
    })
  }

  /**
   * The set that an interrupted run left and that can go on, if there is one. A journal of no use is removed and told
   * (`journal-dropped`); volumes of its set stay for `cleanup`. Only with the lock.
   */
  async interrupted(): Promise<Interrupted | undefined> {
    return this.#interruption?.find()
  }

  /**
   * Nobody goes on with the interrupted set. Its signatures are deleted, if they are stored: to the real program they would
   * be in the way of the next increment.
   *
   * @param reason - The end of a sentence; nothing is told without.
   */
  async dropInterrupted(reason: string): Promise<void> {
    await this.#interruption?.drop(reason)
  }

  /** @throws RepositoryError `wrong-passphrase` when the interrupted set was begun with another one. */
  async proveInterrupted(): Promise<void> {
    await this.#interruption?.prove()
  }

  /**
   * Deletes sets and signatures from the storage, in the order of {@link objectsToDelete}, and then their copies in the
   * archive dir. Whoever removes holds the lock.
   */
  async remove(removal: Removal): Promise<void> {
    if (this.#lock === undefined) throw new RangeError('Cannot remove sets: the repository was opened without its lock')
    this.#collection = undefined
    for (const { key } of objectsToDelete(removal)) {
      this.#options.signal?.throwIfAborted()
      await this.storage.delete(key, { signal: this.#options.signal })
      this.#notes.forget(key)
      this.#onEvent({ type: 'deleted', key })
    }
    for (const { times } of [...removal.signatures, ...removal.sets]) {
      for (const name of this.#names(times).localNames()) this.#archiveDir?.remove(name)
    }
  }

  /**
   * Says beforehand how many bytes will lie in the spool at a time.
   *
   * @throws RepositoryError `no-space` when there is no room for them, where that can be told.
   */
  requireSpoolSpace(bytes: number): void {
    this.#ownSpool().requireSpace(bytes)
  }

  /** Lets go of the spool and the lock; the storage is the caller's. */
  close(): void {
    this.#spool?.close()
    this.#spool = undefined
    this.#notes.compact()
    this.#ledger?.close()
    this.#lock?.release()
  }

  async #collectCommitted(): Promise<Collection> {
    const collection = await this.collect()
    return this.#committed ?? collection
  }

  async #lostCopies(): Promise<LostCopies> {
    return lostCopies(this.#archiveDir?.names() ?? [], await this.collect(), this.#options.prefixes)
  }

  #keeperOf(archiveDir: ArchiveDir): CopyKeeper {
    return new CopyKeeper({
      archiveDir,
      underLock: (work) => this.#underLock(work),
      onProblem: (message) => this.#onEvent({ type: 'copy-not-kept', message }),
    })
  }

  /** While the lock of the archive dir is held, by this repository or for this moment. */
  #underLock(work: () => void): boolean {
    if (this.#lock !== undefined) {
      work()
      return true
    }
    let lock: ArchiveLock
    try {
      lock = lockArchiveDir(this.#options.archiveDir!, this.#options.loadLock, this.#effects)
    } catch (error) {
      if (error instanceof RepositoryError && error.code === 'locked') return false
      throw error
    }
    try {
      if (lock.kind === 'own') return false
      work()
      return true
    } finally {
      lock.release()
    }
  }

  get #envelope(): Envelope {
    return this.#options.envelope
  }

  async #openerOf(object: StoredObject): Promise<Envelope> {
    const { envelope, openerFor, prefixes } = this.#options
    const parsed = openerFor && parseName(object.key, { prefixes })
    return parsed === undefined ? envelope : openerFor!(parsed)
  }

  async #known() {
    const { prefixes } = this.#options
    const collection = await this.collect()
    const placeOf = (key: string) => {
      const name = parseName(key, { prefixes })
      if (name === undefined) return undefined
      const endSeconds = name.set.type === 'full' ? name.set.timeSeconds : name.set.endSeconds
      return { endSeconds, isManifest: name.object === 'manifest' }
    }
    return { collection, listed: this.#listed, ledger: this.#ledger?.entries ?? new Map<string, never>(), placeOf }
  }

  #names(times: SetTimes): SetNames {
    return new SetNames(times, this.#options.prefixes)
  }

  #ownSpool(): Spool {
    this.#spool ??= new Spool(this.#options.tempDir, this.#effects)
    return this.#spool
  }

  async #list(): Promise<Collection> {
    const { maxListedObjects = 2_000_000, prefixes } = this.#options
    const objects: ListedObject[] = []
    for await (const { key, size, modifiedMs, digests } of this.storage.list({ signal: this.#options.signal })) {
      if (objects.length === maxListedObjects) {
        const message = `Cannot read the listing of the storage: it has more than ${maxListedObjects} objects`
        throw new RepositoryError('unreadable', message)
      }
      objects.push({ key, size, modifiedMs, digests })
    }
    this.#listed = new Map(objects.map((object) => [object.key, object]))
    this.#committed = collectCommitted(objects, prefixes)
    return collectSets(objects, { prefixes })
  }

  #fetch(object: StoredObject): Promise<SpoolFile> {
    return fetchObject(object, {
      storage: this.storage,
      spool: this.#ownSpool(),
      signal: this.#options.signal,
      onEvent: this.#onEvent,
    })
  }

  async *#open(kind: ObjectKind, object: StoredObject, source: ByteSource): ByteStream {
    const { signal } = this.#options
    yield* openObject(kind, object, source, { envelope: await this.#openerOf(object), signal })
  }
}
