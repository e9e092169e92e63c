import { formatPretty, formatTime, parseTimestamp, parseTimeString, TimeError } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { accepted, demand, refused, type Target } from '../lib/target.ts'

const zones = [undefined, 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Apia'] as const
const pieces = [
  'now',
  '3D',
  '1h78m',
  's',
  'm',
  'h',
  'D',
  'W',
  'M',
  'Y',
  '-',
  '/',
  ':',
  'T',
  'Z',
  '+',
  '01',
  '12',
].concat([
  '2023-11-14T22:13:20Z',
  '20231114T221320Z',
  '2023-03-26T02:30:00',
  '2023/3/5',
  '03-05-2002',
  '1700000000',
  '1901',
])

/** Times as names carry them and as people type them. One byte chooses zone and dialect. */
export const times: Target = {
  name: 'times',
  about: 'timestamps and time strings (parseTimestamp, parseTimeString)',
  maxBytes: 3000,
  tokens: pieces,
  arbitrary: fc
    .tuple(fc.nat(255), fc.array(fc.constantFrom(...pieces), { maxLength: 8 }))
    .map(([variant, parts]) => Buffer.concat([Buffer.of(variant), Buffer.from(parts.join(''))])),
  run(input) {
    const variant = input[0] ?? 0
    const text = Buffer.from(input.subarray(1)).toString('latin1')
    const options = {
      timeZone: zones[variant % zones.length],
      offsets: (variant & 32) === 0 ? ('w3c' as const) : ('duplicity' as const),
      zone: (variant & 64) === 0 ? ('optional' as const) : ('required' as const),
      timeSeparator: (variant & 128) === 0 ? ':' : '_',
    }
    const stamp = parseTimestamp(text, options)
    if (stamp !== undefined) {
      demand(Number.isSafeInteger(stamp) && stamp !== 0, `"${text}" is the time ${stamp}`)
      check(stamp)
    }
    let typed: number
    try {
      typed = parseTimeString(text, 1_700_000_000.5, options)
    } catch (error) {
      if (error instanceof TimeError && error.value === text) return refused
      throw error
    }
    demand(Number.isSafeInteger(typed), `"${text}" is the time ${typed}`)
    demand(stamp === undefined || stamp === typed, `"${text}" is ${stamp} to the one and ${typed} to the other`)
    check(typed)
    return accepted
  },
}

/** What was read can be written, and is then read the same. */
function check(seconds: number): void {
  if (Math.abs(seconds) <= 8.64e12) formatPretty(seconds, { timeZone: 'Europe/Berlin' })
  if (seconds === 0 || seconds < -2_177_452_800 || seconds >= 4_102_444_800) return
  const written = formatTime(seconds)
  demand(parseTimestamp(written) === seconds, `${seconds} is written as ${written}, which is not that time`)
}
