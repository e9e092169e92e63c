import * as fc from 'fast-check'
import { itWith, run } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { FieldError, Fields, parseJson } from './fields.ts'
import { parseCentralTime, parseUtcTime } from './times.ts'

const read = (json: string) => Fields.of(parseJson(json), '')

describe('parseJson()', () => {
  it('keeps every digit of every number', () => {
    expect(
      parseJson('{"quickkey":123456789012345678901,"time":1397755702.0580,"e":1E+5,"n":-0.10,"list":[1,2.50]}'),
    ).toEqual({
      quickkey: '123456789012345678901',
      time: '1397755702.0580',
      e: '1E+5',
      n: '-0.10',
      list: ['1', '2.50'],
    })
  })

  it('reads what JSON.parse() reads, numbers as their text, and refuses what it refuses', () => {
    const anyText = fc.oneof(
      fc.json(),
      fc.json().chain((text) => fc.nat(text.length).map((at) => text.slice(0, at))),
      fc.string({
        unit: fc.constantFrom('"', '\\', '1', '{', '}', '[', ']', ':', ',', 'a', '-', '.', 'e', ' '),
        maxLength: 20,
      }),
    )
    const asText = (value: unknown): unknown =>
      typeof value === 'number'
        ? 'number'
        : Array.isArray(value)
          ? value.map(asText)
          : typeof value === 'object' && value !== null
            ? Object.entries(value).map(([name, item]) => [name, asText(item)])
            : value
    const ours = (value: unknown, judge: unknown): unknown =>
      typeof judge === 'number'
        ? typeof value === 'string' && Number(value) === judge
          ? 'number'
          : value
        : Array.isArray(judge)
          ? judge.map((item, i) => ours((value as unknown[])[i], item))
          : typeof judge === 'object' && judge !== null
            ? Object.entries(judge).map(([name, item]) => [name, ours((value as Record<string, unknown>)[name], item)])
            : value
    fc.assert(
      fc.property(anyText, (text) => {
        let judge: unknown
        try {
          judge = JSON.parse(text)
        } catch {
          return
        }
        expect(ours(parseJson(text), judge)).toEqual(asText(judge))
      }),
      { numRuns: 3000 },
    )
    for (const text of ['', '{', '{"a":1', '{"a":"b', '{"a":12"b"}', '[1 2]', '{"a":}', 'nul']) {
      expect(() => parseJson(text), text).toThrow(SyntaxError)
    }
  })

  it('takes time in proportion to the length, also when the answer is cut inside a string', () => {
    expect(() => parseJson(`{"a":"${'\\"'.repeat(2_000_000)}`)).toThrow(SyntaxError)
    expect(parseJson(`{"a":"${'x'.repeat(8_000_000)}"}`)).toHaveProperty('a.length', 8_000_000)
    expect(() => parseJson('-'.repeat(2_000_000))).toThrow(SyntaxError)
  })
})

describe('Fields', () => {
  it('reads a key of digits as text, never as a number', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{15}$/), fc.boolean(), (key, bare) => {
        // With a zero in front it is no JSON number.
        const json = bare && !key.startsWith('0') ? `{"quickkey":${key}}` : `{"quickkey":"${key}"}`
        expect(read(json).requiredText('quick_key', 'quickkey')).toBe(key)
      }),
      { numRuns: 1000 },
    )
  })

  it('reads numbers and flags however they are written', () => {
    const fields = read('{"a":"123","b":123,"c":"","d":null,"e":"yes","f":"No","g":1,"h":false,"i":[],"j":"0"}')
    expect([fields.count('a'), fields.count('b'), fields.count('c'), fields.count('d'), fields.count('x')]).toEqual([
      123,
      123,
      undefined,
      undefined,
      undefined,
    ])
    expect(['e', 'f', 'g', 'h', 'j'].map((name) => fields.flag(name))).toEqual([true, false, true, false, false])
    expect([fields.flag('c'), fields.flag('i'), fields.count('i')]).toEqual([undefined, undefined, undefined])
    expect(fields.count('c', 'a')).toBe(123)
    expect(fields.number('a')).toBe(123)
    expect(read('{"n":"-14"}').number('n')).toBe(-14)
  })

  it('numbers above 2^53 are refused instead of rounded, and all below come out exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 60n }), (value) => {
        const fields = read(`{"size":"${value}"}`)
        if (value <= BigInt(Number.MAX_SAFE_INTEGER)) expect(BigInt(fields.count('size')!)).toBe(value)
        else expect(() => fields.count('size')).toThrow(FieldError)
      }),
      { numRuns: 1000 },
    )
  })

  it('names the field that is of the wrong kind, and not its value', () => {
    const fields = read('{"a":"secret","b":{"c":"secret"},"d":["secret"],"e":{"f":[{"g":"secret"}]}}')
    const failing: [() => unknown, string][] = [
      [() => fields.count('a'), 'a is not a number'],
      [() => fields.flag('a'), 'a is not yes or no'],
      [() => fields.date('a'), 'a is not a date'],
      [() => fields.text('b'), 'b is not text'],
      [() => fields.count('b'), 'b is not a single value'],
      [() => fields.fields('b').count('c'), 'b.c is not a number'],
      [() => fields.fields('a'), 'a is not an object'],
      [() => fields.list('d'), 'd[0] is not an object'],
      [() => fields.fields('e').list('f')[0]!.flag('g'), 'e.f[0].g is not yes or no'],
      [() => fields.requiredText('x', 'y'), 'x is missing'],
      [() => read('{"n":-1}').count('n'), 'n is not a count'],
      [() => read('{"n":1.5}').count('n'), 'n is not a count'],
    ]
    for (const [fail, message] of failing) expect(fail).toThrow(new FieldError(message))
  })

  it('takes one thing for a list of one, and what PHP makes of an empty object', () => {
    expect(
      read('{"files":{"a":"1"}}')
        .list('files')
        .map((file) => file.text('a')),
    ).toEqual(['1'])
    expect(read('{"files":[{"a":"1"},{"a":"2"}]}').list('file_infos', 'files')).toHaveLength(2)
    for (const nothing of ['""', '[]', 'null']) {
      expect(read(`{"x":${nothing}}`).list('x')).toEqual([])
      expect(read(`{"x":${nothing}}`).fields('x').names).toEqual([])
      expect(read(`{"x":${nothing}}`).texts('x')).toEqual([])
    }
    expect(read('{"words":["1","2"]}').texts('words')).toEqual(['1', '2'])
    expect(read('{"words":"7"}').texts('words')).toEqual(['7'])
  })

  it('does not see what every object has', () => {
    expect(read('{}').text('toString')).toBeUndefined()
    expect(read('{"__proto__":{"size":"1"}}').count('size')).toBeUndefined()
  })
})

describe('times', () => {
  it('parseUtcTime() reads what is UTC, and nothing else', () => {
    expect(parseUtcTime('2015-08-03T11:46:23Z')?.toISOString()).toBe('2015-08-03T11:46:23.000Z')
    expect(parseUtcTime('2015-08-03 11:46:23')?.toISOString()).toBe('2015-08-03T11:46:23.000Z')
    expect(parseUtcTime('1441140271')?.toISOString()).toBe('2015-09-01T20:44:31.000Z')
    for (const bad of ['', '2015', '2015-02-30T00:00:00Z', '2015-01-01T24:00:00Z', '2015-01-01T00:00:00+05:00', 'x']) {
      expect(parseUtcTime(bad), bad).toBeUndefined()
    }
  })

  it('a date comes from its UTC field, or from the one of Chicago', () => {
    const both = read('{"created":"2015-08-03 06:46:23","created_utc":"2015-08-03T11:46:23Z"}')
    expect(both.date('created')?.toISOString()).toBe('2015-08-03T11:46:23.000Z')
    expect(read('{"created":"2015-08-03 06:46:23"}').date('created')?.toISOString()).toBe('2015-08-03T11:46:23.000Z')
    expect(read('{"created":"2013-06-26"}').date('created')?.toISOString()).toBe('2013-06-26T05:00:00.000Z')
    expect(read('{"created":""}').date('created')).toBeUndefined()
    expect(read('{"created":"0000-00-00 00:00:00"}').date('created')).toBeUndefined()
  })

  itWith('python3', 'parseCentralTime() is what python3 makes of America/Chicago', async () => {
    const seconds = fc.sample(fc.integer({ min: 1_136_073_600, max: 2_051_222_400 }), 3000)
    const script = `
import sys, json
from datetime import datetime
from zoneinfo import ZoneInfo
zone = ZoneInfo('America/Chicago')
out = []
for s in json.load(sys.stdin):
    local = datetime.fromtimestamp(s, zone).strftime('%Y-%m-%d %H:%M:%S')
    out.append([local, int(datetime.strptime(local, '%Y-%m-%d %H:%M:%S').replace(tzinfo=zone).timestamp())])
json.dump(out, sys.stdout)
`
    // The hours around the changes of 2015 and 2026, minute by minute.
    for (const change of [1_425_801_600, 1_446_361_200, 1_772_956_800, 1_793_516_400]) {
      for (let minute = -200; minute < 200; minute++) seconds.push(change + minute * 60)
    }
    const { stdout } = await run(['python3', '-c', script], {
      input: Buffer.from(JSON.stringify(seconds)),
      check: true,
    })
    for (const [local, judged] of JSON.parse(stdout.toString()) as [string, number][]) {
      expect(parseCentralTime(local)!.getTime() / 1000, local).toBe(judged)
    }
  })
})
