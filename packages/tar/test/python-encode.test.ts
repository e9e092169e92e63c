import type { RawPath } from '@coalmine/bytes'
import { itWith } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { afterAll, describe, expect } from 'vitest'
import { encodeTarHeader, tarEnd, type TarHeader, tarPadding, type TarType } from '../src/index.ts'
import { anyHeader, anyName, anyNumber, typeflagOf, writableTypes } from './any-header.ts'
import { TarfileJudge } from './tarfile-judge.ts'

describe('encodeTarHeader() against Python tarfile', () => {
  const judge = new TarfileJudge()
  afterAll(() => judge.close())

  const compare = async (header: Omit<TarHeader, 'typeflag'>): Promise<void> => {
    const expected = await judge.encode('gnu', { ...header, typeflag: typeflagOf(header.type) })
    expect(Buffer.from(encodeTarHeader(header)).equals(expected)).toBe(true)
  }

  itWith('python3', 'writes the same bytes as tarfile for any fields', async () => {
    await fc.assert(
      fc.asyncProperty(anyHeader, async (header) => {
        await compare(header)
      }),
      { numRuns: 2000 },
    )
  })

  itWith(
    'python3',
    'writes the same bytes as tarfile for every kind with names and targets at every limit',
    async () => {
      const lengths = [0, 1, 99, 100, 101, 254, 255, 256, 510, 511, 512, 513, 1024, 5000]
      for (const type of writableTypes) {
        for (const nameLength of lengths) {
          for (const linkLength of lengths) {
            await compare(plain(type, 'n'.repeat(nameLength), 'l'.repeat(linkLength)))
          }
        }
      }
    },
  )

  itWith('python3', 'makes archives that tarfile reads', async () => {
    const anyMember = fc.record({ name: anyName, size: fc.integer({ min: 0, max: 1100 }), mtime: anyNumber })
    await fc.assert(
      fc.asyncProperty(fc.array(anyMember, { maxLength: 5 }), async (members) => {
        const named = members.filter(({ name }) => name !== '')
        const pieces: Uint8Array[] = []
        for (const { name, size, mtime } of named) {
          const body = Buffer.alloc(size, name)
          pieces.push(encodeTarHeader({ ...plain('file', name), size, mtime }), body, Buffer.alloc(tarPadding(size)))
        }
        pieces.push(tarEnd(Buffer.concat(pieces).length))
        const read = await judge.read(Buffer.concat(pieces))
        expect(read.map(({ name, size, mtime, body }) => ({ name, size, mtime, body }))).toEqual(
          named.map(({ name, size, mtime }) => ({
            name,
            size,
            mtime,
            body: Buffer.alloc(size, name).toString('latin1'),
          })),
        )
      }),
      { numRuns: 1000 },
    )
  })

  itWith('python3', 'ends archives as tarfile does', async () => {
    const sizes = [0, 1, 512, 8191, 8192, 8193, 8704, 8705, 9216, 9217, 10_240]
    for (const size of sizes) {
      const header = { ...plain('file', 'a'), size }
      const body = 'x'.repeat(size)
      const expected = await judge.write('gnu', [{ ...header, typeflag: '0', body }])
      const members = Buffer.concat([encodeTarHeader(header), Buffer.from(body), Buffer.alloc(tarPadding(size))])
      expect(Buffer.concat([members, tarEnd(members.length)]).equals(expected), `a body of ${size} bytes`).toBe(true)
    }
    expect(Buffer.from(tarEnd(0)).equals(await judge.write('gnu', []))).toBe(true)
  })
})

function plain(type: TarType, name: string, linkName = ''): Omit<TarHeader, 'typeflag'> {
  return {
    name: name as RawPath,
    type,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 1_600_000_000,
    linkName: linkName as RawPath,
    userName: '',
    groupName: '',
    devMajor: 8,
    devMinor: 1,
  }
}
