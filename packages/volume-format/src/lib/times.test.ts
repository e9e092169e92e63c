import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTimeString, TimeError } from './time-strings.ts'
import { formatPretty, formatTime, parseTimestamp } from './times.ts'

const now = 1_700_000_000
const timeZone = 'Europe/Berlin'

describe('parseTimeString()', () => {
  // What duplicity answers, for the same now and zone. Where summer time makes a difference it is told.
  it.each([
    ['now', now],
    ['1700000000', 1_700_000_000],
    ['0', 0],
    ['10', 10],
    ['20020305', 20_020_305],
    ['3D', 1_699_740_800],
    ['2h78m', 1_699_988_120],
    ['1Y2M3W', 1_661_465_600],
    ['3W1Y2M', 1_661_465_600],
    ['2002-04-26T04:22:01-07:00', 1_019_820_121],
    ['2002-04-26T04:22:01Z', 1_019_794_921],
    ['20020426T042201Z', 1_019_794_921],
    ['2002/3/5', 1_015_282_800],
    ['2002-03-05', 1_015_282_800],
    ['3/5/2002', 1_015_282_800],
    ['03-05-2002', 1_015_282_800],
    ['20020305Z', 1_015_282_800],
    ['2002-02-31', 1_015_110_000],
    ['100000D', now - 8_640_000_000],
  ])('reads %s as duplicity', (text, seconds) => {
    expect(parseTimeString(text, now, { timeZone })).toBe(seconds)
  })

  it.each([
    // duplicity takes both for an hour more, and -03:30 for -02:30.
    ['2002-04-26T04:22:01', 1_019_791_321 - 3600],
    ['2002-07-01', 1_025_478_000 - 3600],
    ['2002-04-26T04:22:01-03:30', 1_019_794_921 + 12_600],
  ])('reads %s by the clock on the wall', (text, seconds) => {
    expect(parseTimeString(text, now, { timeZone })).toBe(seconds)
  })

  it.each([
    'NOW',
    'now ',
    ' now',
    '1d',
    '1h30',
    '-3D',
    '1.5D',
    'D',
    '',
    '2002-13-01',
    '2002-00-01',
    '2002-01-00',
    '2002-01-32',
    '2002-3-5T1:2:3',
    '2002-01-25 07:00:00',
    '1970-01-01T00:00:00Z',
    '19700101T000000Z',
    '1970-01-01T01:00:00',
    '1900-01-01',
    '2100-01-01',
    '2002-03/5x',
    '20021305Z',
    '3D ',
    '3D\n',
    '1700000000\n',
    '99999999999999999999',
    '99999999999999999999Y',
    '٣D',
  ])('refuses "%s"', (text) => {
    const attempt = () => parseTimeString(text, now, { timeZone })
    expect(attempt).toThrow(TimeError)
    expect(attempt).toThrow(`Bad time string "${text}"`)
  })

  it('drops a fraction of now', () => {
    expect(parseTimeString('now', now + 0.9)).toBe(now)
    expect(parseTimeString('1D', now + 0.9)).toBe(now - 86_400)
  })

  it('says what was wrong', () => {
    const error = new TimeError('1d')
    expect(error).toMatchObject({ name: 'TimeError', code: 'bad-time', value: '1d', message: 'Bad time string "1d"' })
  })

  it('takes the hour that the clocks jump over, and the one they pass twice, before the change', () => {
    expect(parseTimeString('2023-03-26T02:30:00', now, { timeZone })).toBe(Date.parse('2023-03-26T01:30:00Z') / 1000)
    expect(parseTimeString('2023-10-29T02:30:00', now, { timeZone })).toBe(Date.parse('2023-10-29T00:30:00Z') / 1000)
  })

  it('answers with seconds or a TimeError, soon', () => {
    const token = fc.constantFrom('1', '07', '2002', 'D', 'h', '-', '/', ':', 'T', 'Z', 'now', '+01:00', ' ')
    const text = fc.oneof(
      fc.string(),
      fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join('')),
    )
    fc.assert(
      fc.property(text, (text) => {
        try {
          expect(Number.isSafeInteger(parseTimeString(text, now, { timeZone }))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(TimeError)
        }
      }),
      { numRuns: 3000 },
    )
    const started = performance.now()
    expect(() => parseTimeString(`${'1D'.repeat(500_000)}x`, now)).toThrow(TimeError)
    expect(() => parseTimeString('1'.repeat(1_000_000), now)).toThrow(TimeError)
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('formatTime()', () => {
  it('writes what parseTimestamp() and any calendar read', () => {
    expect(formatTime(1_700_000_000)).toBe('20231114T221320Z')
    fc.assert(
      fc.property(fc.integer({ min: -2_177_452_799, max: 4_102_444_799 }), (seconds) => {
        const text = formatTime(seconds)
        expect(text).toBe(new Date(seconds * 1000).toISOString().replace(/[-:]|\.000/g, ''))
        expect(parseTimestamp(text)).toBe(seconds === 0 ? undefined : seconds)
      }),
      { numRuns: 1000 },
    )
  })

  it.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 4_102_444_800, -2_177_452_801, 1e20])('refuses %d', (seconds) => {
    expect(() => formatTime(seconds)).toThrow(RangeError)
  })
})

describe('parseTimestamp()', () => {
  it('takes one separator throughout', () => {
    expect(parseTimestamp('2002-04-26T04_22_01Z', { timeSeparator: '_' })).toBe(1_019_794_921)
    expect(parseTimestamp('2002-04-26T04_22_01-07_00', { timeSeparator: '_' })).toBe(1_019_820_121)
    expect(parseTimestamp('2002-04-26T04_22_01-07:00', { timeSeparator: '_' })).toBeUndefined()
    expect(parseTimestamp('2002-04-26T04:22_01Z')).toBeUndefined()
  })

  it('asks for a zone when it is told to', () => {
    expect(parseTimestamp('2002-04-26T04:22:01', { zone: 'required' })).toBeUndefined()
    expect(parseTimestamp('2002-04-26T04:22:01', { timeZone: 'UTC' })).toBe(1_019_794_921)
  })

  it('goes on into the next minute and month', () => {
    expect(parseTimestamp('20020228T235961Z')).toBe(Date.UTC(2002, 2, 1, 0, 0, 1) / 1000)
    expect(parseTimestamp('20020231T000000Z')).toBe(Date.UTC(2002, 2, 3) / 1000)
  })
})

describe('formatPretty()', () => {
  it('writes as asctime does', () => {
    expect(formatPretty(Date.UTC(2026, 10, 22, 20, 59, 1) / 1000, { timeZone: 'UTC' })).toBe('Sun Nov 22 20:59:01 2026')
    expect(formatPretty(Date.UTC(2026, 10, 2, 0, 0, 0) / 1000, { timeZone: 'UTC' })).toBe('Mon Nov  2 00:00:00 2026')
    expect(formatPretty(1_700_000_000.9, { timeZone })).toBe('Tue Nov 14 23:13:20 2023')
    expect(formatPretty(1_019_794_921, { timeZone })).toBe('Fri Apr 26 06:22:01 2002')
    expect(formatPretty(-1, { timeZone: 'UTC' })).toBe('Wed Dec 31 23:59:59 1969')
  })

  it('refuses what no calendar shows', () => {
    expect(() => formatPretty(1e13)).toThrow(RangeError)
    expect(() => formatPretty(Number.NaN)).toThrow(RangeError)
  })
})
