import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { backupFull, type BackupEvent, type BackupResult, surveyFull } from '@coalmine/archiver'
import { displayPath, joinPath, type RawPath, rawFromText } from '@coalmine/bytes'
import { chooseFiles, type Choice, openSource, type OpenSource } from '../choice.ts'
import { CommandError, exitCode } from '../exit-codes.ts'
import { hasRecipients } from '../keys.ts'
import { code, type Log, quotePath } from '../log.ts'
import { Progress } from '../progress.ts'
import { type Context, localPath, Session } from '../session.ts'
import { canonicalSource, openableSource } from '../source.ts'
import { formatStatistics } from '../statistics-text.ts'

/** `full`, and `backup` when there is nothing yet: writes a full set of the source. */
export async function full([source, url]: readonly RawPath[], context: Context, implied: boolean): Promise<void> {
  const { settings, signal } = context
  const root = canonicalSource(localPath(source!))
  const folder = openableSource(root)
  const choice = await chooseFiles(root, folder, settings)
  const session = await Session.open(url!, context, { write: true })
  try {
    const { chains } = await session.collect(context)
    if (implied && chains.length > 0) {
      throw new CommandError(
        exitCode.unbuilt,
        'Cannot back up: the next backup of this chain is an incremental one, which is not built yet; say "full" for a new full one',
      )
    }
    // With public keys there is no passphrase that could be another one, and often no secret key to look with.
    if (!settings.flag('no-encryption') && !hasRecipients(settings)) await session.repository.checkPassphrase()
    const times = chains.flatMap((chain) => chain.sets.map((set) => set.endSeconds))
    const timeSeconds = await freeTime(Math.max(0, ...times), context)
    const opened = await openSource(folder, choice, signal)
    try {
      await write(session, opened, choice, timeSeconds, context)
    } finally {
      await opened.close()
    }
  } finally {
    await session.close()
  }
}

async function write(
  session: Session,
  { tree, warnings }: OpenSource,
  choice: Choice,
  timeSeconds: number,
  context: Context,
): Promise<void> {
  const { settings, log, signal } = context
  const { root } = choice
  const startMs = Date.now()
  const dryRun = settings.flag('dry-run')
  const showProgress = settings.flag('progress')
  const total = showProgress && !dryRun ? await totalBytes(choice, signal) : 0
  const progress = showProgress ? new Progress(log, total, settings.integer('progress-rate') ?? 3) : undefined
  const onEvent = (event: BackupEvent) => {
    if (event.type === 'progress') session.readSoFar(event.bytes)
    tell(event, root, log, progress)
  }
  let result: BackupResult
  if (dryRun) {
    result = {
      statistics: await surveyFull({ tree, signal, onEvent }),
      set: { volumes: 0, volumeBytes: 0, storedBytes: 0 },
    }
  } else {
    const maxBlock = settings.integer('max-blocksize')
    result = await backupFull({
      tree,
      repository: session.repository,
      set: {
        times: { type: 'full', timeSeconds },
        volumeBytes: (settings.integer('volsize') ?? 200) * 1_048_576,
        parallel: settings.integer('concurrency') || undefined,
      },
      hostname: rawFromText(hostname()),
      localDir: root,
      signatures: {
        rule: settings.compat === '0.8' ? '0.8' : '3.0.3',
        maxBlockBytes: maxBlock === 0 ? undefined : maxBlock,
      },
      listFiles: !settings.flag('no-files-changed'),
      signal,
      onEvent,
    })
  }
  progress?.end(result.statistics.rawDeltaSize)
  // Nothing that a nightly mail should repeat.
  for (const { message } of warnings())
    if (dryRun) log.warning(message)
    else log.info(message)
  if (settings.flag('no-print-statistics')) return
  const frame = { startMs, endMs: Date.now(), destinationBytes: result.set.volumeBytes }
  log.always('notice', formatStatistics(result.statistics, frame))
}

/** The time of the new set, later than the last one's: names and restore times are whole seconds. */
async function freeTime(lastSeconds: number, { settings, signal }: Context): Promise<number> {
  if (settings.integer('current-time') !== undefined) return settings.nowSeconds
  for (let waits = 0; ; waits++) {
    const now = Math.floor(Date.now() / 1000)
    if (now > lastSeconds) return now
    if (waits === 3) {
      const ahead = lastSeconds - now
      throw new CommandError(
        exitCode.user,
        `Cannot begin a set: the last one is ${ahead} seconds in the future; is the clock of this machine wrong?`,
      )
    }
    await sleep(1000, undefined, { signal })
  }
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

function tell(event: BackupEvent, root: RawPath, log: Log, progress: Progress | undefined): void {
  // Of what is not in the backup the real program records the path under which it met it.
  const whole = (path: RawPath) => (path === '' ? root : joinPath(root, path))
  const named = (path: RawPath) => displayPath(whole(path))
  switch (event.type) {
    case 'new':
      if (log.shows('info')) {
        log.info(`A ${displayPath(event.path)}`, { code: code.newFile, extra: quotePath(event.path) })
      }
      return
    case 'socket-skipped':
      return log.info(`Skipping socket ${named(event.path)}`, {
        code: code.socketSkipped,
        extra: quotePath(whole(event.path)),
      })
    case 'unreadable': {
      const what = event.cut ? 'stored only as far as it could be read' : 'left out'
      return log.warning(`Error reading ${named(event.path)}, ${what}: ${event.message}`, {
        code: code.cannotRead,
        extra: quotePath(whole(event.path)),
      })
    }
    case 'unlisted':
      return log.warning(`Error listing directory ${named(event.path)}, stored without content: ${event.message}`, {
        code: code.cannotRead,
        extra: quotePath(whole(event.path)),
      })
    case 'time-before-1970':
      return log.warning(`${named(event.path)} was changed before 1970 by its time stamp: stored as 1970`)
    case 'progress':
      return progress?.update(event.bytes)
  }
}
