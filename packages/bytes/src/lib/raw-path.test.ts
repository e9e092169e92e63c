import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  comparePaths,
  isBelow,
  joinPath,
  parentPath,
  type RawPath,
  rawFromBytes,
  rawFromText,
  rawToBytes,
} from '../index.ts'

const raw = (text: string) => text as RawPath

/** Bytes around the slash, so that the order beside it is tried often, and all others. */
const anyByte = fc.oneof(fc.constantFrom(0x00, 0x01, 0x2e, 0x2f, 0x30, 0x41, 0x7f, 0x80, 0xff), fc.nat(255))
const anyBytes = fc
  .uint8Array({ maxLength: 12 })
  .chain((bytes) =>
    fc.array(anyByte, { minLength: bytes.length, maxLength: bytes.length }).map((values) => Uint8Array.from(values)),
  )
const anyPath = anyBytes.map(rawFromBytes)
const anyName = anyPath.filter((path) => path !== '' && !path.includes('/'))

/** The judge: arrays of the components, as Buffers, compared one by one; an array that is a beginning comes first. */
function compareComponents(a: RawPath, b: RawPath): number {
  const split = (path: RawPath) => path.split('/').map((part) => Buffer.from(part, 'latin1'))
  const x = split(a)
  const y = split(b)
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const order = Buffer.compare(x[i]!, y[i]!)
    if (order !== 0) return order
  }
  return Math.sign(x.length - y.length)
}

describe('rawFromBytes(), rawToBytes(), rawFromText()', () => {
  it('lose nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        const path = rawFromBytes(Buffer.concat([Buffer.of(1, 2), bytes]).subarray(2))
        expect(path.length).toBe(bytes.length)
        expect(rawToBytes(path).equals(bytes)).toBe(true)
      }),
      { numRuns: 1000 },
    )
    expect(rawToBytes(rawFromText('ä/€')).equals(Buffer.from('ä/€'))).toBe(true)
    expect(rawFromText('ä')).toBe('Ã¤')
  })
})

describe('comparePaths()', () => {
  it('orders as arrays of components, compared as bytes, do', () => {
    fc.assert(
      fc.property(anyPath, anyPath, (a, b) => {
        expect(Math.sign(comparePaths(a, b))).toBe(compareComponents(a, b))
        expect(comparePaths(a, b) === 0).toBe(a === b)
      }),
      { numRuns: 5000 },
    )
  })

  it('orders paths with a common beginning so, too', () => {
    fc.assert(
      fc.property(anyPath, anyPath, anyPath, (start, a, b) => {
        const [x, y] = [raw(start + a), raw(start + b)]
        expect(Math.sign(comparePaths(x, y))).toBe(compareComponents(x, y))
      }),
      { numRuns: 5000 },
    )
  })

  it('puts the root first, a folder before what it holds, and that before its neighbours', () => {
    const sorted = ['', 'a', 'a/!', 'a/z', 'a/z/0', 'a\0', 'a!', 'a-b', 'a.b', 'a0', 'b', '\xe4', '\xff'].map(raw)
    expect(sorted.toReversed().sort(comparePaths)).toEqual(sorted)
  })
})

describe('joinPath() and parentPath()', () => {
  it('undo each other', () => {
    fc.assert(
      fc.property(fc.array(anyName, { maxLength: 4 }), anyName, (parents, name) => {
        const parent = parents.reduce<RawPath>(joinPath, raw(''))
        expect(parent).toBe(parents.join('/'))
        expect(parentPath(joinPath(parent, name))).toBe(parent)
      }),
      { numRuns: 1000 },
    )
    expect(parentPath(raw(''))).toBeUndefined()
    expect(joinPath(raw('a'), raw(''))).toBe('a')
    expect(joinPath(raw(''), raw(''))).toBe('')
    expect(joinPath(raw('a'), raw('b/c'))).toBe('a/b/c')
  })
})

describe('isBelow()', () => {
  it('asks for whole components', () => {
    fc.assert(
      fc.property(anyPath, anyPath, (path, ancestor) => {
        const parts = ancestor === '' ? [] : ancestor.split('/')
        const expected = parts.every((part, i) => path.split('/')[i] === part)
        expect(isBelow(path, ancestor)).toBe(expected)
      }),
      { numRuns: 5000 },
    )
    expect(isBelow(raw('a/b'), raw('a'))).toBe(true)
    expect(isBelow(raw('a'), raw('a'))).toBe(true)
    expect(isBelow(raw('ab'), raw('a'))).toBe(false)
    expect(isBelow(raw('a'), raw('a/b'))).toBe(false)
    expect(isBelow(raw(''), raw(''))).toBe(true)
  })
})
