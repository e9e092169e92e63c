import type { RawPath } from '@coalmine/bytes'
import { ownerNames, type Owners, type Tree, type TreeEntry } from '@coalmine/filetree'
import {
  type ChainHead,
  type FileNotes,
  type KnownFiles,
  type NewSet,
  type Repository,
  RepositoryError,
  type ResumePoint,
  type SetSummary,
  type SetWriter,
} from '@coalmine/repository'
import { BLOCK_BYTES, FileList, sigTarEnd } from '@coalmine/volume-format'
import type { SignatureOptions } from './encode.ts'
import { BackupError } from './errors.ts'
import type { BackupEvent } from './events.ts'
import { loadContents } from './load.ts'
import { planFull, planIncrement, type StepBatch } from './plan.ts'
import { behind, SplitFileChanged } from './resume.ts'
import { BackupRun, type RunOptions } from './run.ts'
import type { BackupStatistics } from './statistics.ts'

/** Where entries come from: their walk is taken as it is. */
export type EntrySource = Pick<Tree, 'walk' | 'open' | 'load'>

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

export interface IncrementalBackupOptions extends FullBackupOptions {
  /** The chain that the set continues, from `repository.head()`. The set begins where it ends. */
  readonly head: ChainHead
  /** Compare owners by their numbers alone; by default names that are known here count first. */
  readonly numericOwner?: boolean
  /** Write no set when nothing has changed. */
  readonly skipIfUnchanged?: boolean
}

export interface BackupResult {
  readonly statistics: BackupStatistics
  /** What was stored; absent when nothing was, because nothing has changed. */
  readonly set?: SetSummary
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
export async function backupFull(options: FullBackupOptions): Promise<BackupResult & { set: SetSummary }> {
  const { statistics, set } = await write(options, options, fullPlan(options))
  return { statistics, set: set! }
}

/**
 * Writes what has changed since a chain's last set as a new set: whole what is new, of changed files the difference, and
 * the word that something is gone. What has changed is decided by metadata, as the real program does it; a file that was
 * only touched costs one reading.
 *
 * Read and told is as in {@link backupFull}; but what cannot be read keeps its archived state. Signatures are compared
 * with their manifests on the way: should they disagree in the archive dir, all begins again with those of the storage;
 * disagree they there too, the set is taken back.
 *
 * @throws RangeError when the set does not begin where the chain ends, or does not end later.
 * @throws BackupError `nothing-to-store` as a full backup does.
 * @throws RepositoryError `bad-signatures` when nothing can be built on the chain.
 * @throws the error of the repository, the storage or the signal.
 */
export async function backupIncremental(options: IncrementalBackupOptions): Promise<BackupResult> {
  requireNext(options)
  const { repository, head, hostname, localDir } = options
  const onSkipped = (notes: FileNotes) => repository.renewKnownFiles(head, { hostname, localDir }, notes)
  const run = () => write({ ...options, onSkipped }, { ...options, ...basisOf(options) }, incrementalPlan(options))
  return withOriginals(run, options)
}

/** What a full backup of the tree would take in, by a walk that reads no content. */
export async function surveyFull(
  options: Pick<FullBackupOptions, 'tree' | 'signal' | 'onEvent'>,
): Promise<BackupStatistics> {
  return survey(options, planFull(options.tree.walk()))
}

/** What an increment would do, by a walk that reads no content: of a changed file the whole size counts as read. */
export async function surveyIncremental(
  options: Pick<
    IncrementalBackupOptions,
    'tree' | 'repository' | 'head' | 'owners' | 'numericOwner' | 'signal' | 'onEvent'
  >,
): Promise<BackupStatistics> {
  return withOriginals(() => survey(options, comparison(options)), options)
}

/** Makes a plan, whole or (`from`) its rest behind what is stored already. */
type MakePlan = (from?: (plan: AsyncIterable<StepBatch>) => AsyncIterable<StepBatch>) => AsyncIterable<StepBatch>

function fullPlan({ tree }: FullBackupOptions): MakePlan {
  return (from) =>
    from === undefined
      ? planFull(tree.walk({ contentUpTo: BLOCK_BYTES }))
      : loadContents(from(planFull(tree.walk())), tree)
}

function incrementalPlan(options: IncrementalBackupOptions): MakePlan {
  const { repository, head, hostname, localDir } = options
  const known = () => repository.knownFiles(head, { hostname, localDir })
  const plan = () => comparison(options, known)
  return (from) => loadContents(from === undefined ? plan() : from(plan()), options.tree)
}

type Compared = Pick<IncrementalBackupOptions, 'tree' | 'repository' | 'head' | 'owners' | 'numericOwner'>

function comparison(
  { tree, repository, head, owners = ownerNames(), numericOwner }: Compared,
  known?: () => Promise<KnownFiles>,
): AsyncIterable<StepBatch> {
  return planIncrement(tree.walk(), repository.state(head), { owners, numeric: numericOwner }, known)
}

function basisOf({ repository, head }: IncrementalBackupOptions): Pick<RunOptions, 'signatureOf'> {
  return { signatureOf: (old) => repository.signatureOf(head, old.path) }
}

function requireNext({ set, head }: IncrementalBackupOptions): void {
  const { times } = set
  const begins = times.type === 'inc' ? times.startSeconds : undefined
  if (begins !== head.chain.endSeconds) {
    const what = begins === undefined ? 'a full set' : `a set from ${begins}`
    throw new RangeError(
      `Cannot continue a chain that ends at ${head.chain.endSeconds} with ${what}: it must begin there`,
    )
  }
  if (times.type === 'inc' && times.endSeconds <= times.startSeconds) {
    throw new RangeError(
      `Cannot write an increment from ${times.startSeconds} to ${times.endSeconds}: it must end later`,
    )
  }
}

/** Again while it shows that a copy in the archive dir is of no use: then the original of that one is read. */
async function withOriginals<T>(
  run: () => Promise<T>,
  { head, onEvent }: Pick<IncrementalBackupOptions, 'head' | 'onEvent'>,
): Promise<T> {
  for (let copies = head.signatures.sets.length; ; copies--) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof RepositoryError && error.retry === 'now') || copies === 0) throw error
      onEvent?.({ type: 'again', message: error.message })
    }
  }
}

async function write(
  options: FullBackupOptions & { skipIfUnchanged?: boolean; onSkipped?: (notes: FileNotes) => Promise<void> },
  runOptions: RunOptions,
  plan: MakePlan,
): Promise<BackupResult> {
  const { repository, hostname, localDir, listFiles = true, skipIfUnchanged = false } = options
  const writer = await repository.createSet(options.set)
  try {
    const notes = writer.noteFiles()
    const onKept = (entry: TreeEntry) => notes?.add(entry)
    const { statistics, first, members } = await begin(writer, { ...runOptions, onKept }, plan)
    const isNew = writer.resumePoint === undefined
    if (skipIfUnchanged && isNew && first.done === true && statistics.deltaEntries === 0) {
      if (notes !== undefined) await options.onSkipped?.(notes)
      await writer.abort(undefined, { keep: false })
      return { statistics }
    }
    await writer.writeVolumes(resumed(first, members))
    await writer.signatures.write(sigTarEnd(writer.signatures.bytes))
    const files = listFiles ? writer.files : new FileList()
    return { statistics, set: await writer.commit({ hostname, localDir, files }) }
  } catch (error) {
    // A source that gives nothing, or the same twice, will do so again.
    await writer.abort(error, { keep: !(error instanceof BackupError) })
    throw error
  }
}

/**
 * Begins the set, or goes on with it, up to the first member: whether anything has changed shows with it, or at the end,
 * before a volume is made; and whether an interrupted set can go on where its last volume ends.
 */
async function begin(writer: SetWriter, options: RunOptions, plan: MakePlan) {
  for (let point = writer.resumePoint; ; point = writer.goBack()) {
    const run = new BackupRun(options)
    const { statistics } = run
    const from = point
    const steps = from === undefined ? plan() : plan((all) => behind(all, from, (step) => run.stored(step)))
    const members = run.members(steps, from)
    try {
      const first = await members.next()
      if (from !== undefined) options.onEvent?.({ type: 'resumed', ...placeOf(from) })
      return { statistics, first, members }
    } catch (error) {
      if (!(error instanceof SplitFileChanged) || from === undefined) throw error
      options.onEvent?.({ type: 'split-file-changed', path: from.path })
    }
  }
}

function placeOf({ volumes, path, block }: ResumePoint): Pick<ResumePoint, 'volumes' | 'path' | 'block'> {
  return { volumes, path, block }
}

/** All of a generator of which the first value was taken. */
async function* resumed<T>(
  first: IteratorResult<T, void>,
  rest: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  try {
    if (first.done !== true) {
      yield first.value
      yield* rest
    }
  } finally {
    await rest.return()
  }
}

async function survey(options: RunOptions, plan: AsyncIterable<StepBatch>): Promise<BackupStatistics> {
  const run = new BackupRun(options)
  await run.survey(plan)
  return run.statistics
}
