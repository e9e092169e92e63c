import { itWith, run } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FieldError, Fields, parseJson } from './fields.ts'
import { missingUnits, readResumable, unitSizeFor } from './units.ts'

const mib = 1_048_576
const gib = 1024 * mib

describe('unitSizeFor()', () => {
  it('is the table of the facts, at its edges', () => {
    const table: [number, number][] = [
      [0, 4],
      [4 * mib - 1, 4],
      [4 * mib, 1],
      [16 * mib - 1, 1],
      [16 * mib, 2],
      [64 * mib - 1, 2],
      [64 * mib, 4],
      [256 * mib - 1, 4],
      [256 * mib, 8],
      [gib, 16],
      [4 * gib - 1, 16],
      [4 * gib, 32],
      [16 * gib - 1, 32],
      [16 * gib, 64],
      [50 * gib, 64],
      [1000 * gib, 64],
    ]
    for (const [size, unit] of table) expect([size, unitSizeFor(size)]).toEqual([size, unit * mib])
    expect(Math.ceil((50 * gib) / unitSizeFor(50 * gib))).toBe(800)
  })
})

describe('missingUnits()', () => {
  it('reads the samples of the facts', () => {
    expect(missingUnits(['0', '0'], 21)).toHaveLength(21)
    expect(missingUnits(['15', '0'], 21)).toEqual(Array.from({ length: 17 }, (_, i) => i + 4))
    expect(missingUnits(['65535', '16'], 21)).toEqual([16, 17, 18, 19])
    // What the Python SDK gets wrong: unit 15 missing, unit 16 there.
    expect(missingUnits(['32767', '31'], 21)).toEqual([15])
  })

  itWith('python3', 'finds the units that python3 finds', async () => {
    const anyCase = fc.record({
      words: fc.array(fc.integer({ min: 0, max: 0xffff }).map(String), { maxLength: 20 }),
      units: fc.integer({ min: 0, max: 300 }),
    })
    const cases = fc.sample(anyCase, 1500)
    // One large number of all bits, looked at digit by digit: another way than words and shifts.
    const script = `
import sys, json
out = []
for case in json.load(sys.stdin):
    bits = ''.join(format(int(w), '016b')[::-1] for w in case['words'])
    out.append([u for u in range(case['units']) if u >= len(bits) or bits[u] == '0'])
json.dump(out, sys.stdout)
`
    const { stdout } = await run(['python3', '-c', script], { input: Buffer.from(JSON.stringify(cases)), check: true })
    const judged = JSON.parse(stdout.toString()) as number[][]
    for (const [i, { words, units }] of cases.entries()) {
      expect(missingUnits(words, units).join(' '), words.join(' ')).toBe(judged[i]!.join(' '))
    }
  })

  it('refuses what is no word', () => {
    for (const word of ['65536', '-1', '1.5', 'x', '', '99999999']) {
      expect(() => missingUnits([word], 16), word).toThrow(FieldError)
    }
  })
})

describe('readResumable()', () => {
  const read = (json: object, size: number) => readResumable(Fields.of(parseJson(JSON.stringify(json)), ''), size)
  const sample = {
    all_units_ready: 'no',
    number_of_units: '21',
    unit_size: '4194304',
    bitmap: { count: '2', words: ['15', '0'] },
  }

  it('reads the sample, also without a bitmap', () => {
    const size = 21 * 4_194_304 - 5
    expect(read({ ...sample, upload_key: 'b7bpiovaoyv' }, size)).toMatchObject({
      allUnitsReady: false,
      unitCount: 21,
      unitSize: 4_194_304,
      uploadKey: 'b7bpiovaoyv',
    })
    for (const bitmap of [undefined, '', []]) expect(read({ ...sample, bitmap }, size).missing).toHaveLength(21)
    expect(read({ ...sample, all_units_ready: 'yes' }, size).missing).toEqual([])
  })

  it('refuses numbers that do not fit the file, before anything is made of that length', () => {
    const bad: [object, number][] = [
      [{ number_of_units: '20' }, 21 * 4_194_304],
      [{ unit_size: '0' }, 5],
      [{ unit_size: '1', number_of_units: '4000000000' }, 4_000_000_000],
    ]
    for (const [more, size] of bad) expect(() => read({ ...sample, ...more }, size)).toThrow(FieldError)
    expect(read({ ...sample, number_of_units: '1' }, 0).unitCount).toBe(1)
    expect(read({ ...sample, number_of_units: '0' }, 0).missing).toEqual([])
  })
})
