import { createRandom, itWith } from '@coalmine/fixtures'
import { afterEach, describe, expect } from 'vitest'
import { formatPretty, formatTime, parseTimeString } from '../src/index.ts'
import { ask, drawSeed, duplicity } from './oracle.ts'

const now = 1_700_000_000
const before = process.env['TZ']

afterEach(() => {
  if (before === undefined) delete process.env['TZ']
  else process.env['TZ'] = before
})

function ours(text: string): number | undefined {
  try {
    return parseTimeString(text, now, { timeZone: 'UTC' })
  } catch {
    // A TimeError; what else could come is tried beside the code.
    return undefined
  }
}

/** Where we mean to differ from duplicity, in a zone without summer time. */
const differences: Record<string, (text: string, mine: number | undefined) => boolean> = {
  'a line feed at the end is not passed over': (text, mine) => mine === undefined && text.endsWith('\n'),
  // Of 15 or 16 chars duplicity takes the digits at their places, whatever stands between and after them.
  'a timestamp has all its digits and nothing else': (text, mine) => mine === undefined && /^[^T]+T[^T]+$/.test(text),
  'what cannot be counted exactly is no time': (text, mine) => mine === undefined && /[0-9]{13}/.test(text),
  'offsets behind UTC mean what W3C says': (text) => /-[0-9]{2}:[0-9]{2}$/.test(text) && !text.endsWith(':00'),
}

describe('against duplicity 0.8.22', () => {
  itWith(duplicity, 'parseTimeString() reads 10000 strings the same, but for the differences on purpose', async () => {
    const seed = drawSeed()
    const random = createRandom(seed)
    const number = () => String(random.integer(0, random.pick([9, 99, 9999])))
    const two = (max: number) => String(random.integer(0, max)).padStart(2, '0')
    const year = () => random.pick(['1970', '2002', '2024', '1899', '2100', number()])
    const zone = () => random.pick(['Z', '', '+01:00', '-07:00', '-03:30', '+05:45', 'X', '+0100'])
    const examples = [
      '1700000000\n',
      '2002-4-26T04:22:001Z',
      '20020426T042201X',
      '99999999999999999Y',
      '2002-04-26T04:22:01-03:30',
    ]
    const made = Array.from({ length: 10_000 }, () => {
      const divider = random.pick(['-', '/'])
      const text = random.pick([
        `${number()}${random.pick(['s', 'm', 'h', 'D', 'W', 'M', 'Y', 'd', ''])}`,
        `${number()}Y${number()}${random.pick(['M', 'm', 'x'])}`,
        `${year()}${divider}${number()}${divider}${two(33)}`,
        `${two(14)}${divider}${two(33)}${divider}${year()}`,
        `${year()}${two(14)}${two(33)}Z`,
        `${year()}-${two(14)}-${two(33)}T${two(24)}:${two(61)}:${two(63)}${zone()}`,
        `${year()}${two(14)}${two(33)}T${two(24)}${two(61)}${two(63)}${zone()}`,
      ])
      if (random.integer(0, 9) > 0) return text
      const at = random.integer(0, text.length)
      return (
        text.slice(0, at) +
        random.pick(['', ' ', '-', ':', '1', '\n', 'T', 'Z']) +
        text.slice(at + random.integer(0, 1))
      )
    })
    const strings = [...examples, ...made]
    const theirs = await ask<(number | null | { dies: string })[]>('times', { strings, now })
    const met = new Set<string>()
    const unexplained: string[] = []
    let read = 0
    for (const [i, text] of strings.entries()) {
      const mine = ours(text)
      const answer = theirs[i]!
      if (mine === (answer ?? undefined)) {
        if (mine !== undefined) read += 1
        continue
      }
      const reasons = Object.keys(differences).filter((reason) => differences[reason]!(text, mine))
      for (const reason of reasons) met.add(reason)
      if (reasons.length === 0) unexplained.push(JSON.stringify({ text, mine, answer }))
    }
    expect(unexplained, `seed ${seed}`).toEqual([])
    expect([...met].sort(), `seed ${seed}`).toEqual(Object.keys(differences).sort())
    expect(read).toBeGreaterThan(2000)
  })

  for (const timeZone of ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'UTC']) {
    itWith(
      duplicity,
      `prints times as Python's asctime and gmtime, and reads clocks as its mktime (${timeZone})`,
      async () => {
        const seed = drawSeed()
        const random = createRandom(seed)
        const seconds = Array.from({ length: 1000 }, () => random.integer(0, 4_102_444_799))
        // Not the hours around a change of the clocks, which can be read in two ways.
        const clocks = Array.from({ length: 1000 }, () => [
          random.integer(1971, 2099),
          random.integer(1, 12),
          random.integer(1, 31),
          random.integer(4, 22),
          random.integer(0, 59),
          random.integer(0, 59),
        ])
        const theirs = await ask<{ names: string[]; pretty: string[]; clocks: number[] }>(
          'format-times',
          { seconds, clocks },
          { TZ: timeZone },
        )
        process.env['TZ'] = timeZone
        const texts = clocks.map(([year, month, day, ...clock]) => {
          const two = (value: number) => String(value).padStart(2, '0')
          return `${year}-${two(month!)}-${two(day!)}T${clock.map(two).join(':')}`
        })
        expect(seconds.map((at) => formatTime(at))).toEqual(theirs.names)
        for (const zone of [undefined, timeZone]) {
          expect(seconds.map((at) => formatPretty(at, { timeZone: zone }))).toEqual(theirs.pretty)
          expect(
            texts.map((text) => parseTimeString(text, now, { timeZone: zone })),
            `seed ${seed}`,
          ).toEqual(theirs.clocks)
        }
      },
    )
  }
})
