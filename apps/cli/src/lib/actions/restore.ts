import { readdirSync } from 'node:fs'
import { displayPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import { createTreeWriter, openTree, openTreeWriter, ownerNames, type WriteProblem } from '@coalmine/filetree'
import { planRestore, restore as restoreSets, type RestoreEvent, type Standing } from '@coalmine/restorer'
import { type Collection, firstSeconds, formatPretty, setsForTime, type SetsForTime } from '@coalmine/volume-format'
import { CommandError, type ExitCode, exitCode } from '../exit-codes.ts'
import { withHint } from '../failures.ts'
import { code, type Log, quotePath } from '../log.ts'
import { Progress } from '../progress.ts'
import { isMark, isUnfinished, marking, readMark, removeUnfinished, type RestoreMark } from '../restore-marker.ts'
import { Renames, renaming } from '../renames.ts'
import { type Context, localPath, Session } from '../session.ts'
import { oneLine } from '../visible.ts'
import { counted } from '../counted.ts'

const kindNames: Readonly<Record<string, string>> = {
  file: 'reg',
  directory: 'dir',
  symlink: 'sym',
  fifo: 'fifo',
  'character-device': 'chr',
  'block-device': 'blk',
}

/** The real program's word for a kind of entry. */
export function kindName(kind: string): string {
  return kindNames[kind] ?? kind
}

/** `restore`: writes the state at a time into a folder (or one file to a name). */
export async function restore([url, operand]: readonly RawPath[], context: Context): Promise<ExitCode | void> {
  const { settings, log } = context
  const target = localPath(operand!)
  const renames = new Renames(settings)
  if (settings.flag('ignore-errors')) {
    log.warning(
      "Running in 'ignore errors' mode due to --ignore-errors: what is damaged is left out; please reconsider if this was not intended",
    )
  }
  const isForced = settings.flag('force') || settings.flag('dry-run')
  // With other names nothing is gone on with: what is there is not what it would be compared with.
  const begun = isForced || !renames.isEmpty ? undefined : readMark(rawToBytes(target))
  requireEmpty(target, isForced || begun !== undefined)
  const session = await Session.open(url!, context, { write: false })
  try {
    const collection = await session.collect(context)
    const chosen = chooseSets(collection, settings.time('restore-time') ?? settings.nowSeconds)
    // 0.8 strips slashes at both ends; so does every shell's completion add one.
    const path = (settings.raw('path-to-restore') ?? '').replace(/^\/+|\/+$/g, '') as RawPath
    if (settings.flag('dry-run')) await tellPlan(session, chosen, path, context)
    else {
      const mark = { url: session.storage.info.display, setSeconds: chosen.sets.at(-1)!.endSeconds, path }
      if (begun !== undefined) goOn(begun, mark, target, log)
      return await write(
        {
          session,
          chosen,
          mark,
          renames,
          target,
          overwrite: settings.flag('force') || begun !== undefined,
          goesOn: begun !== undefined,
        },
        context,
      )
    }
  } finally {
    await session.close()
  }
}

/** @throws CommandError unless the unfinished restore in the target is the one that is asked for. */
function goOn(begun: RestoreMark, asked: RestoreMark, target: RawPath, log: Log): void {
  const isSame = begun.url === asked.url && begun.setSeconds === asked.setSeconds && begun.path === asked.path
  if (isSame) {
    log.notice(`Going on with the unfinished restore in ${displayPath(target)}`)
    return removeUnfinished(rawToBytes(target))
  }
  const what = `${displayPath(begun.path)} of the backup of ${formatPretty(begun.setSeconds)}, from ${oneLine(begun.url)}`
  throw new CommandError(
    exitCode.restoreTargetExists,
    `Cannot restore into "${displayPath(target)}": an unfinished restore of something else is there (${what}); --force replaces files`,
  )
}

interface Writing {
  readonly session: Session
  readonly chosen: SetsForTime
  readonly mark: RestoreMark
  readonly renames: Renames
  readonly target: RawPath
  /** Replace what is there. */
  readonly overwrite: boolean
  /** An unfinished restore of the same goes on. */
  readonly goesOn: boolean
}

async function write(
  { session, chosen, mark, renames, target, overwrite, goesOn }: Writing,
  context: Context,
): Promise<ExitCode> {
  const { settings, log, signal } = context
  let problems = 0
  let missing = 0
  const ownership = settings.flag('no-restore-ownership')
    ? 'none'
    : settings.flag('numeric-owner')
      ? 'numeric'
      : 'by-name'
  const onProblem = (problem: WriteProblem) => {
    if (isMark(problem.path)) return
    problems += 1
    if (!problem.written) missing += 1
    tellProblem(problem, log)
  }
  const writing = { ownership, overwrite, onProblem } as const
  const isMuch = mark.path === '' && volumeBytes(chosen) >= muchBytes
  const inner = isMuch
    ? await openTreeWriter(rawToBytes(target), writing)
    : createTreeWriter(rawToBytes(target), writing)
  const writer = renames.isEmpty ? marking(inner, rawToBytes(target), mark) : renaming(inner, renames)
  // How much there is to write, nothing but the volumes themselves knows.
  const rate = settings.integer('progress-rate') ?? 3
  const progress = settings.flag('progress') ? new Progress(log, undefined, rate) : undefined
  let standing: Standing | undefined
  try {
    if (goesOn) standing = await standingIn(target, context)
    const onEvent = (event: RestoreEvent) => tell(event, log, progress)
    const { repository } = session
    const summary = await restoreSets({
      repository,
      sets: chosen.sets,
      path: mark.path,
      writer,
      specialFiles: !settings.flag('no-special-files'),
      keepGoing: settings.flag('keep-going') || settings.flag('ignore-errors'),
      standing,
      signal,
      onEvent,
    })
    if (summary.kept > 0) {
      const spared = summary.spared === 0 ? '' : `; ${counted(summary.spared, 'volume')} less to fetch`
      log.notice(`${counted(summary.kept, 'file')} of the unfinished restore stayed as restored${spared}`)
    }
    progress?.end(summary.bytes)
    for (const from of renames.unused) {
      log.warning(`Nothing was renamed by --rename ${displayPath(from)}: nothing of that name is restored`)
    }
    if (problems + summary.incomplete > 0) {
      log.warning(`${leftOut(problems + summary.incomplete)}; see above`)
    }
    if (summary.lost > 0) log.warning(`${counted(summary.lost, 'object')} of the backup could not be read; see above`)
    // An owner or a time that cannot be set costs no content; what is not there, or not whole, does.
    return missing + summary.incomplete + summary.lost > 0 ? exitCode.damaged : exitCode.ok
  } catch (error) {
    throw isDamage(error)
      ? withHint(error, '"restore --keep-going" gets everything else, and says what is lost')
      : error
  } finally {
    await standing?.tree.close()
    await writer.close()
  }
}

/** From here on a thread of its own for writing is worth its start. */
const muchBytes = 8 * 1_048_576

function volumeBytes({ sets }: SetsForTime): number {
  const sizes = sets.flatMap((set) => [...set.volumes.values()].map(({ size }) => size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** What is in the target, and whose it would be. */
async function standingIn(target: RawPath, { settings, signal }: Context): Promise<Standing> {
  const tree = await openTree(rawToBytes(target), { signal })
  if (settings.flag('numeric-owner') && !settings.flag('no-restore-ownership')) return { tree }
  if (!settings.flag('no-restore-ownership')) return { tree, owners: ownerNames() }
  const [uid, gid] = [() => process.geteuid?.(), () => process.getegid?.()]
  return { tree, owners: { ...ownerNames({ ask: false }), uid, gid } }
}

function leftOut(count: number): string {
  return count === 1 ? '1 entry could not be restored as it was' : `${count} entries could not be restored as they were`
}

/** Whether one object of the backup is to blame: others may be restored. */
function isDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const what = `${error.name} ${'code' in error ? String(error.code) : ''}`
  return damages.has(what) || error.name === 'FormatError'
}

const damages: ReadonlySet<string> = new Set([
  'RepositoryError hash-mismatch',
  'RepositoryError missing-volume',
  'RepositoryError unreadable',
  'RestoreError damaged',
  'StorageError not-found',
])

/** @throws CommandError when nothing had been backed up by then. */
export function chooseSets(
  collection: Collection,
  timeSeconds: number,
  action: 'restore' | 'verify' | 'compare' = 'restore',
): SetsForTime {
  const chosen = setsForTime(collection, timeSeconds)
  if (chosen !== undefined) return chosen
  const first = firstSeconds(collection)
  if (first === undefined) {
    throw new CommandError(exitCode.exception, `Cannot ${action}: the storage holds no backup`, {
      name: 'CollectionsError',
    })
  }
  throw new CommandError(
    exitCode.nothingToRestore,
    `Cannot ${action} the state of ${formatPretty(timeSeconds)}: the first backup is of ${formatPretty(first)}`,
  )
}

/** Says which volumes would be read, and how much that is. @throws CommandError when one of them is not there. */
async function tellPlan(
  session: Session,
  { sets }: SetsForTime,
  path: RawPath,
  { log, signal }: Context,
): Promise<void> {
  const { volumes, bytes } = await planRestore({ repository: session.repository, sets, path, signal })
  const lines = volumes.map(({ set, number, key }) => {
    const which = `volume ${number} of ${oneLine(set.manifest!.key)}, which is missing`
    return `\t${key === undefined ? which : oneLine(key)}`
  })
  log.always('notice', ['Required volumes to restore:', ...lines].join('\n'))
  const backups = new Set(volumes.map(({ set }) => set)).size
  log.always(
    'notice',
    `${counted(volumes.length, 'volume')} of ${counted(bytes, 'byte')}, from ${backups} of ${counted(sets.length, 'backup')}`,
  )
  const missing = volumes.filter(({ key }) => key === undefined).length
  if (missing > 0)
    throw new CommandError(exitCode.exception, `Cannot restore everything: ${missing} of the volumes are missing`)
}

/** @throws CommandError when the target holds anything, unless forced. */
function requireEmpty(target: RawPath, forced: boolean): void {
  if (forced) return
  let names: readonly string[]
  try {
    names = readdirSync(rawToBytes(target))
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    if (reason === 'ENOENT') return
    const what = reason === 'ENOTDIR' ? 'there is a file of that name; --force replaces it' : reason
    throw new CommandError(exitCode.restoreTargetExists, `Cannot restore into "${displayPath(target)}": ${what}`)
  }
  if (names.every(isUnfinished)) return removeUnfinished(rawToBytes(target))
  throw new CommandError(
    exitCode.restoreTargetExists,
    `Cannot restore into "${displayPath(target)}": it is not empty; --force restores into it and replaces files`,
  )
}

function tell(event: RestoreEvent, log: Log, progress: Progress | undefined): void {
  switch (event.type) {
    case 'entry':
      if (event.path !== '' && log.shows('info')) {
        const kind = kindName(event.kind)
        const extra = `${quotePath(event.path)} ${kind}`
        log.info(`Writing ${displayPath(event.path)} of type ${kind}`, { code: code.writing, extra })
      }
      return
    case 'volume':
      return log.info(`Processed volume ${event.done} of ${event.total}`, {
        code: code.progress,
        extra: `${event.done} ${event.total}`,
      })
    case 'lost':
      return log.warning(`Cannot be read, and is passed over: ${oneLine(event.key)}: ${oneLine(event.message)}`)
    case 'special-left-out':
      return log.info(`Leaving out ${displayPath(event.path)} of type ${kindName(event.kind)}`)
    case 'incomplete':
      return log.warning(`Error restoring ${displayPath(event.path)}, left out: ${oneLine(event.message)}`, {
        code: code.cannotProcess,
        extra: quotePath(event.path),
      })
    case 'progress':
      return progress?.update(event.bytes)
  }
}

function tellProblem(problem: WriteProblem, log: Log): void {
  log.warning(`Error restoring ${displayPath(problem.path)}: ${oneLine(problem.message)}`, {
    code: code.cannotProcess,
    extra: quotePath(problem.path),
  })
}
