import { describe, expect, it } from 'vitest'
import {
  gnuMagic,
  member,
  padded,
  pax,
  posixMagic,
  rawHeader,
  type RawFields,
  zeroBlock,
} from '../../test/hand-made.ts'
import { outcome } from '../../test/outcome.ts'
import { TarDecoder } from './tar-decoder.ts'

const join = (...pieces: Uint8Array[]): Buffer => Buffer.concat(pieces)
const names = (archive: Buffer): string[] => {
  const { members, error } = outcome(archive)
  expect(error).toBeUndefined()
  return members.map(({ header }) => header.name)
}
const first = (archive: Buffer) => {
  const { members, error } = outcome(archive)
  expect(error).toBeUndefined()
  return members[0]!.header
}
const long = (flag: 'L' | 'K', name: string): Buffer =>
  member({ name: '././@LongLink', typeflag: flag, magic: gnuMagic }, name)

describe('TarDecoder reading', () => {
  it('gives views of the chunk, not copies', () => {
    const archive = member({ name: 'a' }, 'x'.repeat(1000))
    const parts = new TarDecoder().push(archive)
    expect(parts.map(({ type }) => type)).toEqual(['header', 'data', 'end'])
    const data = parts[1]!
    expect(data.type === 'data' && data.bytes.buffer === archive.buffer).toBe(true)
    expect(data.type === 'data' && data.bytes.byteOffset).toBe(archive.byteOffset + 512)
  })

  it('takes nothing, and an archive without an end, for an archive', () => {
    expect(outcome(Buffer.alloc(0))).toEqual({ members: [], ended: false })
    expect(outcome(member({ name: 'a' }, 'x'))).toMatchObject({
      ended: false,
      members: [{ body: 'x', complete: true }],
    })
  })

  it('ends with a single zero block and ignores the garbage after it', () => {
    const archive = join(member({ name: 'a' }, 'x'), zeroBlock, Buffer.alloc(700, 0x8c))
    expect(outcome(archive)).toMatchObject({ ended: true, members: [{ body: 'x' }] })
    expect(outcome(archive).error).toBeUndefined()
  })

  it('tells the end of a body before its padding comes', () => {
    const decoder = new TarDecoder()
    expect(decoder.push(member({ name: 'a' }, 'x').subarray(0, 513)).map(({ type }) => type)).toEqual([
      'header',
      'data',
      'end',
    ])
  })

  it('joins prefix and name in POSIX archives only', () => {
    expect(names(member({ name: 'n', prefix: 'p/q', magic: posixMagic }))).toEqual(['p/q/n'])
    expect(names(member({ name: 'n'.repeat(100), prefix: 'p'.repeat(155) }))).toEqual([
      `${'p'.repeat(155)}/${'n'.repeat(100)}`,
    ])
    // GNU's incremental archives have times there.
    expect(names(member({ name: 'n', prefix: '13727410000\x0013727410000\0', magic: gnuMagic }))).toEqual(['n'])
    expect(names(member({ name: 'n', prefix: 'junk', magic: undefined }))).toEqual(['n'])
  })

  it('takes nothing from beyond the link name of a v7 header', () => {
    const header = first(member({ name: 'n', userName: 'junk', groupName: 'junk', magic: undefined }))
    expect(header).toMatchObject({ userName: '', groupName: '' })
  })

  it('reads long names and targets of GNU archives, in either order, without a prefix', () => {
    const name = 'n/'.repeat(300)
    for (const ahead of [
      [long('L', `${name}\0`), long('K', `${'t'.repeat(101)}\0`)],
      [long('K', 't'.repeat(101)), long('L', name)],
    ]) {
      const archive = join(...ahead, member({ name: 'n', prefix: 'p', typeflag: '2' }))
      expect(first(archive)).toMatchObject({ name, linkName: 't'.repeat(101), type: 'symlink' })
      expect(outcome(archive).members[0]!.offset).toBe(0)
    }
  })

  it('lets pax records win over GNU long names, and own records over those for all', () => {
    const archive = join(
      pax({ gname: 'all', uname: 'all', mtime: '5' }, 'g'),
      long('L', 'gnu'),
      pax({ path: 'pax', uname: 'own', mtime: '' }),
      member({ name: 'a', mtime: '00000000007\0', groupName: 'header' }),
      member({ name: 'b', groupName: 'header' }),
    )
    const read = outcome(archive).members.map(({ header }) => header)
    expect(read[0]).toMatchObject({ name: 'pax', userName: 'own', groupName: 'all', mtime: 7 })
    expect(read[1]).toMatchObject({ name: 'b', userName: 'all', groupName: 'all', mtime: 5 })
    expect(outcome(archive).members[0]!.offset).toBe(1024)
  })

  it('accepts records for all members where there are none', () => {
    expect(outcome(join(pax({ comment: 'a commit' }, 'g'), zeroBlock))).toEqual({ members: [], ended: true })
    expect(outcome(pax({ comment: 'a commit' }, 'g'))).toEqual({ members: [], ended: false })
  })

  it('reads names and targets as the bytes they are, hdrcharset or not', () => {
    const value = 'caf\u00e9/\u00c3\u00a9'
    const charsets: Record<string, string>[] = [{}, { hdrcharset: 'BINARY' }, { hdrcharset: 'ISO-IR 10646 2000 UTF-8' }]
    for (const more of charsets) {
      expect(
        first(join(pax({ ...more, path: value, linkpath: value, uname: value }), member({ name: 'a' }))),
      ).toMatchObject({
        name: value,
        linkName: value,
        userName: value,
      })
    }
  })

  it('reads sizes over 8 GiB in base 256, in 12 octal digits and in pax records', () => {
    const base256 = '\u0080\0\0\0\0\0\0\u0002\0\0\0\0'
    const decoder = () => new TarDecoder()
    const header = (bytes: Uint8Array) => decoder().push(bytes)[0]
    expect(header(rawHeader({ name: 'a', typeflag: '0', size: base256 }))).toMatchObject({ header: { size: 2 ** 33 } })
    expect(header(rawHeader({ name: 'a', typeflag: '0', size: '777777777777' }))).toMatchObject({
      header: { size: 8 ** 12 - 1 },
    })
    expect(header(join(pax({ size: '9007199254740991' }), rawHeader({ name: 'a', typeflag: '0' })))).toMatchObject({
      header: { size: 2 ** 53 - 1 },
    })
  })

  it('counts a body of more than 8 GiB without holding it', () => {
    const decoder = new TarDecoder()
    const size = 2 ** 33 + 5
    decoder.push(join(pax({ size: String(size) }), rawHeader({ name: 'a', typeflag: '0' })))
    const chunk = Buffer.alloc(1 << 26)
    let seen = 0
    for (let left = size; left > 0; left -= chunk.length) {
      for (const part of decoder.push(left < chunk.length ? chunk.subarray(0, left) : chunk)) {
        if (part.type === 'data') seen += part.bytes.length
      }
    }
    expect(seen).toBe(size)
    decoder.push(Buffer.alloc(507))
    expect(decoder.push(member({ name: 'after' }))[0]).toMatchObject({
      header: { name: 'after' },
      offset: 1536 + size + 507,
    })
    expect(decoder.finish()).toEqual([])
  })

  it('reads negative times in base 256 and with fractions in pax records', () => {
    expect(
      first(member({ name: 'a', mtime: '\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00fe' }))
        .mtime,
    ).toBe(-2)
    expect(first(join(pax({ mtime: '-1.25' }), member({ name: 'a' }))).mtime).toBe(-1.25)
    expect(first(join(pax({ mtime: '1700000000.123456789' }), member({ name: 'a' }))).mtime).toBe(
      1_700_000_000.123_456_7,
    )
  })

  it('accepts the ways in which numbers are blank, led and ended', () => {
    const fields: RawFields = { mode: '   644 \0', uid: '1750    ', gid: '00001750', mtime: ' 7 \u0000junk' }
    expect(first(member({ name: 'a', ...fields }))).toMatchObject({ mode: 0o644, uid: 1000, gid: 0o1750, mtime: 7 })
    expect(first(member({ name: 'a', mode: '        ' }))).toMatchObject({ mode: 0, uid: 0, mtime: 0 })
    expect(first(member({ name: 'a', mode: '0100644\0' })).mode).toBe(0o644)
  })

  it('accepts checksums of signed bytes, as some old tars made them', () => {
    const block = rawHeader({ name: '\u00ff\u00fe', typeflag: '0', magic: posixMagic })
    const unsigned = Number.parseInt(block.toString('latin1', 148, 154), 8)
    const signed = rawHeader({
      name: '\u00ff\u00fe',
      typeflag: '0',
      magic: posixMagic,
      checksum: `${(unsigned - 512).toString(8).padStart(6, '0')}\0 `,
    })
    expect(names(signed)).toEqual(['\u00ff\u00fe'])
    expect(
      outcome(rawHeader({ name: '\u00ff\u00fe', checksum: `${(unsigned - 256).toString(8)}\0 ` })).error?.code,
    ).toBe('corrupt')
  })

  it('gives no body to links, folders, devices and fifos whatever their size says', () => {
    const archive = join(
      ...'123456'.split('').map((typeflag) => rawHeader({ name: `m${typeflag}`, typeflag, size: 600 })),
    )
    const { members, error } = outcome(archive)
    expect(error).toBeUndefined()
    expect(members.map(({ header }) => [header.type, header.size])).toEqual([
      ['hardlink', 0],
      ['symlink', 0],
      ['character-device', 0],
      ['block-device', 0],
      ['directory', 0],
      ['fifo', 0],
    ])
  })

  it('passes the bodies of unknown kinds and of sparse members through, as "other"', () => {
    const map = Buffer.alloc(512)
    const isextended = Buffer.from(map)
    isextended[504] = 1
    const sparse = rawHeader({
      name: 's',
      typeflag: 'S',
      size: 3,
      magic: gnuMagic,
      prefix: `${'\0'.repeat(137)}\u0001`,
    })
    const archive = join(
      member({ name: 'q', typeflag: 'Q' }, 'body'),
      sparse,
      isextended,
      map,
      padded('abc'),
      pax({
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.name': 'real',
        path: './GNUSparseFile.1/real',
      }),
      member({ name: 'x' }, 'map'),
      member({ name: 'after' }),
    )
    const { members, error } = outcome(archive)
    expect(error).toBeUndefined()
    expect(members.map(({ header, body }) => [header.name, header.type, header.typeflag, body])).toEqual([
      ['q', 'other', 'Q', 'body'],
      ['s', 'other', 'S', 'abc'],
      ['real', 'other', '0', 'map'],
      ['after', 'file', '0', ''],
    ])
  })
})
