import { type RawPath, rawToBytes } from '@coalmine/bytes'
import { type ActionName, actionTable } from './action-table.ts'
import type { OptionRow } from './option-row.ts'
import { optionTable } from './option-table.ts'
import { CommandError, exitCode, UsageError } from './exit-codes.ts'
import { refusedActions, refusedNames, refusedOption } from './refused.ts'

/** A command line taken apart. Values are raw: one char per byte. */
export interface ParsedArguments {
  /** `undefined` when no action was said: two arguments then imply one. */
  readonly action: ActionName | undefined
  readonly operands: readonly RawPath[]
  /** The last value of each. */
  readonly options: ReadonlyMap<string, RawPath | true>
  /** All of them in their order, for those whose order counts. */
  readonly sequence: readonly SaidOption[]
}

/** An option by its name in the table, with its value. */
export interface SaidOption {
  readonly name: string
  readonly value: RawPath | true
}

/** Between the two values of an option that takes two; no argument of a process has it. */
export const pairSeparator = '\0'

const byName = new Map<string, OptionRow>()
const byShort = new Map<string, OptionRow>()
for (const row of optionTable) {
  for (const name of [row.name, ...(row.aliases ?? [])]) byName.set(name, row)
  if (row.short !== undefined) byShort.set(row.short, row)
}

/** The text of a raw value; bytes that are no UTF-8 become replacement characters. */
export function textOf(raw: RawPath): string {
  return rawToBytes(raw).toString('utf8')
}

/**
 * Takes a command line apart as the real program does: options anywhere, `--name value` and `--name=value`, unique
 * abbreviations of long names, `-t3D` and `-t 3D`; everything after `--` is an operand.
 *
 * @throws UsageError for what nobody knows, CommandError for what the real program has and this one has not.
 */
export function parseArguments(argv: readonly RawPath[]): ParsedArguments {
  const sequence: SaidOption[] = []
  const operands: RawPath[] = []
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!
    if (word === '--') {
      operands.push(...argv.slice(at + 1))
      break
    }
    const read = readOption(word)
    if (read === undefined) {
      operands.push(word)
      continue
    }
    const { row, shown } = read
    let { value } = read
    if (row.type === 'flag') {
      if (value !== undefined) throw new UsageError(`Cannot take "${textOf(word)}": ${shown} has no value`)
      sequence.push({ name: row.name, value: true })
      continue
    }
    if (row.type === 'optional') {
      sequence.push({ name: row.name, value: value ?? true })
      continue
    }
    const next = () => {
      at += 1
      if (at >= argv.length) throw new UsageError(`Cannot take "${shown}": its value ${row.argument} is missing`)
      return argv[at]!
    }
    value ??= next()
    if (row.type === 'pair') value = (value + pairSeparator + next()) as RawPath
    sequence.push({ name: row.name, value })
  }
  const options = new Map(sequence.map(({ name, value }) => [name, value]))
  return { ...takeAction(operands), options, sequence }
}

function readOption(word: RawPath): { row: OptionRow; shown: string; value: RawPath | undefined } | undefined {
  if (word.startsWith('--')) {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals)
    const value = equals < 0 ? undefined : (word.slice(equals + 1) as RawPath)
    return { row: findLong(name), shown: `--${name}`, value }
  }
  if (!word.startsWith('-') || word === '-') return undefined
  const row = byShort.get(word[1]!)
  if (row === undefined) throw new UsageError(`Cannot take "${textOf(word)}": there is no such option`)
  if (row.type === 'flag' && word.length > 2)
    throw new UsageError(`Cannot take "${textOf(word)}": there is no such option`)
  const rest = word[2] === '=' ? word.slice(3) : word.slice(2)
  return { row, shown: `-${word[1]!}`, value: word.length > 2 ? (rest as RawPath) : undefined }
}

function findLong(name: string): OptionRow {
  const exact = byName.get(name)
  if (exact !== undefined) return exact
  const reason = refusedOption(name)
  if (reason !== undefined) throw new CommandError(exitCode.unbuilt, `Cannot take "--${name}": ${reason}`)
  const shown = textOf(name as RawPath)
  if (name.length === 0) throw new UsageError(`Cannot take "--": it names no option`)
  const names = [...byName.keys(), ...refusedNames].filter((known) => known.startsWith(name))
  const rows = new Set(names.map((known) => byName.get(known)?.name ?? known))
  if (rows.size === 0) throw new UsageError(`Cannot take "--${shown}": there is no such option`)
  if (rows.size > 1) {
    const list = [...names].sort().map((known) => `--${known}`)
    throw new UsageError(`Cannot take "--${shown}": it may mean ${list.join(', ')}`)
  }
  return findLong(names[0]!)
}

function takeAction(operands: RawPath[]): Pick<ParsedArguments, 'action' | 'operands'> {
  const word = operands[0]
  if (word === undefined) return { action: undefined, operands }
  const known = actionTable.find((row) => row.name === word || row.aliases.includes(word))
  if (known !== undefined) return { action: known.name, operands: operands.slice(1) }
  const refused = refusedActions[word]
  if (refused !== undefined)
    throw new CommandError(exitCode.unbuilt, `Cannot run "${word}": ${refused} is not built yet`)
  const meant = abbreviated(word)
  if (meant.length > 1) throw new UsageError(`Cannot run "${textOf(word)}": it may mean ${meant.join(', ')}`)
  const [name] = meant
  if (name === undefined) return { action: undefined, operands }
  return takeAction([name as RawPath, ...operands.slice(1)])
}

/**
 * Actions that begin with the word, as 0.8 takes them. A word that could be a path is one: abbreviations need three
 * letters and no slash or dot.
 */
function abbreviated(word: RawPath): string[] {
  if (!/^[a-z-]{3,}$/.test(word)) return []
  const names = [
    ...actionTable.filter((row) => row.own !== true).map((row) => row.name),
    ...Object.keys(refusedActions).filter((name) => name.length > 4),
  ]
  return names.filter((name) => name !== 'backup' && name.startsWith(word))
}
