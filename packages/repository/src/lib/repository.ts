import { join } from 'node:path'
import { setTimeout as sleepFor } from 'node:timers/promises'
import type { ByteSource, ByteStream, RawPath } from '@coalmine/bytes'
import type { Storage } from '@coalmine/storage'
import {
  type BackupSet,
  type Collection,
  type Envelope,
  groupSigTars,
  type Manifest,
  matchChains,
  type ObjectKind,
  parseName,
  type SetTimes,
  type SignatureSet,
  type SigTarEntry,
  type SigTarGroup,
  type StoredObject,
} from '@coalmine/volume-format'
import { ArchiveDir } from './archive-dir.ts'
import { type DatedSet, datedSets } from './dated-sets.ts'
import { type PathDifference, type PathVersions, readDifferences, readVersions } from './history.ts'
import { type ChainHead, findSignature, readChainState, readNames } from './chain-state.ts'
import { CopyKeeper } from './copy-keeper.ts'
import { RepositoryError } from './errors.ts'
import type { RepositoryEvent } from './events.ts'
import { type LocalEffects, nodeLocalEffects } from './local-effects.ts'
import type { Interrupted } from './interrupted.ts'
import { bindingOf, type FileNotes, KnownFiles } from './known-files.ts'
import { Interruption } from './interruption.ts'
import { KnownObjects } from './known-objects.ts'
import { Ledger } from './ledger.ts'
import { Listing } from './listing.ts'
import { type ArchiveLock, lockArchiveDir, underLock } from './lock.ts'
import { Metadata, type Wanted } from './metadata.ts'
import { isNamedIn } from './named-in.ts'
import { SetNames } from './names.ts'
import { requireUnmoved } from './second-look.ts'
import { Notes } from './notes.ts'
import { provePassphrase } from './prove-passphrase.ts'
import { objectsToDelete, type Removal } from './removal.ts'
import type { CheckReport, Finding } from './storage-check.ts'
import { openObject } from './open-object.ts'
import type { NewSet, RepositoryOptions } from './repository-options.ts'
import { type ManifestHead, SetWriter } from './set-writer.ts'
import { Spool, type SpoolFile, volumesInFlight } from './spool.ts'
import { readStatistics, storeStatistics } from './statistics-object.ts'
import { type CheckedVolume, fetchWhole, readVolumes } from './volume-reader.ts'

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
  readonly #listing: Listing
  readonly #known: KnownObjects
  #spool: Spool | undefined
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
      disagreement: (key, sha1) => this.#known.disagreement(key, sha1),
      signal: options.signal,
    })
    const { signal, prefixes } = options
    this.#listing = new Listing(this.storage, options)
    this.#known = new KnownObjects({
      ledger: this.#ledger,
      archiveDir: this.#archiveDir,
      listing: this.#listing,
      metadata: this.#metadata,
      prefixes,
      // Listings may be late, and never are when they are asked for by name.
      hasManifest: async (times) => {
        return (await this.storage.stat(this.#names(times).manifest(this.#envelope), { signal })) !== undefined
      },
    })
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
        collect: () => this.#listing.collectCommitted(),
        onDeleted: () => this.#listing.forget(),
      })
    }
  }

  /** What the storage holds, by sets and chains. Listed once; after a set was written or listing failed, anew. */
  collect(): Promise<Collection> {
    return this.#listing.collect()
  }

  /**
   * The same, as it is now and with everything that was stored until now: where listings may be late, that takes its time.
   * To be asked before something is deleted because it seems to be of no use.
   */
  async settled(): Promise<Collection> {
    if (await this.#letSettle()) this.#listing.forget()
    return this.collect()
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
    const keys = await this.#known.compareCopies()
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

  /**
   * Every path that the signature files of sets of one chain name, in the order of paths, with what each of them says. Each
   * file is compared with the manifest of its set.
   *
   * @param sets - As {@link datedSets} gives them.
   * @throws RepositoryError `bad-signatures` as {@link Repository.state}, and when a set has none.
   */
  async *named(sets: readonly DatedSet[]): AsyncGenerator<SigTarGroup[], void, undefined> {
    await this.#metadata.sync({ signatures: sets.flatMap(({ signatures }) => signatures ?? []) })
    yield* groupSigTars(sets.map((one) => readNames(one, this.#metadata)))
  }

  /** The latest chain, when there are signatures on which an increment can build. */
  async head(): Promise<ChainHead | undefined> {
    const { chain, signatures } = matchChains(await this.#listing.collectCommitted())
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

  /**
   * The files of the newest set of a chain as they were when this machine wrote it, to be asked in the order of paths.
   * Nothing is known where another program or machine wrote it, or of another source.
   */
  async knownFiles(head: ChainHead, source: Pick<ManifestHead, 'hostname' | 'localDir'>): Promise<KnownFiles> {
    const binding = await this.#bindingOf(head, source)
    if (binding === undefined || this.#archiveDir === undefined) return new KnownFiles(undefined)
    return KnownFiles.open(this.#archiveDir, binding)
  }

  /** Nothing has changed, so no set was written: what was noted meanwhile is true of the newest one. */
  async renewKnownFiles(
    head: ChainHead,
    source: Pick<ManifestHead, 'hostname' | 'localDir'>,
    notes: FileNotes,
  ): Promise<void> {
    const binding = await this.#bindingOf(head, source)
    if (binding !== undefined) notes.commit(binding)
  }

  /** Stores statistics (UTF-8) beside a set that is there, as the real program does from 2.1 on. */
  storeStatistics(times: SetTimes, bytes: Uint8Array): Promise<void> {
    return storeStatistics(bytes, {
      names: this.#names(times),
      archiveDir: this.#lock === undefined ? undefined : this.#archiveDir,
      storage: this.storage,
      envelope: this.#envelope,
      spool: this.#ownSpool(),
      signal: this.#options.signal,
      onEvent: this.#onEvent,
    })
  }

  /** The statistics beside a set; `undefined` when there are none. */
  statistics({ times, statistics }: BackupSet): Promise<Uint8Array | undefined> {
    return readStatistics(statistics, {
      names: this.#names(times),
      archiveDir: this.#archiveDir,
      fetch: (object) => this.#fetch(object),
      open: (kind, object, source) => this.#open(kind, object, source),
    })
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
  losses(): Promise<Finding[]> {
    return this.#known.losses()
  }

  /**
   * Compares the storage with manifests and ledger, without reading volumes or signatures: names, numbers, sizes, links of
   * chains, and digests where the storage tells them. Manifests that this machine has not put are read.
   *
   * @throws RepositoryError `wrong-passphrase` or `no-key` when manifests do not open; the storage's errors.
   */
  check(): Promise<CheckReport> {
    return this.#known.check()
  }

  /** Expects nothing any more of the objects that are lost or changed: their loss will not be told again. */
  async accept(): Promise<number> {
    if (this.#lock === undefined)
      throw new RangeError('Cannot accept losses: the repository was opened without its lock')
    return this.#known.accept()
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
    await provePassphrase(chains, this.#metadata, this.#onEvent)
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
    this.#listing.forget()
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
        const { signal } = this.#options
        // Later, the listing has everything that was committed before the last of the set was put.
        await this.#letSettle()
        const now = await this.#listing.look()
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
    this.#listing.forget()
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

  async #bindingOf(
    { chain }: ChainHead,
    { hostname, localDir }: Pick<ManifestHead, 'hostname' | 'localDir'>,
  ): Promise<Uint8Array | undefined> {
    const set = chain.sets.at(-1)!
    const manifest = await this.#metadata.manifest(set, false)
    if (manifest.hostname !== hostname || manifest.localDir !== localDir) return undefined
    const { volumes } = manifest
    return bindingOf(this.#names(set.times).localManifest(), { hostname, localDir, volumes: volumes.values() })
  }

  #keeperOf(archiveDir: ArchiveDir): CopyKeeper {
    const { archiveDir: folder = archiveDir.folder, loadLock } = this.#options
    return new CopyKeeper({
      archiveDir,
      underLock: (work) => underLock(work, this.#lock, () => lockArchiveDir(folder, loadLock, this.#effects)),
      onProblem: (message) => this.#onEvent({ type: 'copy-not-kept', message }),
    })
  }

  /** Waits until listings have everything that is stored by now. @returns Whether that was needed. */
  async #letSettle(): Promise<boolean> {
    const { signal, sleep = defaultSleep } = this.#options
    const { listLagMs } = this.storage.info.capabilities
    if (listLagMs > 0) await sleep(listLagMs, signal)
    return listLagMs > 0
  }

  get #envelope(): Envelope {
    return this.#options.envelope
  }

  async #openerOf(object: StoredObject): Promise<Envelope> {
    const { envelope, openerFor, prefixes } = this.#options
    const parsed = openerFor && parseName(object.key, { prefixes })
    return parsed === undefined ? envelope : openerFor!(parsed)
  }

  #names(times: SetTimes): SetNames {
    return new SetNames(times, this.#options.prefixes)
  }

  #ownSpool(): Spool {
    this.#spool ??= new Spool(this.#options.tempDir, this.#effects)
    return this.#spool
  }

  #fetch(object: StoredObject): Promise<SpoolFile> {
    return fetchWhole(object, {
      storage: this.storage,
      spool: this.#ownSpool(),
      tries: this.#options.tries ?? 5,
      signal: this.#options.signal,
      onEvent: this.#onEvent,
    })
  }

  async *#open(kind: ObjectKind, object: StoredObject, source: ByteSource): ByteStream {
    const { signal } = this.#options
    yield* openObject(kind, object, source, { envelope: await this.#openerOf(object), signal })
  }
}
