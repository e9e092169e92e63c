import { parseFilelist } from './filelist.ts'
import { parseFilesFrom } from './files-from.ts'
import { type PatternMode, readPattern, regexpMatcher } from './pattern-rule.ts'
import { canonicalRoot } from './root-name.ts'
import { named, type RuleOrigin } from './rule-origin.ts'
import type { Matcher, Rule } from './rules.ts'
import { SelectionError } from './selection-error.ts'
import { quoted } from './text.ts'
import type { SelectionOption, SelectionSettings } from './types.ts'

/** What the options of a command line say. */
export interface RuleList {
  /** In the order in which they are asked. */
  rules: readonly Rule[]
  /** What `--files-from` names. */
  filesFrom: readonly string[] | undefined
}

const modes: Record<string, Partial<PatternMode>> = {
  'filter-globbing': { kind: 'glob' },
  'filter-literal': { kind: 'literal' },
  'filter-regexp': { kind: 'regexp' },
  'filter-ignorecase': { ignoreCase: true },
  'filter-strictcase': { ignoreCase: false },
}

/**
 * Reads selection options in their order. Device files and markers are asked for first, wherever they stand; of several
 * such options the last one first.
 *
 * @throws SelectionError
 */
export function readOptions(options: readonly SelectionOption[], settings: SelectionSettings): RuleList {
  const reader = new OptionReader(options, settings)
  checkFilters(options, settings)
  for (const option of options) reader.read(option)
  return reader.finish()
}

class OptionReader {
  readonly #place: { root: string; compat: '3' | '0.8' }
  readonly #nullSeparator: boolean
  readonly #rules: Rule[] = []
  readonly #first: Rule[] = []
  #mode: PatternMode = { kind: 'glob', ignoreCase: false }
  #filesFrom: readonly string[] | undefined

  constructor(options: readonly SelectionOption[], settings: SelectionSettings) {
    this.#place = { root: canonicalRoot(settings.root), compat: settings.compat ?? '3' }
    this.#nullSeparator = options.some(({ option }) => option === 'null-separator')
  }

  read(given: SelectionOption): void {
    const { option, value = '' } = given
    const origin: RuleOrigin = { option, value }
    const include = option.startsWith('include')
    const mode = modes[option]
    if (mode !== undefined && this.#place.compat !== '0.8') {
      this.#mode = { ...this.#mode, ...mode }
      return
    }
    switch (option) {
      case 'null-separator':
        return
      case 'include':
      case 'exclude':
        this.#add(include, readPattern(origin, this.#mode, this.#place), origin)
        return
      case 'include-regexp':
      case 'exclude-regexp':
        this.#add(include, regexpMatcher(origin, this.#mode.ignoreCase), origin)
        return
      case 'include-filelist':
      case 'exclude-filelist':
      case 'include-globbing-filelist':
      case 'exclude-globbing-filelist':
      case 'include-filelist-stdin':
      case 'exclude-filelist-stdin':
        this.#filelist(given, include)
        return
      case 'exclude-device-files':
        this.#first.unshift({ include: false, matcher: { kind: 'device-files' }, origin })
        return
      case 'exclude-if-present':
        this.#first.unshift({ include: false, matcher: { kind: 'if-present', name: markerName(origin) }, origin })
        return
      case 'exclude-other-filesystems':
        this.#add(false, { kind: 'other-filesystems' }, origin)
        return
      case 'exclude-older-than':
        this.#add(false, { kind: 'older-than', seconds: readTime(given, origin) }, origin)
        return
      case 'files-from':
        if (this.#place.compat === '0.8') break
        this.#filesFrom = parseFilesFrom(contentOf(given), given.source ?? value, {
          nullSeparator: this.#nullSeparator,
        })
        return
      default:
    }
    throw new SelectionError(
      'unknown-option',
      `Cannot use --${option}: it is no selection option of duplicity ${this.#place.compat}`,
      origin,
    )
  }

  finish(): RuleList {
    const rules = [...this.#first, ...this.#rules]
    const last = rules.at(-1)
    if (last?.include) {
      throw new SelectionError(
        'redundant-include',
        `Cannot end the rules with ${named(last.origin)}: it only includes, and what no rule names is included anyway; ` +
          `to back up nothing else, end with --exclude "**"`,
        last.origin,
      )
    }
    return { rules, filesFrom: this.#filesFrom }
  }

  #filelist(given: SelectionOption, include: boolean): void {
    const file = given.source ?? given.value ?? 'standard input'
    for (const { sense, pattern, line } of parseFilelist(contentOf(given), { nullSeparator: this.#nullSeparator })) {
      const origin: RuleOrigin = { option: given.option, value: pattern, file, line }
      const matcher = readPattern(origin, this.#mode, this.#place)
      this.#add(sense === undefined ? include : sense === 'include', matcher, origin)
    }
  }

  #add(include: boolean, matcher: Matcher, origin: RuleOrigin): void {
    this.#rules.push({ include, matcher, origin })
  }
}

function checkFilters(options: readonly SelectionOption[], { compat }: SelectionSettings): void {
  if (compat === '0.8') return
  const rules = options.filter(({ option }) => option !== 'null-separator')
  const last = rules.at(-1)
  if (last !== undefined && modes[last.option] !== undefined) {
    throw new SelectionError(
      'trailing-filter',
      `Cannot end the selection options with --${last.option}: it changes the options after it, and there are none`,
      { option: last.option, value: '' },
    )
  }
  const filters = rules.filter(({ option }) => modes[option] !== undefined)
  const idle = (option: string): boolean => option === 'filter-globbing' || option === 'filter-strictcase'
  if (filters.length > 0 && filters.every(({ option }) => idle(option))) {
    const names = [...new Set(filters.map(({ option }) => `--${option}`))].join(' and ')
    throw new SelectionError(
      'redundant-filter',
      `Cannot use ${names} alone: globs that heed letter case are what there is without it`,
      { option: filters[0]?.option ?? '', value: '' },
    )
  }
}

function contentOf({ option, content }: SelectionOption): string {
  if (content === undefined) throw new TypeError(`Cannot use --${option}: the content of its list is not given`)
  return content
}

function markerName(origin: RuleOrigin): string {
  const { value } = origin
  if (value === '' || value === '.' || value === '..' || /[/\0]/.test(value)) {
    throw new SelectionError(
      'bad-name',
      `Cannot use ${quoted(value)} for --${origin.option}: it is no name that a file in a folder could have`,
      origin,
    )
  }
  return value
}

function readTime({ value = '', seconds }: SelectionOption, origin: RuleOrigin): number {
  const time = seconds ?? (/^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN)
  if (Number.isFinite(time)) return time
  throw new SelectionError(
    'bad-time',
    `Cannot use the time ${quoted(value)} of --${origin.option}: it is no number of seconds since 1970`,
    origin,
  )
}
