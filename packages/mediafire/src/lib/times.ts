/** `2015-02-03T23:27:32Z`; a blank may stand for the T, the Z may be missing. Seconds since 1970 are taken too. */
export function parseUtcTime(text: string): Date | undefined {
  if (/^\d{9,12}$/.test(text)) return new Date(Number(text) * 1000)
  const match = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|\+00:?00)?$/.exec(text)
  return match === null ? undefined : fromParts(match)
}

/** `2015-08-03 06:46:23` (or the date alone) as clocks show it in Chicago; of an hour that comes twice, the first. */
export function parseCentralTime(text: string): Date | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d))?$/.exec(text)
  const local = match === null ? undefined : fromParts(match)
  if (local === undefined) return undefined
  // Summer time is five hours behind UTC, the rest of the year six. The earlier instant is tried first.
  for (const hours of [5, 6]) {
    const instant = local.getTime() + hours * 3_600_000
    if (centralOffsetHours(instant) === hours) return new Date(instant)
  }
  // The hour that is left out in spring.
  return new Date(local.getTime() + 6 * 3_600_000)
}

/** As MediaFire takes dates: `2015-02-03T23:27:32Z`. */
export function formatUtcTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}

function fromParts(match: RegExpExecArray): Date | undefined {
  const [year, month, day, hour = 0, minute = 0, second = 0] = match.slice(1).map((part) => Number(part ?? 0))
  const date = new Date(Date.UTC(year!, month! - 1, day, hour, minute, second))
  if (year! < 100) date.setUTCFullYear(year!)
  // The 31st of February and the 25th hour would run over.
  const same = date.getUTCMonth() === month! - 1 && date.getUTCDate() === day && date.getUTCHours() === hour
  return same && minute < 60 && second < 60 ? date : undefined
}

const chicago = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/Chicago',
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
})

function centralOffsetHours(instantMs: number): number {
  const parts = Object.fromEntries(chicago.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]))
  const local = Date.UTC(parts['year']!, parts['month']! - 1, parts['day'], parts['hour'], parts['minute'])
  return Math.round((instantMs - local) / 3_600_000)
}
