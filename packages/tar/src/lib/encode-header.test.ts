import type { RawPath } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { encodeTarHeader, tarEnd, tarPadding } from './encode-header.ts'
import type { TarHeader } from './tar-header.ts'

const file: Omit<TarHeader, 'typeflag'> = {
  name: 'snapshot/a' as RawPath,
  type: 'file',
  mode: 0o644,
  uid: 1000,
  gid: 100,
  size: 5,
  mtime: 1_600_000_000,
  linkName: '' as RawPath,
  userName: 'ada',
  groupName: 'users',
  devMajor: 0,
  devMinor: 0,
}

const field = (header: Uint8Array, start: number, end: number): string =>
  Buffer.from(header).toString('latin1', start, end)

describe('encodeTarHeader()', () => {
  it('puts every field in its place', () => {
    const header = encodeTarHeader(file)
    expect(header.length).toBe(512)
    expect(field(header, 0, 11)).toBe('snapshot/a\0')
    expect(field(header, 100, 148)).toBe('0000644\x000001750\x000000144\x0000000000005\x0013727410000\0')
    expect(field(header, 156, 157)).toBe('0')
    expect(field(header, 257, 265)).toBe('ustar  \0')
    expect(field(header, 265, 268)).toBe('ada')
    expect(field(header, 297, 302)).toBe('users')
    expect(field(header, 329, 512)).toBe('\0'.repeat(183))
  })

  // The sample is from an archive of duplicity 0.8.22 on Python 3.7.
  it('writes a uid of 3000000 in base 256', () => {
    expect(Buffer.from(encodeTarHeader({ ...file, uid: 3_000_000 })).toString('hex', 108, 116)).toBe('80000000002dc6c0')
  })

  it('puts a long target ahead of a long name, each with a NUL that is counted', () => {
    const header = encodeTarHeader({
      ...file,
      type: 'symlink',
      name: 'n'.repeat(512) as RawPath,
      linkName: 'l'.repeat(101) as RawPath,
    })
    expect(header.length).toBe(1024 + 1536 + 512)
    expect([field(header, 156, 157), field(header, 1024 + 156, 1024 + 157)]).toEqual(['K', 'L'])
    expect([field(header, 124, 136), field(header, 1024 + 124, 1024 + 136)]).toEqual(['00000000146\0', '00000001001\0'])
    expect(field(header, 0, 13)).toBe('././@LongLink')
    expect(field(header, 2560, 2660)).toBe('n'.repeat(100))
  })

  it('gives a folder its slash', () => {
    expect(field(encodeTarHeader({ ...file, type: 'directory' }), 0, 12)).toBe('snapshot/a/\0')
  })

  it('does not change when the next header is made', () => {
    const first = encodeTarHeader(file)
    const copy = first.slice()
    encodeTarHeader({ ...file, name: 'other' as RawPath, size: 77 })
    expect(first).toEqual(copy)
  })

  it('refuses what it cannot write', () => {
    expect(() => encodeTarHeader({ ...file, type: 'other' })).toThrow(
      new TypeError('Cannot encode "snapshot/a": a member of kind "other" has no form'),
    )
    expect(() => encodeTarHeader({ ...file, name: 'a\0b' as RawPath })).toThrow(
      new RangeError('Cannot encode "a\\x00b": its name holds a NUL'),
    )
    expect(() => encodeTarHeader({ ...file, userName: '\u0142' })).toThrow(
      new RangeError('Cannot encode "snapshot/a": its userName holds a char that is no byte'),
    )
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1.5]) {
      expect(() => encodeTarHeader({ ...file, uid: bad })).toThrow(RangeError)
      expect(() => encodeTarHeader({ ...file, size: bad })).toThrow(RangeError)
    }
    expect(() => encodeTarHeader({ ...file, mtime: Number.NaN })).toThrow(RangeError)
    expect(() => encodeTarHeader({ ...file, size: -1 })).toThrow(
      new RangeError('Cannot encode "snapshot/a": its size "-1" is no number that a tar header holds'),
    )
  })
})

describe('tarPadding()', () => {
  it('fills a body up to a block', () => {
    expect([0, 1, 511, 512, 513, 2 ** 40 + 1, 2 ** 53 - 1].map(tarPadding)).toEqual([0, 511, 1, 0, 511, 511, 1])
  })
})

describe('tarEnd()', () => {
  it('fills the record with at least two blocks', () => {
    expect([0, 512, 9216, 9728, 10_240].map((size) => tarEnd(size).length)).toEqual([
      10_240, 9728, 1024, 10_752, 10_240,
    ])
    expect([0, 512, 1024].map((size) => tarEnd(size, 512).length)).toEqual([1024, 1024, 1024])
    expect(tarEnd(512).every((byte) => byte === 0)).toBe(true)
  })

  it('refuses a length that is no multiple of a block', () => {
    expect(() => tarEnd(100)).toThrow(new RangeError('Cannot end a tar of "100" bytes: it is no multiple of 512'))
    expect(() => tarEnd(-512)).toThrow(RangeError)
    expect(() => tarEnd(0, 0)).toThrow(RangeError)
    expect(() => tarEnd(0, 700)).toThrow(RangeError)
  })
})
