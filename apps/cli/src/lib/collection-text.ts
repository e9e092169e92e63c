import {
  type BackupChain,
  type BackupSet,
  type Collection,
  formatPretty,
  formatTime,
  matchChains,
} from '@coalmine/volume-format'
import { code } from './log.ts'
import type { Compat } from './settings.ts'
import { oneLine } from './visible.ts'

export interface CollectionText {
  /** The report for people. */
  readonly text: string
  /** The data lines of the machine record. */
  readonly data: readonly string[]
}

const rule = '-'.repeat(25)

/** The report of `collection-status`, line for line as the real program of that generation prints it. */
export function formatCollection(collection: Collection, archiveDir: string, compat: Compat): CollectionText {
  const { chain: matched, discarded } = matchChains(collection)
  const incomplete = discarded === undefined ? collection.incompleteSets : [...collection.incompleteSets, discarded]
  const others = collection.chains.filter((chain) => chain.full !== matched?.full)
  const lines = [
    'Collection Status',
    '-----------------',
    'Connecting with backend: BackendWrapper',
    `Archive dir: ${oneLine(archiveDir)}`,
    '',
    `Found ${others.length} ${count(others.length, 'secondary backup chain', compat)}.`,
  ]
  for (const [index, chain] of others.entries()) {
    lines.push(`Secondary chain ${index + 1} of ${others.length}:`, rule, ...chainLines(chain), rule, '')
  }
  if (matched === undefined) {
    lines.push('No backup chains with active signatures found')
  } else {
    lines.push('', 'Found primary backup chain with matching signature chain:', rule, ...chainLines(matched), rule)
  }
  lines.push(...leftOver(collection.orphanedSets.length, incomplete.length, compat))
  return { text: lines.join('\n'), data: dataLines(others, matched, collection.orphanedSets.length, incomplete.length) }
}

function chainLines(chain: BackupChain): string[] {
  const volumes = chain.sets.reduce((sum, set) => sum + set.volumes.size, 0)
  return [
    `Chain start time: ${formatPretty(chain.startSeconds)}`,
    `Chain end time: ${formatPretty(chain.endSeconds)}`,
    `Number of contained backup sets: ${chain.sets.length}`,
    `Total number of contained volumes: ${volumes}`,
    row('Type of backup set:', 'Time:', 'Num volumes:'),
    ...chain.sets.map((set) =>
      row(set.times.type === 'full' ? 'Full' : 'Incremental', formatPretty(set.endSeconds), String(set.volumes.size)),
    ),
  ]
}

function row(type: string, time: string, volumes: string): string {
  return `${type.padStart(20)}   ${time.padStart(30)}   ${volumes.padStart(15)}`
}

function leftOver(orphaned: number, incomplete: number, compat: Compat): string[] {
  if (orphaned === 0 && incomplete === 0) return ['No orphaned or incomplete backup sets found.']
  return [
    `Also found ${orphaned} ${count(orphaned, 'backup set', compat)} not part of any chain,`,
    `and ${incomplete} incomplete ${count(incomplete, 'backup set', compat)}.`,
    'These may be deleted by running duplicity with the "cleanup" command.',
  ]
}

export interface CollectionWarning {
  readonly code: number
  readonly text: string
}

/** What does not fit together on the storage, in the words and codes that front ends of the real program wait for. */
export function collectionWarnings(collection: Collection, compat: Compat): CollectionWarning[] {
  const { signatureChains, orphanedSignatures, orphanedSets, incompleteSets } = collection
  const { chain: matched, discarded } = matchChains(collection)
  const warnings: CollectionWarning[] = []
  if (discarded !== undefined) {
    const text = 'Warning, discarding last backup set, because of missing signature file.'
    warnings.push({ code: code.generic, text })
  }
  if (orphanedSignatures.length > 0) {
    const head = `Warning, found the following remote orphaned ${count(orphanedSignatures.length, 'signature file', compat)}:`
    const names = orphanedSignatures.map((set) => oneLine(set.object.key))
    warnings.push({ code: code.orphanedSignatures, text: [head, ...names].join('\n') })
  }
  if (signatureChains.length > 0 && matched === undefined) {
    const text = 'Warning, found signatures but no corresponding backup files'
    warnings.push({ code: code.unmatchedSignatures, text })
  }
  if (incompleteSets.length > 0 || discarded !== undefined) {
    const text = 'Warning, found incomplete backup sets, probably left from aborted session'
    warnings.push({ code: code.incompleteSets, text })
  }
  if (orphanedSets.length > 0) {
    const head = `Warning, found the following orphaned ${count(orphanedSets.length, 'backup file', compat)}:`
    warnings.push({ code: code.orphanedSets, text: [head, ...orphanedSets.map(objectsOf)].join('\n') })
  }
  return warnings
}

function objectsOf({ manifest, volumes }: BackupSet): string {
  const objects = [...(manifest === undefined ? [] : [manifest]), ...volumes.values()]
  return `[${objects.map((object) => oneLine(object.key)).join(', ')}]`
}

/** `chains` as 0.8 says it, `chain(s)` as 1.0 and later do. */
function count(number: number, noun: string, compat: Compat): string {
  if (compat === '3') return `${noun}(s)`
  return number === 1 ? noun : `${noun}s`
}

function dataLines(
  others: readonly BackupChain[],
  matched: BackupChain | undefined,
  orphaned: number,
  incomplete: number,
): string[] {
  const lines = ['backend BackendWrapper', 'archive-dir (. dir)']
  for (const [index, chain] of others.entries()) lines.push(`chain-no-sig ${index}`, ...chain.sets.map(setLine))
  if (matched !== undefined) lines.push('chain-complete', ...matched.sets.map(setLine))
  return [...lines, `orphaned-sets-num ${orphaned}`, `incomplete-sets-num ${incomplete}`]
}

function setLine(set: BackupSet): string {
  const type = set.times.type === 'full' ? 'full' : 'inc'
  return ` ${type} ${formatTime(set.endSeconds)} ${set.volumes.size} ${set.encrypted ? 'enc' : 'noenc'}`
}
