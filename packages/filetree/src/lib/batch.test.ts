import type { RawPath } from '@coalmine/bytes'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { BatchPacker, type EntryRow, slabBytes, transferOf, unpackBatch } from './batch.ts'

const row: EntryRow = {
  kind: 0,
  mode: 0o644,
  uid: 4_294_967_295,
  gid: 0,
  size: 1,
  mtimeNs: 1_700_000_000_999_999_999n,
  ctimeNs: 1_700_000_000_500_000_000n,
  inode: 7,
  device: 8,
  devMajor: 0,
  devMinor: 0,
}

/** As the worker does it: what is moved is gone on this side. */
function cross(packer: BatchPacker) {
  const batch = packer.take(true)
  return unpackBatch(structuredClone(batch, { transfer: transferOf(batch) }))
}

function add(packer: BatchPacker, name: string, content: Uint8Array): void {
  const room = packer.room(content.length + 1)
  room.set(content)
  packer.add(name as RawPath, row, undefined, room.subarray(0, content.length))
}

it('BatchPacker splits times into seconds rounded down and exact nanoseconds', () => {
  const packer = new BatchPacker(10)
  const times = [0n, 1n, -1n, -1_000_000_000n, -1_500_000_000n, 1_700_000_000_999_999_999n, 8_589_934_592_000_000_001n]
  for (const mtimeNs of times) packer.add('x' as RawPath, { ...row, mtimeNs })
  const { entries } = cross(packer)
  expect(entries.map((entry) => [entry.mtimeSeconds, entry.mtimeNanos])).toEqual([
    [0, 0],
    [0, 1],
    [-1, 999_999_999],
    [-1, 0],
    [-2, 500_000_000],
    [1_700_000_000, 999_999_999],
    [8_589_934_592, 1],
  ])
})

it('BatchPacker hands over links and contents to the entries that they belong to', () => {
  const packer = new BatchPacker(10)
  packer.add('a' as RawPath, { ...row, kind: 2 }, 'to\xff\n' as RawPath)
  add(packer, 'b', Buffer.from('bee'))
  packer.add('c' as RawPath, { ...row, kind: 1 })
  add(packer, 'd', Buffer.alloc(0))
  packer.add('e' as RawPath, { ...row, kind: 2 }, 'x' as RawPath)
  add(packer, 'f', Buffer.from('eff'))
  packer.problem({ path: 'g' as RawPath, operation: 'list', code: 'EACCES', message: 'no' })
  const { entries, problems } = cross(packer)
  expect(entries.map((entry) => entry.path + (entry.linkTarget ?? ''))).toEqual(['ato\xff\n', 'b', 'c', 'd', 'ex', 'f'])
  expect(entries.map((entry) => entry.content && Buffer.from(entry.content).toString())).toEqual([
    undefined,
    'bee',
    undefined,
    '',
    undefined,
    'eff',
  ])
  expect(problems).toEqual([{ path: 'g', operation: 'list', code: 'EACCES', message: 'no' }])
  expect(entries[0]!.uid).toBe(4_294_967_295)
})

it('BatchPacker gives an empty batch when nothing was added', () => {
  expect(cross(new BatchPacker(3))).toEqual({ entries: [], problems: [] })
})

it('BatchPacker keeps contents of all sizes apart, in shared and own memory', () => {
  const small = { weight: 30, arbitrary: fc.integer({ min: 0, max: 300 }) }
  const edge = { weight: 1, arbitrary: fc.constantFrom(slabBytes / 4 - 1, slabBytes / 4, slabBytes / 4 + 1, 700_000) }
  fc.assert(
    fc.property(fc.array(fc.oneof(small, edge), { maxLength: 12 }), (lengths) => {
      const packer = new BatchPacker(64)
      for (const [index, length] of lengths.entries()) add(packer, String(index), Buffer.alloc(length, index + 1))
      const { entries } = cross(packer)
      expect(entries.map((entry) => entry.content!.length)).toEqual(lengths)
      for (const [index, { content }] of entries.entries()) {
        expect(Buffer.alloc(content!.length, index + 1).equals(content!)).toBe(true)
      }
    }),
    { numRuns: 1000 },
  )
})

it('BatchPacker is full by entries, by contents, by long paths and by problems', () => {
  const byCount = new BatchPacker(2)
  byCount.add('a' as RawPath, row)
  expect(byCount.full).toBe(false)
  byCount.add('b' as RawPath, row)
  expect(byCount.full).toBe(true)
  const byContent = new BatchPacker(100)
  add(byContent, 'a', Buffer.alloc(slabBytes * 0.75))
  expect(byContent.full).toBe(true)
  const byPath = new BatchPacker(100)
  byPath.add('a'.repeat(slabBytes) as RawPath, row)
  expect(byPath.full).toBe(true)
  const byProblem = new BatchPacker(1)
  byProblem.problem({ path: 'g' as RawPath, operation: 'list', code: 'EACCES', message: 'no' })
  expect(byProblem.full).toBe(true)
})
