/** A moment as a clock on the wall shows it. `month` and `day` count from 1; `weekday` 0 is Sunday. */
export interface WallTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  weekday: number
}

/** Fields to turn into a moment; days past the end of the month go on into the next. */
export type WallFields = Omit<WallTime, 'weekday'>

/**
 * The wall clock at a moment.
 *
 * @param seconds - Epoch seconds.
 * @param timeZone - An IANA name as `Europe/Berlin`; without it the zone of the process.
 * @throws RangeError when the zone is unknown.
 */
export function wallTime(seconds: number, timeZone?: string): WallTime {
  const at = new Date((timeZone === undefined ? seconds : seconds + offsetSeconds(seconds, timeZone)) * 1000)
  return timeZone === undefined ? localFields(at) : utcFields(at)
}

/**
 * The moment at which a clock on the wall shows the fields, in epoch seconds, summer time honoured. A time that the
 * clocks jumped over, and the later one of two equal times, are taken with the offset that held before the change.
 */
export function wallToSeconds(fields: WallFields, timeZone?: string): number {
  const { year, month, day, hour, minute, second } = fields
  if (timeZone === undefined) return new Date(year, month - 1, day, hour, minute, second).getTime() / 1000
  const asUtc = utcSeconds(fields)
  const before = offsetSeconds(asUtc - 86_400, timeZone)
  const after = offsetSeconds(asUtc + 86_400, timeZone)
  if (offsetSeconds(asUtc - before, timeZone) === before) return asUtc - before
  if (offsetSeconds(asUtc - after, timeZone) === after) return asUtc - after
  return asUtc - before
}

/** The same for a clock that shows UTC. The year is 100 or later. */
export function utcSeconds(fields: WallFields): number {
  return Date.UTC(fields.year, fields.month - 1, fields.day, fields.hour, fields.minute, fields.second) / 1000
}

function localFields(at: Date): WallTime {
  return {
    year: at.getFullYear(),
    month: at.getMonth() + 1,
    day: at.getDate(),
    hour: at.getHours(),
    minute: at.getMinutes(),
    second: at.getSeconds(),
    weekday: at.getDay(),
  }
}

/** The fields of a moment in UTC. */
export function utcFields(at: Date): WallTime {
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
    weekday: at.getUTCDay(),
  }
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** How far ahead of UTC the zone is at a moment. */
function offsetSeconds(seconds: number, timeZone: string): number {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(timeZone, format)
  }
  const parts = new Map<string, string>()
  for (const part of format.formatToParts(seconds * 1000)) parts.set(part.type, part.value)
  const number = (type: string) => Number(parts.get(type))
  const year = parts.get('era') === 'BC' ? 1 - number('year') : number('year')
  const shown = new Date(0)
  shown.setUTCFullYear(year, number('month') - 1, number('day'))
  shown.setUTCHours(number('hour'), number('minute'), number('second'))
  return shown.getTime() / 1000 - seconds
}
