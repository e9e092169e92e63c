import { displayPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import {
  type Collection,
  formatPretty,
  mergeSigTars,
  readSigTar,
  type SigTarEntry,
  signaturesForTime,
} from '@coalmine/volume-format'
import { CommandError, exitCode } from '../exit-codes.ts'
import { jsonLine, metaFields, nameFields } from '../json.ts'
import { code, type Log, quotePath } from '../log.ts'
import { type Context, Session } from '../session.ts'
import { kindName } from './restore.ts'

/** `list-current-files`: what the backup of a time holds, from the signatures alone. */
export async function list([url]: readonly RawPath[], context: Context): Promise<void> {
  const { settings, log, signal } = context
  const session = await Session.open(url!, context, { write: false })
  try {
    const collection = await session.collect(context)
    const timeSeconds = settings.time('restore-time') ?? settings.nowSeconds
    const chosen = signaturesForTime(collection, timeSeconds)
    if (chosen === undefined) throw nothingToList(collection, timeSeconds)
    const print = settings.flag('json') ? printJson : process.stdout.isTTY ? printEscaped : printRaw
    await session.repository.sync({ signatures: chosen.sets })
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

function nothingToList(collection: Collection, timeSeconds: number): CommandError {
  const { chains, signatureChains } = collection
  const first = signatureChains.map((chain) => chain.startSeconds).sort((a, b) => a - b)[0]
  if (first === undefined) {
    const lack = chains.length === 0 ? 'no backup' : 'no signatures of its backups, from which listings are made'
    return new CommandError(exitCode.exception, `Cannot list: the storage holds ${lack}`, { name: 'CollectionsError' })
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

/** For programs: an object a line. */
function printJson(entry: SigTarEntry, log: Log): void {
  log.data(jsonLine({ ...nameFields('path', entry.path), ...metaFields(entry) }))
}

// What dates reach, in seconds. File systems and archives hold more.
const farthestSeconds = 8.64e12

function timeOf({ meta }: SigTarEntry): string {
  return prettyTime(meta!.mtimeSeconds)
}

/** A time of a file, as listings print it. */
export function prettyTime(mtimeSeconds: number): string {
  return Math.abs(mtimeSeconds) <= farthestSeconds ? formatPretty(mtimeSeconds) : `@${mtimeSeconds}`
}

function recordOf({ path, meta }: SigTarEntry) {
  const { mtimeSeconds, kind } = meta!
  return { code: code.fileList, extra: () => `${recordTime(mtimeSeconds)} ${quotePath(path)} ${kindName(kind)}` }
}

/** A time as names of sets carry it, but of any year: files may be of 2106. */
function recordTime(seconds: number): string {
  if (Math.abs(seconds) > farthestSeconds) return `@${seconds}`
  const [date = '', clock = ''] = new Date(seconds * 1000).toISOString().split('T')
  const year = Number(date.slice(0, -6))
  return `${year}${date.slice(-5).replace('-', '')}T${clock.slice(0, 8).replaceAll(':', '')}Z`
}
