import { concat, type RawPath } from '@coalmine/bytes'
import { choppings } from '@coalmine/fixtures'
import { encodeTarHeader, type TarHeader } from '@coalmine/tar'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeVolumes, encodeEntry } from '../../test/archives.ts'
import { DiffTarDecoder } from './difftar-decoder.ts'
import { encodeDiffTarMember } from './encode-members.ts'
import type { EntryMeta } from './entry-meta.ts'
import { FormatError } from './format-error.ts'

const raw = (text: string) => text as RawPath
const meta = (path: string, more: Partial<EntryMeta> = {}): EntryMeta => ({
  path: raw(path),
  kind: 'file',
  mode: 0o644,
  uid: 1,
  gid: 2,
  mtimeSeconds: 1_600_000_000,
  userName: 'u',
  groupName: 'g',
  ...more,
})
const chunk = (path: string, block: number, text: string, action: 'snapshot' | 'diff' = 'snapshot') =>
  encodeDiffTarMember({ action, meta: meta(path), block, data: Buffer.from(text) })
const single = (path: string, text: string) =>
  encodeDiffTarMember({ action: 'snapshot', meta: meta(path), data: Buffer.from(text) })
/** A member as nobody should write it. */
const odd = (name: string, more: Partial<TarHeader> = {}) =>
  encodeTarHeader({
    name: raw(name),
    type: 'file',
    mode: 0o644,
    uid: 1,
    gid: 2,
    size: 0,
    mtime: 1_600_000_000,
    linkName: raw(''),
    userName: 'u',
    groupName: 'g',
    devMajor: 0,
    devMinor: 0,
    ...more,
  })

/** Path, first chunk and content of each entry. */
function told(...volumes: Uint8Array[][]): string[] {
  const answers = choppings(concat(volumes.flat()), 1).map((_, way) =>
    decodeVolumes(volumes.map((members) => choppings(concat(members), 1)[way]!.chunks())).map(
      ({ action, path, firstBlock, data }) =>
        `${action} ${path}${firstBlock === undefined ? '' : `#${firstBlock}`}: ${Buffer.from(data).toString('latin1')}`,
    ),
  )
  for (const answer of answers) expect(answer).toEqual(answers[0])
  return answers[0]!
}

describe('DiffTarDecoder', () => {
  it('joins the chunks of an entry, across volumes too', () => {
    expect(
      told(
        [single('a', 'A'), chunk('b', 1, '1'), chunk('b', 2, '2')],
        [chunk('b', 3, '3'), chunk('b', 4, ''), single('c', '')],
        [chunk('d', 1, 'x')],
        [chunk('d', 2, 'y'), chunk('e', 1, 'z')],
        [],
        [chunk('e', 2, '!')],
      ),
    ).toEqual(['snapshot a: A', 'snapshot b#1: 123', 'snapshot c: ', 'snapshot d#1: xy', 'snapshot e#1: z!'])
  })

  it('tells where an entry begins whose beginning is not read', () => {
    expect(told([chunk('b', 17, 'q'), chunk('b', 18, 'r'), single('c', 'C')])).toEqual([
      'snapshot b#17: qr',
      'snapshot c: C',
    ])
  })

  it('takes another path, or another action, for another entry', () => {
    expect(told([chunk('a', 1, 'x'), chunk('b', 1, 'y'), chunk('b', 1, 'z', 'diff')])).toEqual([
      'snapshot a#1: x',
      'snapshot b#1: y',
      'diff b#1: z',
    ])
  })

  it.each([
    ['one too many', [chunk('a', 1, 'x'), chunk('a', 3, 'z')]],
    ['the same again', [chunk('a', 1, 'x'), chunk('a', 1, 'z')]],
    ['one back', [chunk('a', 2, 'x'), chunk('a', 1, 'z')]],
  ])('refuses chunks that do not follow each other: %s', (_, members) => {
    expect(() => told(members)).toThrow(expect.objectContaining({ name: 'FormatError', code: 'corrupt' }))
  })

  it('ends each entry, the last one when it is finished', () => {
    const decoder = new DiffTarDecoder()
    decoder.beginVolume()
    expect(decoder.push(concat([single('a', 'A'), chunk('b', 1, '1')])).map(({ type }) => type)).toEqual([
      'entry',
      'data',
      'end',
      'entry',
      'data',
    ])
    expect(decoder.endVolume()).toEqual([])
    expect(decoder.finish()).toEqual([{ type: 'end' }])
    expect(decoder.finish()).toEqual([])
  })

  it('ignores what follows the first zero block of a volume', () => {
    expect(told([single('a', 'A'), new Uint8Array(512), single('x', 'garbage')], [single('b', 'B')])).toEqual([
      'snapshot a: A',
      'snapshot b: B',
    ])
  })

  it('takes an empty volume, and none', () => {
    expect(told([])).toEqual([])
    expect(told([new Uint8Array(10_240)])).toEqual([])
    expect(new DiffTarDecoder().finish()).toEqual([])
  })

  it('reads the forms of the root', () => {
    for (const name of ['snapshot/./', 'snapshot/', 'snapshot/.']) {
      const [entry] = decodeVolumes([[odd(name, { type: 'directory' })]])
      expect(entry).toMatchObject({ action: 'snapshot', path: '', meta: { kind: 'directory' } })
    }
    expect(told([odd('snapshot/')])).toEqual(['snapshot : '])
    expect(told([odd('multivol_snapshot/./1')])).toEqual(['snapshot #1: '])
    expect(told([odd('deleted/folder/')])).toEqual(['deleted folder: '])
  })

  it('floors what it reads of times, and keeps those before 1970', () => {
    expect(decodeVolumes([[odd('snapshot/a', { mtime: -5 })]])[0]!.meta!.mtimeSeconds).toBe(-5)
  })

  it.each([
    'snapshot/../a',
    'snapshot/a/../b',
    'snapshot/..',
    'snapshot//etc',
    'snapshot//',
    'snapshot/a//b',
    'snapshot/./a',
    'diff/a/./b',
    'deleted/../a',
    'multivol_snapshot/../a/1',
    'multivol_diff//a/1',
  ])('refuses the name %s as unsafe', (name) => {
    expect(() => told([odd(name)])).toThrow(expect.objectContaining({ code: 'unsafe-name' }))
  })

  it('refuses a NUL in a name that pax brought', () => {
    const record = (key: string, value: string) => {
      const length = key.length + value.length + 3
      return `${length + String(length + 2).length} ${key}=${value}\n`
    }
    const body = Buffer.alloc(512)
    const size = body.write(record('path', 'snapshot/a\0b'), 'latin1')
    const header = Buffer.from(odd('././@PaxHeader', { size }))
    header.write('x', 156)
    let sum = 0
    header.fill(' ', 148, 156)
    for (const byte of header) sum += byte
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    expect(() => told([header, body, odd('snapshot/a')])).toThrow(FormatError)
  })

  it.each<[string, Partial<TarHeader>]>([
    ['snapshot', {}],
    ['other/a', {}],
    ['Snapshot/a', {}],
    ['multivol_snapshot/a', {}],
    ['multivol_snapshot/a/x', {}],
    ['multivol_snapshot/a/0', {}],
    ['multivol_snapshot/a/99999999999999999999', {}],
    ['multivol_other/a/1', {}],
    ['multivol_snapshot/a/1', { type: 'fifo' }],
    ['diff/a', { type: 'symlink', linkName: raw('x') }],
  ])('refuses the member %s %o', (name, more) => {
    expect(() => told([odd(name, more)])).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })

  it('refuses hard links, and kinds that it does not know', () => {
    expect(() => told([odd('snapshot/a', { type: 'hardlink', linkName: raw('b') })])).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    )
  })

  it('tells of damage after what was good before it, in every call from then on', () => {
    const decoder = new DiffTarDecoder()
    decoder.beginVolume()
    expect(decoder.push(concat([single('a', 'A'), odd('other/b')]))).toHaveLength(3)
    for (let again = 0; again < 2; again++) {
      expect(() => decoder.push(single('c', 'C'))).toThrow(FormatError)
      expect(() => decoder.endVolume()).toThrow(FormatError)
      expect(() => decoder.finish()).toThrow(FormatError)
    }
  })

  it('refuses a volume that ends too early', () => {
    const bytes = concat([single('a', 'A'), single('b', 'some data')])
    for (const length of [1, 511, 513, 1025, 1535, 1540]) {
      for (const way of choppings(bytes.subarray(0, length), 1)) {
        const attempt = () => decodeVolumes([way.chunks()])
        expect(attempt).toThrow(expect.objectContaining({ name: 'FormatError', code: 'corrupt' }))
      }
    }
  })

  it('wants volumes to be begun and ended', () => {
    const decoder = new DiffTarDecoder()
    expect(() => decoder.push(new Uint8Array(1))).toThrow(TypeError)
    expect(() => decoder.endVolume()).toThrow(TypeError)
    decoder.beginVolume()
    expect(() => decoder.beginVolume()).toThrow(TypeError)
    expect(() => decoder.finish()).toThrow(TypeError)
  })

  const name = fc.stringMatching(/^[a-z.\xff\n]{1,9}$/).filter((name) => !/^\.{1,2}$/.test(name))
  const path = fc.array(name, { minLength: 1, maxLength: 30 }).map((names) => raw(names.join('/')))
  const number = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 }), fc.constantFrom(0, 2_097_151, 2_097_152))
  const common = {
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: number,
    gid: number,
    mtimeSeconds: number,
    userName: name,
    groupName: name,
  }
  const kinds = fc.oneof(
    fc.record({ ...common, path, kind: fc.constantFrom('file', 'directory', 'fifo') }),
    fc.record({ ...common, path, kind: fc.constant('symlink'), linkTarget: path }),
    fc.record({
      ...common,
      path,
      kind: fc.constantFrom('character-device', 'block-device'),
      devMajor: number,
      devMinor: number,
    }),
  ) as fc.Arbitrary<EntryMeta>
  const length = fc.oneof(
    fc.integer({ min: 0, max: 2000 }),
    fc.constantFrom(511, 512, 513, 65_535, 65_536, 65_537, 131_072),
  )
  const entry = fc.record({ meta: kinds, length, action: fc.constantFrom('snapshot', 'diff', 'deleted') })

  it('reads what encodeDiffTarMember() writes, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(entry, { maxLength: 5, selector: ({ meta }) => meta.path }),
        fc.integer(),
        (entries, seed) => {
          const data = entries.map(({ meta, length, action }) =>
            meta.kind === 'file' && action !== 'deleted' ? Buffer.alloc(length, length % 251) : Buffer.alloc(0),
          )
          const action = ({ meta, action }: (typeof entries)[number]) =>
            action === 'diff' && meta.kind !== 'file' ? 'snapshot' : action
          const bytes = concat(
            entries.map((entry, i) => encodeEntry(action(entry), entry.meta.path, entry.meta, data[i])),
          )
          const [, , ...ways] = choppings(bytes, Math.abs(seed))
          for (const way of [{ chunks: () => [bytes] }, ...ways]) {
            const read = decodeVolumes([bytes.length === 0 ? [] : way.chunks()])
            expect(read.map(({ action, path, meta }) => ({ action, path, meta }))).toEqual(
              entries.map((entry) => ({
                action: action(entry),
                path: entry.meta.path,
                ...(entry.action === 'deleted' ? {} : { meta: entry.meta }),
              })),
            )
            for (const [i, entry] of read.entries()) expect(Buffer.compare(entry.data, data[i]!)).toBe(0)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('of damaged and arbitrary bytes gives entries or a FormatError, the same however they are cut', () => {
    const good = concat([
      single('a', 'A'.repeat(600)),
      chunk('b', 1, '1'),
      chunk('b', 2, '2'),
      encodeDiffTarMember({ action: 'deleted', path: raw('c') }),
    ])
    const hurt = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
      .map((changes) => {
        const bytes = Buffer.from(good)
        for (const [at, value] of changes) bytes[at] = value
        return bytes
      })
    const outcome = (chunks: Iterable<Uint8Array>) => {
      try {
        return decodeVolumes([chunks]).map(({ path, action, data }) => `${action} ${path} ${data.length}`)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
        return String(error)
      }
    }
    fc.assert(
      fc.property(fc.oneof(hurt, fc.uint8Array({ maxLength: 1100 })), fc.nat(), (bytes, seed) => {
        const [first, ...others] = choppings(bytes, seed).map((way) => outcome(way.chunks()))
        for (const other of others) expect(other).toEqual(first)
      }),
      { numRuns: 1000 },
    )
  })
})
