/** The time of day as the emulator sees it: the real one, moved by hand. Tokens, links and uploads age by it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Moves on; a negative number moves back. */
  advance(ms: number): void
  /** Sets the time of day. It goes on from there. */
  set(ms: number): void
  /** How far it is ahead of the real time, in milliseconds. */
  readonly offsetMs: number
}

/**
 * @param real - The time that passes by itself.
 * @param offsetMs - How far ahead to begin.
 * @param changed - Told the offset whenever it changes, so that it can be kept.
 */
export function createClock(real: () => number = Date.now, offsetMs = 0, changed?: (offsetMs: number) => void): Clock {
  let offset = offsetMs
  const move = (to: number): void => {
    if (!Number.isSafeInteger(Math.round(to))) throw new RangeError(`Cannot move the clock by ${to}: not a time`)
    offset = Math.round(to)
    changed?.(offset)
  }
  return {
    now: () => real() + offset,
    advance: (ms) => move(offset + ms),
    set: (ms) => move(ms - real()),
    get offsetMs() {
      return offset
    },
  }
}

const central = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'America/Chicago',
  dateStyle: 'short',
  timeStyle: 'medium',
})

/** `2026-01-05 10:11:12`: how the service writes a time, in US Central time. */
export function centralTime(ms: number): string {
  return central.format(ms)
}

/** `2026-01-05T16:11:12Z`: the newer fields whose names end in `_utc`. */
export function utcTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
