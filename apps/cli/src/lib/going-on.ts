import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { Interrupted, Repository } from '@coalmine/repository'
import { formatPretty } from '@coalmine/volume-format'
import type { Choice } from './choice.ts'
import type { Log } from './log.ts'
import type { Settings } from './settings.ts'

/** What must not change within one set, by the name under which it is told. */
export function conditionsOf({ root, rules, followLinks }: Choice, settings: Settings): Record<string, string> {
  const selection = { options: rules?.data.options ?? [], compat: settings.compat, followLinks }
  const keyOptions = ['no-encryption', 'encrypt-key', 'hidden-encrypt-key', 'sign-key', 'encrypt-sign-key']
  const keys = settings.sequence.flatMap(({ name, value }) => (keyOptions.includes(name) ? [`${name} ${value}`] : []))
  return {
    'the source': root,
    'the name of this machine': hostname(),
    'the choice of files': createHash('sha256').update(JSON.stringify(selection)).digest('hex'),
    'the encryption': JSON.stringify(keys.toSorted()),
    'the compression': String(settings.flag('no-compression')),
    'the list of files': String(settings.flag('no-files-changed')),
  }
}

/**
 * Decides whether an interrupted set goes on, and says so. As with the real program its kind and time count, whatever was
 * asked for; but a full set that is asked for, or due, is never replaced by an increment.
 */
export async function goesOn(
  repository: Repository,
  wanted: { readonly full: boolean; readonly conditions: Readonly<Record<string, string>> },
  log: Log,
): Promise<Interrupted | undefined> {
  const interrupted = await repository.interrupted()
  if (interrupted === undefined) return undefined
  const { times, conditions } = interrupted
  const changed = Object.entries(wanted.conditions).flatMap(([name, value]) =>
    conditions[name] === value ? [] : [name],
  )
  const isOther = wanted.full && times.type === 'inc'
  if (changed.length === 0 && !isOther) {
    await repository.proveInterrupted()
    log.notice(`Last ${times.type} backup left a partial set, restarting.`)
    return interrupted
  }
  await repository.dropInterrupted(isOther ? 'a full backup is due' : `${changed.join(' and ')} changed`)
  return undefined
}

/** Of a set that nobody goes on with. */
export function droppedText(times: Interrupted['times'], reason: string): string {
  const time = formatPretty(times.type === 'full' ? times.timeSeconds : times.endSeconds)
  return `The interrupted backup of ${time} is not continued, because ${reason}: "cleanup" removes what is stored of it`
}
