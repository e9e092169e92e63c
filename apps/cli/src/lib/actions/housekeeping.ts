import type { RawPath } from '@coalmine/bytes'
import {
  chainsBeforeLast,
  chainsEndedBefore,
  extraneous,
  type Extraneous,
  inBoth,
  objectsToDelete,
  type Removal,
  removalOf,
  splitByAge,
} from '@coalmine/repository'
import { type BackupChain, type Collection, formatPretty, parseTimeString, TimeError } from '@coalmine/volume-format'
import { UsageError } from '../exit-codes.ts'
import type { Log } from '../log.ts'
import { type Context, Session } from '../session.ts'
import type { Compat } from '../settings.ts'
import { textOf } from '../parse-arguments.ts'
import { oneLine } from '../visible.ts'

/** `remove-older-than`: whole chains that ended before a time; the newest chain stays whatever its age. */
export async function removeOlderThan([time, url]: readonly RawPath[], context: Context): Promise<void> {
  const { settings, log } = context
  const limit = timeOf(textOf(time!), settings.nowSeconds)
  await tidy(url!, context, (collection, remove) => {
    const { chains, needed, newestIsOld } = chainsEndedBefore(collection, limit)
    if (needed.length > 0) {
      const times = needed.map((set) => formatPretty(set.endSeconds))
      const rest = "Which can't be deleted because newer sets depend on them."
      log.warning(['There are backup set(s) at time(s):', ...times, rest].join('\n'))
    }
    if (newestIsOld) {
      log.warning(
        'Current active backup chain is older than specified time.  However, it will not be deleted.  ' +
          'To remove all your backups, manually purge the repository.',
      )
    }
    return remove(chains, 'chains')
  })
}

/** `remove-all-but-n-full` and `remove-all-inc-of-but-n-full`: by the number of full backups. */
export async function removeAllBut(
  [count, url]: readonly RawPath[],
  context: Context,
  scope: 'chains' | 'increments',
): Promise<void> {
  const number = countOf(textOf(count!), scope)
  await tidy(url!, context, (collection, remove) => remove(chainsBeforeLast(collection, number), scope))
}

const dayMs = 86_400_000

/** `cleanup`: objects that no restore would read. What is young may be a backup that another machine is writing. */
export async function cleanup([url]: readonly RawPath[], context: Context): Promise<void> {
  const { settings, log } = context
  const older = settings.time('older-than')
  if (older !== undefined && !settings.flag('force')) {
    throw new UsageError('Cannot take "--older-than" without "--force": it says what may be deleted')
  }
  const limitMs = older === undefined ? settings.nowSeconds * 1000 - dayMs : older * 1000
  await inSession(url!, context, async (session, collection) => {
    const own = await session.repository.interrupted()
    const { old, young } = splitByAge(extraneous(collection), limitMs, own?.times)
    if (isEmpty(old) && isEmpty(young)) {
      return log.warning('No extraneous files found, nothing deleted in cleanup.')
    }
    if (!isEmpty(young)) {
      const since = formatPretty(Math.floor(limitMs / 1000))
      log.notice(
        `These files were written after ${since}, perhaps by a backup that is still being made; ` +
          `"cleanup --force --older-than TIME" deletes those from before TIME:\n${namesOf(young)}`,
      )
    }
    if (isEmpty(old)) return
    const one = objectsToDelete(old).length === 1
    if (!settings.flag('force')) {
      const heading = `Found the following ${plural('file', one, settings.compat)} to delete:`
      const hint = 'Run coalmine again with the --force option to actually delete.'
      return log.notice(`${heading}\n${namesOf(old)}\n${hint}`)
    }
    // A listing that is late shows the newest sets without their manifests.
    const sure = settings.flag('dry-run') ? old : inBoth(old, extraneous(await session.repository.settled()))
    if (isEmpty(sure)) return log.warning('No extraneous files found, nothing deleted in cleanup.')
    const these = settings.compat === '0.8' ? (one ? 'this file' : 'these files') : 'these file(s)'
    log.notice(`Deleting ${these} from backend:\n${namesOf(sure)}`)
    await removeNow(session, sure, context)
    if (!settings.flag('dry-run')) await session.repository.dropInterrupted('')
  })
}

type Remove = (chains: readonly BackupChain[], scope: 'chains' | 'increments') => Removal | undefined

/** Lists, or deletes with `--force`, the chains that a rule chooses. */
async function tidy(
  url: RawPath,
  context: Context,
  choose: (collection: Collection, remove: Remove) => Removal | undefined,
): Promise<void> {
  const { settings, log } = context
  await inSession(url, context, async (session, collection) => {
    const removal = choose(collection, (chains, scope) => {
      if (chains.length === 0) {
        log.notice('No old backup sets found, nothing deleted.')
        return undefined
      }
      tellChains(chains, scope, { log, compat: settings.compat, force: settings.flag('force') })
      return removalOf(collection, chains, scope)
    })
    if (removal !== undefined && settings.flag('force')) await removeNow(session, removal, context)
  })
}

function tellChains(
  chains: readonly BackupChain[],
  scope: 'chains' | 'increments',
  { log, compat, force }: { log: Log; compat: Compat; force: boolean },
): void {
  const one = chains.length === 1
  const times = chains.map((chain) => formatPretty(chain.endSeconds))
  if (!force) {
    const what = `${plural('chain', one, compat)} at the following ${compat === '0.8' && !one ? 'times' : 'time'}`
    const hint = 'Rerun command with --force option to actually delete.'
    return log.notice([`Found old backup ${what}:`, ...times, hint].join('\n'))
  }
  const when = `${plural('chain', one, compat)} at ${compat === '0.8' && !one ? 'times' : 'time'}`
  log.notice([`Deleting backup ${when}:`, ...times].join('\n'))
  for (const time of times) {
    for (const kind of ['signature', 'backup']) {
      log.notice(
        scope === 'chains'
          ? `Deleting complete ${kind} chain ${time}`
          : `Deleting any incremental ${kind} chain rooted at ${time}`,
      )
    }
  }
}

async function removeNow(session: Session, removal: Removal, { settings, log }: Context): Promise<void> {
  if (settings.flag('dry-run')) return log.notice('Nothing was deleted: this is a dry run.')
  await session.repository.remove(removal)
}

async function inSession(
  url: RawPath,
  context: Context,
  work: (session: Session, collection: Collection) => Promise<void>,
): Promise<void> {
  const session = await Session.open(url, context, { write: false, lock: true })
  try {
    await work(session, await session.collect(context))
  } finally {
    await session.close()
  }
}

function isEmpty({ sets, signatures }: Extraneous): boolean {
  return sets.length === 0 && signatures.length === 0
}

function namesOf(removal: Removal): string {
  return objectsToDelete(removal)
    .map(({ key }) => oneLine(key))
    .sort()
    .join('\n')
}

function plural(noun: string, one: boolean, compat: Compat): string {
  return compat === '0.8' ? (one ? noun : `${noun}s`) : `${noun}(s)`
}

function timeOf(text: string, nowSeconds: number): number {
  try {
    return parseTimeString(text, nowSeconds)
  } catch (error) {
    if (error instanceof TimeError) throw new UsageError(`Cannot remove what is older than "${text}": ${error.message}`)
    throw error
  }
}

function countOf(text: string, scope: 'chains' | 'increments'): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (count > 0) return count
  const what = scope === 'chains' ? 'full backups' : 'full backups with increments'
  throw new UsageError(`Cannot keep "${text}" ${what}: it must be a whole number above 0`)
}
