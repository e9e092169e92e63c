import { utcFields, utcSeconds, wallTime, wallToSeconds } from './time-zone.ts'

export interface TimeZoneOptions {
  /** An IANA name as `Europe/Berlin`; without it the zone of the process. */
  timeZone?: string
}

export interface TimestampOptions extends TimeZoneOptions {
  /** What stands between hour, minute and second in the long form; one character, `:` by default. */
  timeSeparator?: string
  /**
   * How `-04:30` is read: `w3c` (default) as four and a half hours behind UTC; `duplicity` as it writes and reads
   * offsets behind UTC that are no whole hours, three and a half hours behind (the hour rounded down, the minutes
   * counted up from there).
   */
  offsets?: 'w3c' | 'duplicity'
  /** Whether a time without a zone is one of the local clock (default), or no timestamp at all. */
  zone?: 'optional' | 'required'
}

const compact = /^([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z$/
const long =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2})(.)([0-9]{2})(.)([0-9]{2})(?:Z|([+-][0-9]{2})(.)([0-9]{2}))?$/s

/**
 * A moment as names carry it: `20231114T221320Z`.
 *
 * @param seconds - Epoch seconds.
 * @throws RangeError when it is no whole second of the years 1901 to 2099, the only ones that duplicity reads back.
 */
export function formatTime(seconds: number): string {
  const at = utcFields(new Date(seconds * 1000))
  if (!(Number.isInteger(seconds) && at.year > 1900 && at.year < 2100)) {
    throw new RangeError(`Cannot write the time ${seconds}: it is no whole second of the years 1901 to 2099`)
  }
  return `${at.year}${two(at.month)}${two(at.day)}T${two(at.hour)}${two(at.minute)}${two(at.second)}Z`
}

/**
 * Reads a timestamp in duplicity's form (`20231114T221320Z`) or in W3C's (`2023-11-14T22:13:20Z`, `…+01:00`, or no
 * zone: the local clock). Days past the end of a month go on into the next, and 61 seconds are allowed.
 *
 * @returns Epoch seconds; `undefined` for anything else, for years outside 1901 to 2099 and for second 0 of 1970, which
 * duplicity takes for no time at all.
 */
export function parseTimestamp(text: string, options: TimestampOptions = {}): number | undefined {
  const seconds = readTimestamp(text, options)
  return seconds === 0 ? undefined : seconds
}

function readTimestamp(text: string, options: TimestampOptions): number | undefined {
  const { timeSeparator = ':', offsets = 'w3c', zone = 'optional', timeZone } = options
  const short = compact.exec(text)
  if (short !== null) {
    const fields = fieldsOf(short[1]!, short[2]!, short[3]!, short[4]!, short[5]!, short[6]!)
    return fields && utcSeconds(fields)
  }
  const match = long.exec(text)
  if (match === null || match[5] !== timeSeparator || match[7] !== timeSeparator) return undefined
  const fields = fieldsOf(match[1]!, match[2]!, match[3]!, match[4]!, match[6]!, match[8]!)
  if (fields === undefined) return undefined
  if (match[9] !== undefined) {
    if (match[10] !== timeSeparator) return undefined
    return utcSeconds(fields) - offsetOf(match[9], Number(match[11]), offsets)
  }
  if (text.endsWith('Z')) return utcSeconds(fields)
  return zone === 'required' ? undefined : wallToSeconds(fields, timeZone)
}

function offsetOf(signedHours: string, minutes: number, offsets: 'w3c' | 'duplicity'): number {
  const hours = Number(signedHours)
  const behind = offsets === 'w3c' && signedHours.startsWith('-')
  return hours * 3600 + (behind ? -60 : 60) * minutes
}

function fieldsOf(...digits: [string, string, string, string, string, string]) {
  const [year, month, day, hour, minute, second] = digits.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const valid =
    year > 1900 &&
    year < 2100 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 31 &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 61
  return valid ? { year, month, day, hour, minute, second } : undefined
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/**
 * A moment as duplicity prints it to people, C's asctime in the local zone: `Sun Nov 22 20:59:01 2026`.
 *
 * @param seconds - Epoch seconds; a fraction is dropped.
 * @throws RangeError when a calendar cannot show it (more than 8.64e12 seconds from 1970).
 */
export function formatPretty(seconds: number, options: TimeZoneOptions = {}): string {
  if (!(Math.abs(seconds) <= 8.64e12)) {
    throw new RangeError(`Cannot print the time ${seconds}: no calendar reaches that far`)
  }
  const at = wallTime(Math.floor(seconds), options.timeZone)
  const day = at.day < 10 ? ` ${at.day}` : at.day
  const clock = `${two(at.hour)}:${two(at.minute)}:${two(at.second)}`
  return `${weekdays[at.weekday]!} ${months[at.month - 1]!} ${day} ${clock} ${at.year}`
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}
