import { describe, expect, it } from 'vitest'
import { paxRecord } from '../../test/hand-made.ts'
import { parsePax, PaxProblem } from './pax-records.ts'

const parse = (text: string) => parsePax(Buffer.from(text, 'latin1'))

describe('parsePax()', () => {
  // The samples are from archives of duplicity 0.8.22 on Python 3.11.
  it('reads what duplicity writes', () => {
    expect(parse('15 uid=3000000\n15 gid=3000000\n')).toEqual({ uid: 3_000_000, gid: 3_000_000 })
    expect(parse('21 mtime=10413792000\n')).toEqual({ mtime: 10_413_792_000 })
    expect(parse('21 hdrcharset=BINARY\n27 path=snapshot/non\u00ff\u00feutf8\n')).toEqual({
      path: 'snapshot/non\u00ff\u00feutf8',
    })
  })

  it('keeps the last record of a key, values with equals signs and line feeds, and unknown keys out', () => {
    const text =
      paxRecord('path', 'a') +
      paxRecord('path', 'b=c\nd') +
      paxRecord('SCHILY.xattr.user.x', '\0\u00ff') +
      paxRecord('comment', '')
    expect(parse(text)).toEqual({ path: 'b=c\nd' })
    expect(parse('')).toEqual({})
  })

  it('takes an empty number for none, and an empty name for an empty name', () => {
    expect(parse(paxRecord('size', '') + paxRecord('uname', ''))).toEqual({ size: null, uname: '' })
  })

  it.each([
    ['12 path=a\n', 'a pax record claims to be longer than its header'],
    ['99999999999999999999999 path=a\n', 'a pax record claims to be longer than its header'],
    ['1 path=abc\n', 'a pax record does not end where it says'],
    ['0 path=abc\n', 'a pax record does not end where it says'],
    ['9 path=abc\n', 'a pax record does not end where it says'],
    ['path=abc\n', 'a pax record has no length'],
    [' 10 path=a\n', 'a pax record has no length'],
    ['-5 path=a\n', 'a pax record has no length'],
    ['10\tpath=a\n', 'a pax record has no length'],
    ['9 path=a\n\0\0', 'a pax record has no length'],
    ['7 abcd\n', 'a pax record has no key'],
    ['7 =abc\n', 'a pax record has no key'],
    ['3 \n', 'a pax record has no key'],
    [paxRecord('path', 'a\0b'), 'its pax path holds a NUL'],
    [paxRecord('linkpath', 'a\0b'), 'its pax linkpath holds a NUL'],
    [paxRecord('size', '-1'), 'its pax size is no number'],
    [paxRecord('size', '1.5'), 'its pax size is no number'],
    [paxRecord('size', '0x10'), 'its pax size is no number'],
    [paxRecord('size', ' 1'), 'its pax size is no number'],
    [paxRecord('size', '1'.repeat(65)), 'its pax size is no number'],
    [paxRecord('mtime', 'nan'), 'its pax mtime is no number'],
    [paxRecord('mtime', '1e'), 'its pax mtime is no number'],
    [paxRecord('uid', '1e3'), 'its pax uid is no number'],
  ])('refuses %j', (text, how) => {
    expect(parse(text)).toEqual(new PaxProblem('corrupt', how))
  })

  it.each([
    ['size', '9007199254740992'],
    ['size', '1'.repeat(64)],
    ['uid', '-9007199254740993'],
    ['mtime', '1e300'],
  ])('refuses a %s of %s as too large', (key, value) => {
    expect(parse(paxRecord(key, value))).toEqual(new PaxProblem('too-large', `its pax ${key} is beyond 2^53`))
  })

  it('reads a full header of the shortest records, and of one long run of digits, in no time', () => {
    const before = performance.now()
    expect(parse('5 a=\n'.repeat(200_000))).toEqual({})
    expect(parse('1'.repeat(1_048_576))).toBeInstanceOf(PaxProblem)
    expect(performance.now() - before).toBeLessThan(2000)
  })
})
