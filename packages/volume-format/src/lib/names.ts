import { formatTime, parseTimestamp } from './times.ts'

/** When a set was made; for an increment also the time of the set that it builds on. Epoch seconds. */
export type SetTimes = { type: 'full'; timeSeconds: number } | { type: 'inc'; startSeconds: number; endSeconds: number }

/** What the name of an object says. */
export interface ParsedName {
  object: 'volume' | 'manifest' | 'signatures' | 'statistics'
  set: SetTimes
  /** Of volumes: counted from 1. */
  volume?: number
  /** An unfinished local file (`.part`); never a volume. */
  partial: boolean
  encrypted: boolean
  compressed: boolean
}

/**
 * What names of an archive have of their own: what `--file-prefix` and its siblings put before them, first `file`, then the
 * one of the kind.
 */
export interface Prefixes {
  file?: string
  archive?: string
  manifest?: string
  signature?: string
  jsonstat?: string
  /** What stands between hours, minutes and seconds of old names that are read, one character; `:` by default. */
  timeSeparator?: string
}

export interface NameOptions {
  prefixes?: Prefixes
  /** In place of the one of `prefixes`. */
  timeSeparator?: string
}

type ObjectPrefix = Exclude<keyof Prefixes, 'file' | 'timeSeparator'>

interface Form {
  object: ParsedName['object']
  prefix: ObjectPrefix
  short: boolean
  /** Groups: time, or start and end; a volume number; the mark of a partial file. */
  pattern: RegExp
  /** Forms are tried in order; one that matches without a valid time rules out the rest of its family. */
  family: number
}

// A name is settled by its first `.to.`: were the rest missing after it, it would be missing after the next one too.
// So no pattern costs more than the length of the name. A line feed may end a name: Python's `$` passes over one.
const T = '(?<time>[^\\n]*?)'
const SE = '(?<start>(?:(?!\\.to\\.)[^\\n])*)\\.to\\.(?<end>[^\\n]*?)'
const t = '(?<time>[0-9a-z]+)'
const se = '(?<start>[0-9a-z]+)\\.(?<end>[0-9a-z]+)'
const N = '(?<volume>[0-9]+)'
const n = '(?<volume>[0-9a-z]+)'
const part = '(?<partial>\\.part)?'
const p = '(?<partial>\\.p)?'

const forms: readonly Form[] = [
  form(1, 'volume', 'archive', true, `df\\.${t}\\.${n}\\.dt`),
  form(1, 'manifest', 'manifest', true, `df\\.${t}\\.m${p}`),
  form(1, 'volume', 'archive', false, `duplicity-full\\.${T}\\.vol${N}\\.difftar`),
  form(1, 'manifest', 'manifest', false, `duplicity-full\\.${T}\\.manifest${part}`),
  form(2, 'volume', 'archive', true, `di\\.${se}\\.${n}\\.dt`),
  form(2, 'manifest', 'manifest', true, `di\\.${se}\\.m${p}`),
  form(2, 'volume', 'archive', false, `duplicity-inc\\.${SE}\\.vol${N}\\.difftar`),
  form(2, 'manifest', 'manifest', false, `duplicity-inc\\.${SE}\\.manifest${part}`),
  form(3, 'signatures', 'signature', true, `dfs\\.${t}\\.st${p}`),
  form(3, 'signatures', 'signature', false, `duplicity-full-signatures\\.${T}\\.sigtar${part}`),
  form(3, 'signatures', 'signature', true, `dns\\.${se}\\.st${p}`),
  form(3, 'signatures', 'signature', false, `duplicity-new-signatures\\.${SE}\\.sigtar${part}`),
  form(4, 'statistics', 'jsonstat', true, `dfst\\.${t}\\.jst${p}`),
  form(4, 'statistics', 'jsonstat', false, `duplicity-full\\.${T}\\.jsonstat${part}`),
  form(4, 'statistics', 'jsonstat', true, `dist\\.${se}\\.jst${p}`),
  form(4, 'statistics', 'jsonstat', false, `duplicity-inc\\.${SE}\\.jsonstat${part}`),
]

function form(family: number, object: Form['object'], prefix: ObjectPrefix, short: boolean, fixed: string): Form {
  return { object, prefix, short, family, pattern: new RegExp(`^${fixed}(?:\\n?$|\\.)`) }
}

const maxNameLength = 4096
const year2100 = 4_102_444_800

/**
 * Understands the name of an object as duplicity does: long names, short ones in base 36, times of all versions,
 * prefixes (taken literally), unfinished files. After the fixed part anything may follow a dot.
 *
 * @returns `undefined` for a name that is not of this format, for volume 0, and for parity files (`.par2`).
 */
export function parseName(name: string, options: NameOptions = {}): ParsedName | undefined {
  if (name.length > maxNameLength || name.endsWith('.par2')) return undefined
  const { prefixes, timeSeparator = prefixes?.timeSeparator } = options
  let ruledOut = 0
  for (const form of forms) {
    if (form.family === ruledOut) continue
    const prefix = prefixOf(form.prefix, prefixes)
    if (!name.startsWith(prefix)) continue
    const groups = form.pattern.exec(name.slice(prefix.length))?.groups
    if (groups === undefined) continue
    const set = timesOf(groups, form.short, timeSeparator)
    if (set === undefined) {
      ruledOut = form.family
      continue
    }
    const parsed: ParsedName = {
      object: form.object,
      set,
      partial: groups['partial'] !== undefined,
      encrypted: name.endsWith('.gpg') || name.endsWith('.g'),
      compressed: name.endsWith('.gz') || name.endsWith('.z'),
    }
    if (form.object === 'volume') {
      const volume = numberOf(groups['volume']!, form.short ? 36 : 10)
      if (volume === 0 || volume === undefined) return undefined
      parsed.volume = volume
    }
    return parsed
  }
  return undefined
}

function prefixOf(object: ObjectPrefix, prefixes: Prefixes = {}): string {
  return (prefixes.file ?? '') + (prefixes[object] ?? '')
}

function timesOf(groups: Record<string, string | undefined>, short: boolean, timeSeparator?: string) {
  const { time, start, end } = groups
  if (time !== undefined) {
    const timeSeconds = secondsOf(time, short, timeSeparator)
    return timeSeconds === undefined ? undefined : ({ type: 'full', timeSeconds } as const)
  }
  const startSeconds = secondsOf(start!, short, timeSeparator)
  const endSeconds = secondsOf(end!, short, timeSeparator)
  if (startSeconds === undefined || endSeconds === undefined) return undefined
  return { type: 'inc', startSeconds, endSeconds } as const
}

function secondsOf(text: string, short: boolean, timeSeparator?: string): number | undefined {
  if (!short) {
    return parseTimestamp(text.toUpperCase(), { timeSeparator, offsets: 'duplicity', zone: 'required' })
  }
  const seconds = numberOf(text, 36)
  return seconds !== undefined && seconds > 0 && seconds < year2100 ? seconds : undefined
}

function numberOf(digits: string, base: 10 | 36): number | undefined {
  const number = Number.parseInt(digits, base)
  return Number.isSafeInteger(number) ? number : undefined
}

/** What a name is to say. */
export interface NameParts {
  object: ParsedName['object']
  set: SetTimes
  /** Of volumes, and only of them: counted from 1. */
  volume?: number
  /** An unfinished local file; such files carry no suffix. */
  partial?: boolean
  /** The envelope's: `.gpg`, `.gz` or nothing (default). */
  suffix?: string
}

const letters = { volume: 'archive', manifest: 'manifest', signatures: 'signature', statistics: 'jsonstat' } as const

/**
 * The long name of an object, the only form written since duplicity 2.0.
 *
 * @throws RangeError when the volume number, a time (1970 to 2099), `partial` or the suffix cannot be.
 */
export function formatName(parts: NameParts, options: Pick<NameOptions, 'prefixes'> = {}): string {
  const { object, set, volume, partial = false, suffix = '' } = parts
  if ((object === 'volume') !== (volume !== undefined) || !(volume === undefined || isCount(volume))) {
    throw new RangeError(`Cannot name a ${object} with the number ${String(volume)}: volumes count from 1`)
  }
  if (!/^(\.[a-z]+)?$/.test(suffix) || (partial && (suffix !== '' || object === 'volume'))) {
    throw new RangeError(`Cannot name a ${partial ? 'partial ' : ''}${object} with the suffix "${suffix}"`)
  }
  const base = object === 'signatures' ? signatureBase(set) : setBase(set)
  const kind = { volume: `vol${volume}.difftar`, manifest: 'manifest', signatures: 'sigtar', statistics: 'jsonstat' }
  return `${prefixOf(letters[object], options.prefixes)}${base}.${kind[object]}${partial ? '.part' : suffix}`
}

function setBase(set: SetTimes): string {
  return set.type === 'full' ? `duplicity-full.${nameTime(set.timeSeconds)}` : `duplicity-inc.${nameTimes(set)}`
}

function signatureBase(set: SetTimes): string {
  return set.type === 'full'
    ? `duplicity-full-signatures.${nameTime(set.timeSeconds)}`
    : `duplicity-new-signatures.${nameTimes(set)}`
}

function nameTimes(set: { startSeconds: number; endSeconds: number }): string {
  return `${nameTime(set.startSeconds)}.to.${nameTime(set.endSeconds)}`
}

function nameTime(seconds: number): string {
  if (seconds <= 0) throw new RangeError(`Cannot name a set of the time ${seconds}: duplicity takes it for no time`)
  return formatTime(seconds)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}
