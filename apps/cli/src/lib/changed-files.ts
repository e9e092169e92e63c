import { displayPath, type RawPath, rawFromText, rawToBytes } from '@coalmine/bytes'
import {
  type BackupSet,
  type Collection,
  formatPretty,
  formatTime,
  type ManifestFile,
  matchChains,
  quote,
} from '@coalmine/volume-format'
import { UsageError } from './exit-codes.ts'
import { jsonLine, jsonPage, nameFields } from './json.ts'
import { code } from './log.ts'
import type { Context, Session } from './session.ts'
import { oneLine } from './visible.ts'

// Both tell what the lists of files in manifests say, in the real program's words: regular files of the chain on which the
// next increment would build. `find`, `versions` and `diff` tell of everything.

const rule = '-'.repeat(25)
const typeHead = 'Type of file change:'

/**
 * `--show-changes-in-set`: the files of one set, counted from the newest.
 *
 * @throws UsageError when there are not that many.
 */
export async function setChanges(
  number: number,
  { repository }: Session,
  collection: Collection,
  { settings, log }: Context,
): Promise<void> {
  const sets = setsOf(collection)
  const set = sets.at(-1 - number)
  if (set === undefined) {
    const have = sets.length === 0 ? 'there is no backup' : `the newest chain has 0 to ${sets.length - 1}`
    throw new UsageError(`Cannot take "--show-changes-in-set ${number}": ${have}`)
  }
  const files = (await repository.manifest(set)).files ?? []
  if (settings.flag('jsonstat')) {
    const object = { [nameOf(set)]: { json_stat: await statisticsOf(set, repository), files_changed: byName(files) } }
    log.always('info', jsonPage(object), { code: code.collectionStatus })
    return
  }
  if (settings.flag('json')) {
    for (const { action, path } of files) {
      log.data(jsonLine({ ...setFields(set), ...nameFields('path', path), change: action }))
    }
    return
  }
  const shown = files.map(({ action, path }) => [quoted(path), action] as const)
  const width = shown.reduce((most, [name]) => Math.max(most, name.length), 'File:'.length)
  const lines = [
    rule,
    ` Backup set time: ${formatPretty(set.endSeconds)}`,
    `Total number of changes: ${files.length}`,
    row(width, 'File:', typeHead),
    ...shown.map(([name, action]) => row(width, name, action)),
    rule,
  ]
  log.always('info', lines.join('\n'), { code: code.collectionStatus })
}

/** `--file-changed`: the sets in which a file is new, changed or deleted. */
export async function fileChanges(
  said: RawPath,
  { repository }: Session,
  collection: Collection,
  { settings, log }: Context,
): Promise<void> {
  const path = said
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
  const found: { set: BackupSet; action: ManifestFile['action'] }[] = []
  for (const set of setsOf(collection)) {
    const { files = [] } = await repository.manifest(set)
    const file = files.find((one) => one.path === path)
    if (file !== undefined) found.push({ set, action: file.action })
  }
  if (settings.flag('json')) {
    for (const { set, action } of found) {
      log.data(jsonLine({ ...setFields(set), ...nameFields('path', path as RawPath), change: action }))
    }
    return
  }
  const lines = [
    rule,
    `File: ${displayPath(path as RawPath)}`,
    `Total number of backup: ${found.length}`,
    setRow('Type of backup set:', 'Time:', typeHead),
    ...found.map(({ set, action }) => {
      const type = set.times.type === 'full' ? 'Full' : 'Incremental'
      return setRow(type, formatPretty(set.endSeconds), action[0]!.toUpperCase() + action.slice(1))
    }),
    rule,
  ]
  log.always('info', lines.join('\n'), { code: code.collectionStatus })
}

/** As the real program calls a set here. */
function nameOf({ times, endSeconds }: BackupSet): string {
  return `${times.type}-${formatTime(endSeconds)}`
}

async function statisticsOf(set: BackupSet, repository: Session['repository']): Promise<unknown> {
  const bytes = await repository.statistics(set)
  if (bytes === undefined) return {}
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    // Nobody builds on them: what is none counts as not there.
    return {}
  }
}

function byName(files: readonly ManifestFile[]): Record<string, string> {
  return Object.fromEntries(files.map(({ action, path }) => [rawToBytes(path).toString('utf8'), action]))
}

function setsOf(collection: Collection): readonly BackupSet[] {
  return matchChains(collection).chain?.sets ?? []
}

function setFields({ times, endSeconds }: BackupSet): Record<string, unknown> {
  return { setSeconds: endSeconds, type: times.type === 'full' ? 'full' : 'incremental' }
}

function row(width: number, name: string, action: string): string {
  return `${name.padEnd(width)}  ${action.padStart(typeHead.length)}`
}

function setRow(type: string, time: string, action: string): string {
  return `${type.padStart(20)}   ${time.padStart(30)}  ${action.padStart(typeHead.length)}`
}

/** As manifests have it, which is how the real program prints it; what acts on a screen is escaped. */
function quoted(path: RawPath): string {
  const text = quote(path)
  if (text === path) return displayPath(path)
  const utf8 = rawToBytes(text as RawPath).toString('utf8')
  return rawFromText(utf8) === text ? oneLine(utf8) : displayPath(path)
}
