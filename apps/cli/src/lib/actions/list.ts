import { displayPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import {
  firstSeconds,
  formatPretty,
  formatTime,
  mergeSigTars,
  readSigTar,
  type SigTarEntry,
  signaturesForTime,
} from '@coalmine/volume-format'
import { CommandError, exitCode } from '../exit-codes.ts'
import { code, type Log, quotePath } from '../log.ts'
import { type Context, Session } from '../session.ts'
import { kindName } from './restore.ts'

/** `list-current-files`: what the backup of a time holds, from the signatures alone. */
export async function list([url]: readonly RawPath[], context: Context): Promise<void> {
  const { settings, log, signal } = context
  const session = await Session.open(url!, context, { write: false })
  try {
    const collection = await session.collect(log)
    const timeSeconds = settings.time('restore-time') ?? settings.nowSeconds
    const chosen = signaturesForTime(collection, timeSeconds)
    if (chosen === undefined) throw nothingToList(firstSeconds(collection), timeSeconds)
    const print = process.stdout.isTTY ? printEscaped : printRaw
    const readers = chosen.sets.map((set) => readSigTar(session.repository.signatures(set)))
    for await (const entries of mergeSigTars(readers)) {
      signal.throwIfAborted()
      for (const entry of entries) print(entry, log)
      await log.drained()
      if (log.outputGone) return
    }
  } finally {
    await session.close()
  }
}

function nothingToList(first: number | undefined, timeSeconds: number): CommandError {
  if (first === undefined) {
    return new CommandError(exitCode.exception, 'Cannot list: the storage holds no backup', {
      name: 'CollectionsError',
    })
  }
  return new CommandError(
    exitCode.nothingToRestore,
    `Cannot list the state of ${formatPretty(timeSeconds)}: the first backup is of ${formatPretty(first)}`,
  )
}

/** To a terminal: names cannot move the cursor or hide behind colours. */
function printEscaped(entry: SigTarEntry, log: Log): void {
  log.always('info', `${timeOf(entry)} ${displayPath(entry.path)}`, recordOf(entry))
}

/** To a pipe or file: names byte by byte. */
function printRaw(entry: SigTarEntry, log: Log): void {
  const name = entry.path === '' ? Buffer.from('.') : rawToBytes(entry.path)
  log.raw(Buffer.concat([Buffer.from(`${timeOf(entry)} `), name, Buffer.from('\n')]), recordOf(entry))
}

function timeOf(entry: SigTarEntry): string {
  return formatPretty(entry.meta!.mtimeSeconds)
}

function recordOf({ path, meta }: SigTarEntry) {
  const { mtimeSeconds, kind } = meta!
  return { code: code.fileList, extra: () => `${formatTime(mtimeSeconds)} ${quotePath(path)} ${kindName(kind)}` }
}
