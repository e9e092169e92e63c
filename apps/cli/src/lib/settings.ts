import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RawPath, rawFromText, rawToBytes } from '@coalmine/bytes'
import { parseTimeString, type Prefixes, TimeError } from '@coalmine/volume-format'
import { UsageError } from './exit-codes.ts'
import { level } from './log.ts'
import type { ActionName } from './action-table.ts'
import { optionTable } from './option-table.ts'
import { pairSeparator, type ParsedArguments, textOf } from './parse-arguments.ts'

/** Whose words, codes and rules are followed where versions of the real program differ. */
export type Compat = '3' | '0.8'

/** The options of a run, each with its value or default. */
export class Settings {
  readonly nowSeconds: number
  readonly compat: Compat
  /** All options in their order. */
  readonly sequence: ParsedArguments['sequence']
  readonly #options: ParsedArguments['options']

  /** @throws UsageError for a value that cannot be, and for options that the action does not know. */
  constructor({ options, sequence }: Pick<ParsedArguments, 'options' | 'sequence'>, action: ActionName) {
    this.#options = options
    this.sequence = sequence
    for (const row of optionTable) {
      if (options.has(row.name) && row.actions !== undefined && !row.actions.includes(action)) {
        throw new UsageError(`Cannot take "--${row.name}" with "${action}": it belongs to ${row.actions.join(' and ')}`)
      }
      if (row.type === 'integer') this.integer(row.name)
    }
    this.nowSeconds = this.integer('current-time') ?? Math.floor(Date.now() / 1000)
    const compat = this.text('compat') ?? '3'
    if (compat !== '3' && compat !== '0.8') {
      throw new UsageError(`Cannot take "--compat ${compat}": it may be 3 or 0.8`)
    }
    this.compat = compat
  }

  flag(name: string): boolean {
    return this.#options.has(name)
  }

  raw(name: string): RawPath | undefined {
    const value = this.#options.get(name)
    return value === undefined || value === true ? undefined : value
  }

  /** Every value of an option that may be given again, in their order. */
  all(name: string): RawPath[] {
    const values = this.sequence.filter((one) => one.name === name).map(({ value }) => value)
    return values.filter((value) => value !== true)
  }

  /** Both values of an option that takes two, each time that it was said. */
  pairs(name: string): (readonly [RawPath, RawPath])[] {
    return this.all(name).map((both) => {
      const [first = '', second = ''] = both.split(pairSeparator)
      return [first as RawPath, second as RawPath] as const
    })
  }

  text(name: string): string | undefined {
    const raw = this.raw(name)
    return raw === undefined ? undefined : textOf(raw)
  }

  integer(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const least = optionTable.find((row) => row.name === name)?.least ?? 0
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (Number.isNaN(value)) throw new UsageError(`Cannot take "--${name} ${text}": it must be a whole number`)
    if (value < least) throw new UsageError(`Cannot take "--${name} ${text}": the least is ${least}`)
    return value
  }

  /** A path of this machine; `~` at its beginning is the home folder. */
  path(name: string): Buffer | undefined {
    const raw = this.raw(name)
    return raw === undefined ? undefined : rawToBytes(expandHome(raw))
  }

  /** The time asked for, in epoch seconds. */
  time(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    try {
      return parseTimeString(text, this.nowSeconds)
    } catch (error) {
      if (error instanceof TimeError) throw new UsageError(`Cannot take "--${name} ${text}": ${error.message}`)
      throw error
    }
  }

  get prefixes(): Prefixes {
    const prefixes: Prefixes = {
      file: this.text('file-prefix'),
      archive: this.text('file-prefix-archive'),
      manifest: this.text('file-prefix-manifest'),
      signature: this.text('file-prefix-signature'),
      jsonstat: this.text('file-prefix-jsonstat'),
    }
    const timeSeparator = this.text('time-separator')
    if (timeSeparator !== undefined && !/^[^\w+\n-]$/.test(timeSeparator) && timeSeparator !== '_') {
      throw new UsageError(
        `Cannot take "--time-separator ${timeSeparator}": it must be one character that is no letter, digit, + or -`,
      )
    }
    for (const prefix of Object.values(prefixes) as (string | undefined)[]) {
      // The real program pastes prefixes into a pattern: anything else might not match its own files.
      if (prefix !== undefined && !/^[A-Za-z0-9_-]*$/.test(prefix)) {
        throw new UsageError(`Cannot take the prefix "${prefix}": it may have letters, digits, - and _ only`)
      }
    }
    return { ...prefixes, timeSeparator }
  }

  get tempDir(): string {
    return this.path('tempdir')?.toString() ?? tmpdir()
  }

  /** Parent of the archive dirs. */
  get archiveRoot(): string {
    const given = this.path('archive-dir')?.toString()
    if (given !== undefined) return given
    const cache = process.env['XDG_CACHE_HOME']
    return join(cache !== undefined && cache !== '' ? cache : join(homedir(), '.cache'), 'duplicity')
  }
}

export function expandHome(raw: RawPath): RawPath {
  return raw === '~' || raw.startsWith('~/') ? ((rawFromText(homedir()) + raw.slice(1)) as RawPath) : raw
}

/** The verbosity that the options ask for; a value that nobody knows is a usage error. */
export function verbosityOf(options: ParsedArguments['options']): number {
  const value = options.get('verbosity')
  if (value === undefined || value === true) return level.notice
  const text = textOf(value)
  if (/^[0-9]$/.test(text)) return Number(text)
  const names = Object.keys(level) as (keyof typeof level)[]
  const name = names.find((one) => one === text.toLowerCase() || one[0] === text.toLowerCase())
  if (name === undefined) {
    throw new UsageError(`Cannot take "--verbosity ${text}": it may be 0 to 9 or ${names.join(', ')}`)
  }
  return level[name]
}
