import { displayPath, type RawPath } from '@coalmine/bytes'
import {
  createNamePattern,
  type DatedSet,
  datedSets,
  type PathDifference,
  type PathVersions,
  type Version,
} from '@coalmine/repository'
import { type Collection, formatPretty, parseTimeString, type SigTarEntry, TimeError } from '@coalmine/volume-format'
import { CommandError, exitCode, UsageError } from '../exit-codes.ts'
import { jsonLine, metaFields, nameFields } from '../json.ts'
import type { Log } from '../log.ts'
import { textOf } from '../parse-arguments.ts'
import { type Context, Session } from '../session.ts'
import { prettyTime } from './list.ts'
import { chooseSets, kindName } from './restore.ts'

/** `find`: every version of the paths that match a pattern. */
export async function find([pattern, url]: readonly RawPath[], context: Context): Promise<void> {
  const matches = createNamePattern(pattern!)
  const found = await tellVersions(url!, matches, context, ({ path }, version) => {
    return `${formatPretty(version.set.seconds)}  ${version.change.padEnd(7)}  ${displayPath(path)}`
  })
  if (found === 0) context.log.notice(`Nothing in the backups matches "${displayPath(pattern!)}"`)
}

/** `versions`: every version of one path. */
export async function versions([operand, url]: readonly RawPath[], context: Context): Promise<void> {
  const wanted = operand!.replace(/^\/+|\/+$/g, '')
  const path = (wanted === '.' ? '' : wanted) as RawPath
  const found = await tellVersions(
    url!,
    (one) => one === path,
    context,
    (_, { set, change, aspects, entry }) => {
      const what = aspects.length === 0 ? change : `${change} (${aspects.join(', ')})`
      return `${formatPretty(set.seconds)}  ${what}${entry === undefined ? '' : `: ${describe(entry)}`}`
    },
  )
  if (found > 0) return
  const message = `Cannot list versions of "${displayPath(path)}": it is in no backup whose signatures are there`
  throw new CommandError(exitCode.notInArchive, message)
}

/** `diff`: what differs between the states at two times. */
export async function diff([from, to, url]: readonly RawPath[], context: Context): Promise<void> {
  const { settings, log, signal } = context
  const [fromSeconds, toSeconds] = [from, to].map((one) => timeOf(textOf(one!), settings.nowSeconds))
  const session = await Session.open(url!, context, { write: false })
  try {
    const collection = await session.collect(context)
    const [before, after] = [fromSeconds!, toSeconds!].map((time) => stateAt(collection, time))
    const counts = { new: 0, changed: 0, deleted: 0 }
    for await (const differences of session.repository.differences(before!, after!)) {
      signal.throwIfAborted()
      for (const one of differences) {
        counts[one.change] += 1
        if (settings.flag('json')) log.data(jsonLine(differenceObject(one)))
        else log.always('info', `${one.change.padEnd(7)}  ${displayPath(one.path)}${listOf(one.aspects)}`)
      }
      await log.drained()
      if (log.outputGone) return
    }
    const [first, second] = [before!, after!].map((sets) => formatPretty(sets.at(-1)!.seconds))
    const sum = `${counts.new} new, ${counts.changed} changed, ${counts.deleted} deleted`
    log.notice(`From the backup of ${first} to that of ${second}: ${sum}`)
  } finally {
    await session.close()
  }
}

/** Tells all versions of the paths that are wanted; returns how many paths there were. */
async function tellVersions(
  url: RawPath,
  isWanted: (path: RawPath) => boolean,
  context: Context,
  textOfOne: (of: PathVersions, version: Version) => string,
): Promise<number> {
  const { settings, log, signal } = context
  const session = await Session.open(url, context, { write: false })
  let count = 0
  try {
    const sets = datedSets(await session.collect(context))
    if (sets.length === 0) {
      throw new CommandError(exitCode.exception, 'Cannot look for files: the storage holds no backup', {
        name: 'CollectionsError',
      })
    }
    tellUnknown(sets, log)
    for await (const found of session.repository.versions(sets, isWanted)) {
      signal.throwIfAborted()
      count += found.length
      for (const one of found) {
        if (settings.flag('json')) log.data(jsonLine(versionsObject(one)))
        else for (const version of one.versions) log.always('info', textOfOne(one, version))
      }
      await log.drained()
      if (log.outputGone) break
    }
  } finally {
    await session.close()
  }
  return count
}

function tellUnknown(sets: readonly DatedSet[], log: Log): void {
  for (const { seconds, signatures } of sets) {
    if (signatures !== undefined) continue
    log.warning(`The backup of ${formatPretty(seconds)} has no signatures: what changed with it is not known`)
  }
}

/** @throws CommandError when nothing had been backed up by then, or signatures are missing. */
function stateAt(collection: Collection, timeSeconds: number): DatedSet[] {
  const { sets } = chooseSets(collection, timeSeconds, 'compare')
  const dated = datedSets(collection).filter(({ set }) => sets.includes(set))
  const unknown = dated.find(({ signatures }) => signatures === undefined)
  if (unknown === undefined) return dated
  const time = formatPretty(unknown.seconds)
  throw new CommandError(exitCode.exception, `Cannot compare: the signatures of the backup of ${time} are missing`)
}

function timeOf(text: string, nowSeconds: number): number {
  try {
    return parseTimeString(text, nowSeconds)
  } catch (error) {
    if (error instanceof TimeError) throw new UsageError(`Cannot compare the state of "${text}": ${error.message}`)
    throw error
  }
}

function describe({ meta }: SigTarEntry): string {
  const { kind, mode, userName, groupName, uid, gid, mtimeSeconds, linkTarget } = meta!
  const owner = `${displayOwner(userName, uid)}:${displayOwner(groupName, gid)}`
  const target = linkTarget === undefined ? '' : ` to ${displayPath(linkTarget)}`
  return `${kindName(kind)} ${mode.toString(8).padStart(4, '0')} ${owner} ${prettyTime(mtimeSeconds)}${target}`
}

function displayOwner(name: string, id: number): string {
  return name === '' ? String(id) : displayPath(name as RawPath)
}

function listOf(aspects: readonly string[]): string {
  return aspects.length === 0 ? '' : ` (${aspects.join(', ')})`
}

function versionsObject({ path, versions: all }: PathVersions): Record<string, unknown> {
  return {
    ...nameFields('path', path),
    versions: all.map(({ set, change, aspects, entry }) => ({
      setSeconds: set.seconds,
      change,
      ...(change === 'changed' ? { aspects } : {}),
      ...(entry === undefined ? {} : metaFields(entry)),
    })),
  }
}

function differenceObject({ path, change, aspects, before, after }: PathDifference): Record<string, unknown> {
  return {
    ...nameFields('path', path),
    change,
    ...(change === 'changed' ? { aspects } : {}),
    ...(before === undefined ? {} : { before: metaFields(before) }),
    ...(after === undefined ? {} : { after: metaFields(after) }),
  }
}
