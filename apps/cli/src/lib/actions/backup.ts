import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  backupFull,
  type BackupEvent,
  backupIncremental,
  type BackupResult,
  type FullBackupOptions,
  surveyFull,
  surveyIncremental,
} from '@coalmine/archiver'
import { type RawPath, rawFromText } from '@coalmine/bytes'
import { type ChainHead, type Interrupted, RepositoryError } from '@coalmine/repository'
import type { Collection } from '@coalmine/volume-format'
import { tellBackup } from '../backup-events.ts'
import { type Choice, chooseFiles, openSource } from '../choice.ts'
import { CommandError, exitCode } from '../exit-codes.ts'
import { withHint } from '../failures.ts'
import { conditionsOf, goesOn } from '../going-on.ts'
import { hasRecipients } from '../keys.ts'
import { Progress } from '../progress.ts'
import { hasAccount, requireRoom } from '../room.ts'
import { type Context, localPath, Session } from '../session.ts'
import { canonicalSource, openableSource, requireSameSource } from '../source.ts'
import { statisticsJson } from '../statistics-object.ts'
import { oneLine } from '../visible.ts'
import { formatStatistics, type StatisticsFrame } from '../statistics-text.ts'

/** What was asked for; `backup` is an increment where there is a chain for it. */
export type Wanted = 'full' | 'incremental' | 'backup'

/** `full`, `incremental` and `backup`: writes a set of the source. */
export async function backup([source, url]: readonly RawPath[], context: Context, wanted: Wanted): Promise<void> {
  const { settings } = context
  const root = canonicalSource(localPath(source!))
  const choice = await chooseFiles(root, openableSource(root), settings)
  const session = await Session.open(url!, context, { write: true })
  try {
    const collection = await session.collect(context)
    if (!settings.flag('dry-run')) await session.repository.compareCopies()
    const asked = isFullDue(collection, wanted, context) ? 'full' : wanted
    // With public keys there is no passphrase that could be another one, and often no secret key to look with.
    if (!settings.flag('no-encryption') && !hasRecipients(settings)) await session.repository.checkPassphrase()
    const conditions = conditionsOf(choice, settings)
    const interrupted = settings.flag('dry-run')
      ? undefined
      : await goesOn(session.repository, { full: asked === 'full', conditions }, context.log)
    const action = interrupted?.times.type === 'full' ? 'full' : asked
    const head = action === 'full' ? undefined : await headFor(session, action, context)
    if (head !== undefined) await checkSource(session, head, root, context)
    const times = collection.chains.flatMap((chain) => chain.sets.map((set) => set.endSeconds))
    const last = Math.max(0, ...times)
    const timeSeconds = timeOf(interrupted) ?? (await freeTime({ last, collection }, head, context))
    const resume = interrupted !== undefined
    await write({ session, choice, head, timeSeconds, last, collection, resume, conditions, action, context })
  } finally {
    await session.close()
  }
}

interface Work {
  readonly session: Session
  readonly choice: Choice
  readonly head: ChainHead | undefined
  readonly timeSeconds: number
  /** When the newest set ended. */
  readonly last: number
  readonly collection: Collection
  /** Whether an interrupted set goes on. */
  readonly resume: boolean
  readonly conditions: Readonly<Record<string, string>>
  readonly action: Wanted
  readonly context: Context
}

/** Whether the options want a full set where an increment was asked for, or could be made. */
function isFullDue(collection: Collection, wanted: Wanted, { settings, log }: Context): boolean {
  if (wanted === 'full') return true
  const oldest = settings.time('full-if-older-than')
  const lastFull = Math.max(0, ...collection.chains.map((chain) => chain.startSeconds))
  if (oldest !== undefined && lastFull < oldest) {
    log.notice('Last full backup is too old, forcing full backup')
    return true
  }
  const most = settings.integer('full-if-n-inc')
  const increments = collection.chains.at(-1)?.incs.length ?? 0
  if (most !== undefined && increments >= most) {
    log.notice(`Last full backup has ${increments} increments, forcing full backup`)
    return true
  }
  return false
}

/** The chain to continue. Without one an implied increment becomes a full set. */
async function headFor(session: Session, action: Wanted, { log }: Context): Promise<ChainHead | undefined> {
  const head = await session.repository.head()
  if (head !== undefined) return head
  if (action === 'incremental') {
    throw new CommandError(
      exitCode.incrementWithoutSignatures,
      'Fatal Error: Unable to start incremental backup.  Old signatures not found and incremental specified',
    )
  }
  log.warning('No signatures found, switching to full backup.')
  return undefined
}

/** @throws CommandError when the chain is of another machine or folder, unless that is allowed. */
async function checkSource(
  session: Session,
  { chain }: ChainHead,
  root: RawPath,
  { settings }: Context,
): Promise<void> {
  const { repository } = session
  const last = chain.sets.at(-1)!
  // Who has the public key alone cannot look at what is stored: then the copy in the archive dir has to do.
  const manifest = hasRecipients(settings)
    ? await repository.manifest(last, { files: false })
    : await repository.originalManifest(last)
  if (!settings.flag('allow-source-mismatch')) await requireSameSource(manifest, root)
}

async function write(work: Work): Promise<void> {
  const { session, choice, head, action, context } = work
  const { settings, log, signal } = context
  const { root } = choice
  const { tree, warnings, close } = await openSource(openableSource(root), choice, signal)
  const startMs = Date.now()
  const isDry = settings.flag('dry-run')
  const showsProgress = settings.flag('progress')
  // Of a set that goes on a part is there already.
  const looksAhead = !work.resume && !isDry && hasAccount(session.storage)
  const total = (showsProgress && !isDry) || looksAhead ? await totalBytes(choice, signal) : 0
  const progress = showsProgress ? new Progress(log, total, settings.integer('progress-rate') ?? 3) : undefined
  let bytes = 0
  const onEvent = (event: BackupEvent) => {
    if (event.type === 'progress') session.readSoFar((bytes = event.bytes))
    tellBackup(event, root, log, progress)
  }
  let result: BackupResult
  try {
    const numericOwner = settings.flag('numeric-owner')
    if (looksAhead) await requireRoom(session.storage, total, context, head && (() => incrementBytes(work, head)))
    const common = { tree, repository: session.repository, signal, onEvent }
    if (isDry) {
      const statistics =
        head === undefined ? await surveyFull(common) : await surveyIncremental({ ...common, head, numericOwner })
      result = { statistics, set: undefined }
    } else {
      const options = { ...common, ...setOptions(work) }
      const skipIfUnchanged = settings.flag('skip-if-no-change')
      result =
        head === undefined
          ? await backupFull(options)
          : await backupIncremental({ ...options, head, numericOwner, skipIfUnchanged })
    }
  } catch (error) {
    if (!(error instanceof RepositoryError && error.code === 'bad-signatures')) throw error
    if (action === 'incremental') {
      const refused = new CommandError(exitCode.incrementWithoutSignatures, error.message, { cause: error })
      throw withHint(refused, '"full" begins a new chain; what is stored can be restored as before')
    }
    log.warning(`${error.message}. Switching to full backup`)
    const timeSeconds = await freeTime(work, undefined, context)
    return await write({ ...work, head: undefined, resume: false, timeSeconds })
  } finally {
    await close()
  }
  progress?.end(bytes)
  // Nothing that a nightly mail should repeat.
  for (const { message } of warnings()) {
    if (isDry) log.warning(message)
    else log.info(message)
  }
  if (!isDry && result.set === undefined) {
    log.notice('Skipped volume upload, as effectivly nothing has changed')
  }
  const frame = { startMs, endMs: Date.now(), destinationBytes: result.set?.volumeBytes ?? 0 }
  if (settings.flag('jsonstat')) await tellJson(work, result, frame)
  if (settings.flag('no-print-statistics')) return
  log.always('notice', formatStatistics(result.statistics, frame))
}

/** Statistics for programs: printed, and stored beside the set, which is complete without them. */
async function tellJson(work: Work, { statistics, set }: BackupResult, frame: StatisticsFrame): Promise<void> {
  const { session, choice, head, timeSeconds, context } = work
  const { settings, log } = context
  const isDry = settings.flag('dry-run')
  const text = statisticsJson(statistics, frame, {
    ...{ head, timeSeconds, source: choice.root, prefixes: settings.prefixes },
    skipped: !isDry && set === undefined,
    concurrency: settings.integer('concurrency') ?? 0,
    target: session.storage.info.display,
  })
  log.always('notice', text)
  if (set === undefined) return
  try {
    await session.repository.storeStatistics(setOptions(work).set.times, Buffer.from(text))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    log.warning(`The backup is complete, but its statistics are not stored: ${oneLine(reason)}`)
  }
}

/** The set to be written, as the options want it. */
function setOptions({
  choice,
  head,
  timeSeconds,
  resume,
  conditions,
  context: { settings },
}: Work): Pick<FullBackupOptions, 'set' | 'hostname' | 'localDir' | 'signatures' | 'listFiles'> {
  const maxBlock = settings.integer('max-blocksize')
  return {
    set: {
      times:
        head === undefined
          ? { type: 'full', timeSeconds }
          : { type: 'inc', startSeconds: head.chain.endSeconds, endSeconds: timeSeconds },
      volumeBytes: (settings.integer('volsize') ?? 200) * 1_048_576,
      parallel: settings.integer('concurrency') || undefined,
      resume,
      conditions,
      // With keys it might take a card or an agent, and who may go on with the set may be unable to read it.
      probe: !settings.flag('no-encryption') && !hasRecipients(settings),
    },
    hostname: rawFromText(hostname()),
    localDir: choice.root,
    signatures: {
      rule: settings.compat === '0.8' ? '0.8' : '3.0.3',
      maxBlockBytes: maxBlock === 0 ? undefined : maxBlock,
    },
    listFiles: !settings.flag('no-files-changed'),
  }
}

function timeOf(interrupted: Interrupted | undefined): number | undefined {
  const times = interrupted?.times
  return times?.type === 'full' ? times.timeSeconds : times?.endSeconds
}

/** The time of the new set, later than the last one's: names and restore times are whole seconds. */
async function freeTime(
  { last: lastSeconds, collection }: Pick<Work, 'last' | 'collection'>,
  head: ChainHead | undefined,
  { settings, signal }: Context,
): Promise<number> {
  // A time that was asked for is taken, but never for an increment that would end before it begins.
  if (settings.integer('current-time') !== undefined) {
    if (head !== undefined && settings.nowSeconds <= lastSeconds) throw tooEarly(lastSeconds - settings.nowSeconds)
    return settings.nowSeconds
  }
  const { incompleteSets, orphanedSets, replacedSets } = collection
  for (let waits = 0; ; waits++) {
    const now = Math.floor(Date.now() / 1000)
    // Nor that of a set that was never complete: its volumes would be taken for those of the new one.
    const isTaken = [...incompleteSets, ...orphanedSets, ...replacedSets].some(({ endSeconds }) => endSeconds === now)
    if (now > lastSeconds && !isTaken) return now
    if (waits === 3) throw tooEarly(lastSeconds - now)
    await sleep(1000, undefined, { signal })
  }
}

function tooEarly(aheadSeconds: number): CommandError {
  const ahead = `the last one is ${aheadSeconds} seconds in the future`
  return new CommandError(exitCode.user, `Cannot begin a set: ${ahead}; is the clock of this machine wrong?`)
}

/** Bytes of all files, for the share that is done; a walk that reads no content. */
async function totalBytes(choice: Choice, signal: AbortSignal): Promise<number> {
  const { tree, close } = await openSource(openableSource(choice.root), choice, signal)
  let bytes = 0
  try {
    for await (const { entries } of tree.walk()) {
      for (const entry of entries) if (entry.kind === 'file') bytes += entry.size
    }
    return bytes
  } finally {
    await close()
  }
}

/** Sizes of the files that an increment takes in, new and changed: a walk that reads no content, beside the signatures. */
async function incrementBytes({ session, choice, context }: Work, head: ChainHead): Promise<number> {
  const { settings, signal } = context
  const { tree, close } = await openSource(openableSource(choice.root), choice, signal)
  try {
    const numericOwner = settings.flag('numeric-owner')
    const survey = await surveyIncremental({ tree, repository: session.repository, head, numericOwner, signal })
    return survey.newFileSize + survey.changedFileSize
  } finally {
    await close()
  }
}
