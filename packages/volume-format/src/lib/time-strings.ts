import { wallToSeconds } from './time-zone.ts'
import { parseTimestamp, type TimestampOptions } from './times.ts'

/** A time as people type it could not be understood. */
export class TimeError extends Error {
  override readonly name = 'TimeError'
  readonly code = 'bad-time'
  /** What was typed. */
  readonly value: string

  constructor(value: string) {
    super(`Bad time string "${value}"`)
    this.value = value
  }
}

const unitSeconds: Record<string, number> = {
  s: 1,
  m: 60,
  h: 3600,
  D: 86_400,
  W: 7 * 86_400,
  M: 30 * 86_400,
  Y: 365 * 86_400,
}

const integer = /^[0-9]+$/
const interval = /^(?:[0-9]+[smhDWMY])+$/
const yearFirst = /^(?<year>[0-9]{4})[-/](?<month>[0-9]{1,2})[-/](?<day>[0-9]{1,2})$/
const yearLast = /^(?<month>[0-9]{1,2})[-/](?<day>[0-9]{1,2})[-/](?<year>[0-9]{4})$/
const undivided = /^(?<year>[0-9]{4})(?<month>[0-9]{2})(?<day>[0-9]{2})Z$/

/**
 * Reads a time as the options of duplicity take it: `now`, epoch seconds, a timestamp, an interval before now (`3D`,
 * `1h78m`; s m h D W M Y, case matters, months of 30 days and years of 365), or a date (`2002/3/5`, `03-05-2002`: the
 * month precedes the day). Dates, and timestamps without a zone, are those of the local clock, summer time honoured;
 * duplicity ignores summer time. An offset as `-03:30` means what W3C says; duplicity takes it for `-02:30`.
 *
 * @param nowSeconds - What `now` is, in epoch seconds; a fraction is dropped.
 * @returns Epoch seconds; negative before 1970.
 * @throws TimeError for everything else.
 */
export function parseTimeString(text: string, nowSeconds: number, options: TimestampOptions = {}): number {
  const seconds = understand(text, Math.floor(nowSeconds), options)
  if (seconds === undefined || !Number.isSafeInteger(seconds)) throw new TimeError(text)
  return seconds
}

function understand(text: string, nowSeconds: number, options: TimestampOptions): number | undefined {
  if (text === 'now') return nowSeconds
  if (integer.test(text)) return Number(text)
  return parseTimestamp(text, options) ?? beforeNow(text, nowSeconds) ?? midnight(text, options.timeZone)
}

function beforeNow(text: string, nowSeconds: number): number | undefined {
  if (!interval.test(text)) return undefined
  let seconds = nowSeconds
  for (const part of text.match(/[0-9]+[smhDWMY]/g) ?? []) {
    seconds -= Number(part.slice(0, -1)) * unitSeconds[part.at(-1)!]!
  }
  return seconds
}

function midnight(text: string, timeZone: string | undefined): number | undefined {
  const { year, month, day } = (yearFirst.exec(text) ?? yearLast.exec(text) ?? undivided.exec(text))?.groups ?? {}
  const date = { year: Number(year), month: Number(month), day: Number(day) }
  const valid =
    date.year > 1900 && date.year < 2100 && date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= 31
  if (!valid) return undefined
  // Second 0 of 1970 counts as no time, as everywhere in this format.
  return wallToSeconds({ ...date, hour: 0, minute: 0, second: 0 }, timeZone) || undefined
}
