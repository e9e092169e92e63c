import type { RawPath } from '@coalmine/bytes'
import { itWith } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { afterAll, describe, expect } from 'vitest'
import type { TarHeader, TarType } from '../src/index.ts'
import { anyHeader, typeflagOf } from './any-header.ts'
import { fixChecksum, gnuMagic, member, padded, pax, posixMagic, rawHeader } from './hand-made.ts'
import { outcome } from './outcome.ts'
import { type JudgedMember, type JudgeFormat, type JudgeMember, TarfileJudge } from './tarfile-judge.ts'

/** Members as they are given to Python to be written; bodies for files only, as Python's writer has it. */
const anyMembers: fc.Arbitrary<JudgeMember[]> = fc.array(
  fc
    .tuple(
      anyHeader,
      fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: 600 }),
    )
    .map(([header, text]) => {
      const body = header.type === 'file' ? text : ''
      return { ...header, typeflag: typeflagOf(header.type), mode: header.mode & 0o7777, size: body.length, body }
    }),
  { maxLength: 3 },
)

const withoutSlashes = (name: string): string => name.replace(/\/+$/, '')

/** What must be read of a member: Python's reader takes slashes off names, so they are not compared with it. */
function expected(written: JudgeMember, header: TarHeader): Record<string, unknown> {
  const isDevice = written.typeflag === '3' || written.typeflag === '4'
  return {
    ...header,
    name: written.typeflag === '5' && !written.name.endsWith('/') ? `${written.name}/` : written.name,
    typeflag: written.typeflag,
    mode: written.mode,
    uid: written.uid,
    gid: written.gid,
    size: written.size,
    linkName: written.linkName,
    devMajor: isDevice ? written.devMajor : 0,
    devMinor: isDevice ? written.devMinor : 0,
  }
}

describe('TarDecoder against Python tarfile', () => {
  const judge = new TarfileJudge()
  afterAll(() => judge.close())

  itWith('python3', 'reads any GNU archive of tarfile', async () => {
    await fc.assert(
      fc.asyncProperty(anyMembers, async (members) => {
        const archive = await judge.write('gnu', members)
        const read = outcome(archive)
        expect(read.error).toBeUndefined()
        expect(read.ended).toBe(true)
        expect(read.members.map(({ body }) => body)).toEqual(members.map(({ body }) => body))
        read.members.forEach(({ header }, i) => {
          const written = members[i]!
          expect(header).toEqual({
            ...expected(written, header),
            mtime: Math.trunc(written.mtime) + 0,
            userName: written.userName.slice(0, 32),
            groupName: written.groupName.slice(0, 32),
          })
        })
      }),
      { numRuns: 1000 },
    )
  })

  itWith(
    'python3',
    'reads any pax archive of tarfile: hdrcharset=BINARY, huge and negative numbers, fractional times',
    async () => {
      await fc.assert(
        fc.asyncProperty(anyMembers, async (given) => {
          // Device numbers have no pax record, so Python cannot write large ones.
          const members = given.map((m) => ({ ...m, devMajor: Math.abs(m.devMajor) % 0o7777777, devMinor: 7 }))
          const archive = await judge.write('pax', members)
          const read = outcome(archive)
          expect(read.error).toBeUndefined()
          expect(read.members.map(({ body }) => body)).toEqual(members.map(({ body }) => body))
          read.members.forEach(({ header }, i) => {
            const written = members[i]!
            expect(header).toEqual({
              ...expected(written, header),
              mtime: written.mtime + 0,
              userName: written.userName,
              groupName: written.groupName,
            })
          })
        }),
        { numRuns: 1000 },
      )
    },
  )

  itWith('python3', 'reads any ustar archive of tarfile, names split into prefix and name', async () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '\u00ff', ' '), minLength: 1, maxLength: 90 })
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
    await fc.assert(
      fc.asyncProperty(fc.array(name, { maxLength: 4 }), async (names) => {
        const members = names
          .filter((n) => n.length <= 150)
          .map((n) => file({ name: n as RawPath, mtime: 0o77777777777, uid: 0o7777777 }))
        let archive: Buffer
        try {
          archive = await judge.write('ustar', members)
        } catch (error) {
          // Some names of over 100 bytes have no slash where one is needed.
          expect(String(error)).toContain('name is too long')
          return
        }
        const read = outcome(archive)
        expect(read.members.map(({ header, body }) => ({ ...header, body }))).toEqual(
          members.map((member) => ({ ...member, type: 'file' })),
        )
      }),
      { numRuns: 1000 },
    )
  })

  itWith('python3', 'agrees with tarfile on where members begin and on pax headers for all of them', async () => {
    const long = 'd/'.repeat(80)
    const members = [
      file({ name: `${long}a` as RawPath, body: 'one' }),
      file({ name: 'b' as RawPath, linkName: 'l'.repeat(200) as RawPath, typeflag: '2' }),
      file({ name: 'c' as RawPath, body: 'three' }),
    ]
    for (const format of ['gnu', 'pax'] satisfies JudgeFormat[]) {
      const archive = await judge.write(
        format,
        members,
        format === 'pax' ? { gname: 'everyone', comment: 'hello' } : {},
      )
      const ours = outcome(archive).members
      const theirs = await judge.read(archive)
      expect(ours.map(({ offset }) => offset)).toEqual(theirs.map(({ offset }) => offset))
      expect(ours.map(({ header }) => header.groupName)).toEqual(theirs.map(({ groupName }) => groupName))
    }
  })

  itWith('python3', 'accepts no header field that tarfile reads in another way', async () => {
    const numeric = fc.constantFrom<[number, number]>(
      [100, 8],
      [108, 8],
      [116, 8],
      [124, 12],
      [136, 12],
      [148, 8],
      [329, 8],
      [337, 8],
    )
    const byte = fc.constantFrom(
      ...'01234567'.repeat(3).split(''),
      ...'89 -+_ox.'.split(''),
      '\0',
      '\0',
      ' ',
      '\u0080',
      '\u00ff',
      '\u0081',
      '\u00c0',
    )
    const edit = fc.tuple(numeric, fc.nat(11), byte)
    const base = member({
      name: 'a',
      mode: '0000644\0',
      uid: '0001750\0',
      gid: '   1750 ',
      mtime: 7,
      typeflag: '3',
    } as never)
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const archive = Buffer.from(base)
        let touchedChecksum = false
        for (const [[at, length], index, char] of edits) {
          archive[at + (index % length)] = char.charCodeAt(0)
          if (at === 148) touchedChecksum = true
        }
        if (!touchedChecksum) fixChecksum(archive, 0)
        const ours = outcome(archive)
        if (ours.error !== undefined) return
        const theirs = await judge.read(archive)
        accepted += 1
        expect(comparable(ours.members[0]!.header)).toEqual({ ...comparable(theirs[0]!), size: 0 })
      }),
      { numRuns: 1000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  itWith('python3', 'agrees with tarfile on sparse members, old folders and archives of several dialects', async () => {
    const archive = Buffer.concat([
      member({ name: 'posix', magic: posixMagic, prefix: 'pre/fix' }, 'p'),
      member({ name: 'gnu', magic: gnuMagic, typeflag: '0' }, 'g'),
      member({ name: 'v7', magic: undefined, typeflag: '\0' }, 'v'),
      member({ name: 'v7/', magic: undefined, typeflag: '\0' }),
      member({ name: 'contiguous', typeflag: '7' }, 'c'),
      pax({ path: 'p\u00c3\u00bc/', mtime: '-1.5', uid: '3000000', size: '5' }),
      rawHeader({ name: 'x', size: 0, typeflag: '0', magic: posixMagic }),
      padded('12345'),
      member({ name: 'unknown', typeflag: 'Q' }, 'body'),
      member({ name: 'last' }, 'z'),
    ])
    const ours = outcome(archive).members
    const theirs = await judge.read(archive)
    expect(ours.map(({ header }) => withoutSlashes(header.name))).toEqual(theirs.map(({ name }) => name))
    expect(ours.map(({ header }) => header.size)).toEqual(theirs.map(({ size }) => size))
    expect(ours.map(({ header }) => header.mtime)).toEqual(theirs.map(({ mtime }) => mtime))
    expect(ours.map(({ header }) => header.uid)).toEqual(theirs.map(({ uid }) => uid))
    expect(ours.map(({ offset }) => offset)).toEqual(theirs.map(({ offset }) => offset))
    expect(ours.map(({ header }) => header.type)).toEqual([
      'file',
      'file',
      'file',
      'directory',
      'file',
      'file',
      'other',
      'file',
    ] satisfies TarType[])
  })
})

function comparable(header: Omit<TarHeader, 'type'> | JudgedMember): Record<string, number> {
  const { mode, uid, gid, size, mtime, devMajor, devMinor } = header
  return { mode: mode & 0o7777, uid, gid, size, mtime, devMajor, devMinor }
}

function file(fields: Partial<JudgeMember>): JudgeMember {
  const body = fields.body ?? ''
  return {
    name: 'a' as RawPath,
    typeflag: '0',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    linkName: '' as RawPath,
    userName: '',
    groupName: '',
    devMajor: 0,
    devMinor: 0,
    ...fields,
    size: body.length,
    body,
  }
}
