import { chop } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeTarHeader, TarDecoder, tarPadding } from '../src/index.ts'
import { anyHeader } from './any-header.ts'
import { fixChecksum, gnuMagic, member, padded, pax, paxRecord, rawHeader, zeroBlock } from './hand-made.ts'
import { outcome, outcomeOf } from './outcome.ts'

const join = (...pieces: Uint8Array[]): Buffer => Buffer.concat(pieces)
const long = (flag: 'L' | 'K', name: string): Buffer =>
  member({ name: '././@LongLink', typeflag: flag, magic: gnuMagic }, name)

describe('TarDecoder refusing', () => {
  const good = member({ name: 'good' }, 'x')
  const refusal = (archive: Buffer, limits = {}) => {
    const { members, error } = outcome(join(good, archive), limits)
    // What came before is handed out, however the archive is cut.
    expect(members[0]).toMatchObject({ body: 'x', complete: true })
    return error === undefined ? undefined : `${error.code}: ${error.message}`
  }

  it.each<[string, Buffer]>([
    ['corrupt: Cannot read the tar header at byte "1024": its checksum does not match', Buffer.alloc(512, 'x')],
    [
      'corrupt: Cannot read the tar header at byte "1024": its checksum does not match',
      rawHeader({ name: 'a', checksum: '0000000\0' }),
    ],
    [
      'corrupt: Cannot read the tar header at byte "1024": its checksum does not match',
      rawHeader({ name: 'a', checksum: '00x000\0 ' }),
    ],
    [
      'corrupt: Cannot read the tar header at byte "1024": its size is no number',
      member({ name: 'a', size: '0000000000x\0' }),
    ],
    [
      'corrupt: Cannot read the tar header at byte "1024": its size is no number',
      member({ name: 'a', size: '00000000008\0' }),
    ],
    [
      'corrupt: Cannot read the tar header at byte "1024": its size is no number',
      member({ name: 'a', size: '-0000000001\0' }),
    ],
    ['corrupt: Cannot read the tar header at byte "1024": its size is no number', member({ name: 'a', size: '1 1\0' })],
    [
      'corrupt: Cannot read the tar header at byte "1024": its size is no number',
      member({ name: 'a', size: '\u00c0'.repeat(12) }),
    ],
    [
      'corrupt: Cannot read the tar header at byte "1024": its size "-1" is negative',
      member({ name: 'a', size: '\u00ff'.repeat(12) }),
    ],
    [
      'too-large: Cannot read the tar header at byte "1024": its size is beyond 2^53',
      member({ name: 'a', size: '\u0080\0\0\0\0\u0020\0\0\0\0\0\0' }),
    ],
    [
      'too-large: Cannot read the tar header at byte "1024": its size is beyond 2^53',
      member({ name: 'a', size: `\u0080${'\u00ff'.repeat(11)}` }),
    ],
    [
      'too-large: Cannot read the tar header at byte "1024": its mtime is beyond 2^53',
      member({ name: 'a', mtime: `\u00ff\0${'\u00ff'.repeat(10)}` }),
    ],
    [
      'corrupt: Cannot read the tar header at byte "1024": its mode is no number',
      member({ name: 'a', mode: 'rw-r--r--' }),
    ],
    ['corrupt: Cannot read the tar header at byte "1024": its uid is no number', member({ name: 'a', uid: '0x10' })],
    ['corrupt: Cannot read the tar header at byte "1024": its gid is no number', member({ name: 'a', gid: '999' })],
    [
      'corrupt: Cannot read the tar header at byte "1024": its devMajor is no number',
      member({ name: 'a', typeflag: '3', devMajor: 'x' }),
    ],
    [
      'too-large: Cannot read the tar header at byte "1024": a long name or pax header of "1048577" bytes is over the limit of 1048576',
      rawHeader({ name: '././@LongLink', typeflag: 'L', size: 1_048_577 }),
    ],
    [
      'too-large: Cannot read the tar header at byte "1024": a long name or pax header of "8589934591" bytes is over the limit of 1048576',
      rawHeader({ name: 'pax', typeflag: 'x', size: 0o77777777777 }),
    ],
    [
      'corrupt: Cannot read the tar header at byte "1024": a pax record claims to be longer than its header',
      join(member({ name: 'pax', typeflag: 'x' }, '999 path=a\n'), good),
    ],
    [
      'corrupt: Cannot read the tar header at byte "1024": its pax size is no number',
      join(pax({ size: 'huge' }), good),
    ],
    [
      'corrupt: Cannot read the tar header at byte "2048": a second header of kind "L" comes for one member',
      join(long('L', 'a'), long('L', 'b'), good),
    ],
    [
      'corrupt: Cannot read the tar header at byte "2048": a second header of kind "X" comes for one member',
      join(pax({ path: 'a' }), pax({ path: 'b' }, 'X'), good),
    ],
    [
      'corrupt: Cannot read the tar header at byte "2048": the archive ends before the member that a header was for',
      join(long('L', 'a'), zeroBlock),
    ],
    [
      'too-large: Cannot read the tar header at byte "17408": more than 16 long names and pax headers come ahead of one member',
      join(...Array.from({ length: 1000 }, () => pax({ comment: 'again' }, 'g'))),
    ],
    ['truncated: Cannot read the tar header at byte "1024": the archive ends within it', good.subarray(0, 511)],
    ['truncated: Cannot read the tar header at byte "1024": the archive ends within it', Buffer.alloc(300)],
    ['truncated: Cannot read "good": the archive ends "512" bytes before the member does', good.subarray(0, 512)],
    // GNU tar and Python say "unexpected end" to a missing padding, too.
    ['truncated: Cannot read "good": the archive ends "511" bytes before the member does', good.subarray(0, 513)],
    ['truncated: Cannot read "good": the archive ends "1" bytes before the member does', good.subarray(0, 1023)],
    [
      'truncated: Cannot read the tar header at byte "1024": the archive ends before the member that it is for',
      long('L', 'a'),
    ],
    [
      'truncated: Cannot read the tar header at byte "1024": the archive ends before the member that it is for',
      pax({ path: 'a' }).subarray(0, 1000),
    ],
    [
      'truncated: Cannot read the tar header at byte "1024": the archive ends within what it announces',
      pax({ comment: 'a' }, 'g').subarray(0, 520),
    ],
    [
      'truncated: Cannot read the tar header at byte "1024": the archive ends within what it announces',
      pax({ comment: 'a' }, 'g').subarray(0, 1000),
    ],
  ])('says %j', (sentence, archive) => {
    expect(refusal(archive)).toBe(sentence)
  })

  it('keeps to the limits it is given', () => {
    const archive = join(long('L', 'n'.repeat(300)), member({ name: 'a' }))
    expect(refusal(archive, { maxMetaBytes: 299 })).toContain('over the limit of 299')
    expect(refusal(archive, { maxMetaBytes: 300 })).toBeUndefined()
    expect(refusal(archive, { maxMetaMembers: 0 })).toContain('more than 0 long names')
  })

  it('quotes an endless name shortly', () => {
    const name = 'n\u0007'.repeat(400_000)
    const archive = join(long('L', name), rawHeader({ name: 'a', typeflag: '0', size: 5 }))
    expect(outcomeOf([archive]).error?.message.length).toBeLessThan(600)
  })

  it('does not allocate what is only announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders: TarDecoder[] = []
    for (let i = 0; i < 200; i++) {
      const decoder = new TarDecoder()
      decoder.push(rawHeader({ name: 'a', typeflag: 'x', size: 1_048_576 }))
      decoders.push(decoder)
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000)
    expect(decoders.length).toBe(200)
  })
})

/** Archives of several members in all dialects, of which tests then spoil bytes. */
const anyArchive: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc.tuple(anyHeader, fc.nat(700)).map(([header, length]) => {
        const size = header.type === 'file' ? length : 0
        return join(encodeTarHeader({ ...header, size }), Buffer.alloc(size, 'b'), Buffer.alloc(tarPadding(size)))
      }),
      fc
        .dictionary(
          fc.constantFrom('path', 'linkpath', 'size', 'mtime', 'uid', 'GNU.sparse.name', 'GNU.sparse.major', 'x'),
          fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('0', '3', '-1', '1.5', '600', '9007199254740993')),
        )
        .map((records) => pax(records)),
      fc.string({ maxLength: 300 }).map((name) => long('L', Buffer.from(name).toString('latin1'))),
      fc.constantFrom(
        pax({ gname: 'all' }, 'g'),
        rawHeader({ name: 's', typeflag: 'S', size: 3, magic: gnuMagic, prefix: `${'\0'.repeat(137)}\u0001` }),
        padded('abc'),
        member({ name: 'q', typeflag: 'Q' }, 'body'),
        zeroBlock,
      ),
    ),
    { maxLength: 5 },
  )
  .map((pieces) => join(...pieces))

describe('TarDecoder fed in any pieces', () => {
  it('gives the same parts and the same error for any spoilt archive', () => {
    const edit = fc.tuple(fc.nat(), fc.nat(511), fc.nat(255), fc.boolean())
    fc.assert(
      fc.property(anyArchive, fc.array(edit, { maxLength: 3 }), fc.nat(2000), (archive, edits, cut) => {
        const spoilt = Buffer.from(archive)
        for (const [block, at, value, mend] of edits) {
          if (spoilt.length < 512) break
          const start = (block % Math.floor(spoilt.length / 512)) * 512
          spoilt[start + at] = value
          if (mend) fixChecksum(spoilt, start)
        }
        const bytes = cut > 1000 ? spoilt : spoilt.subarray(0, Math.max(0, spoilt.length - cut))
        const { members, error } = outcome(bytes)
        for (const { header, body, complete } of members) {
          expect(Number.isSafeInteger(header.size) && header.size >= 0).toBe(true)
          if (complete) expect(body.length).toBe(header.size)
          expect(header.name).not.toContain('\0')
        }
        if (error === undefined) expect(members.every(({ complete }) => complete)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('says the same of every cut of an archive', () => {
    const archive = join(
      long('L', 'n'.repeat(600)),
      pax({ linkpath: 'l'.repeat(200) }),
      member({ name: 'a' }, 'x'.repeat(700)),
      member({ name: 'b' }),
    )
    // Where the archive may end: before the first member, between two, and after the last.
    const whole = new Set([0, archive.length - 512, archive.length])
    for (let length = 0; length <= archive.length; length += 1) {
      if (![0, 1, 2, 155, 156, 157, 188, 189, 300, 511].includes(length % 512)) continue
      const bytes = archive.subarray(0, length)
      const expected = outcomeOf(chop(bytes, 'whole'))
      expect(expected.error?.code, `cut at ${length}`).toBe(whole.has(length) ? undefined : 'truncated')
      expect(outcomeOf(chop(bytes, { seed: length }))).toEqual(expected)
    }
  })

  it('stays quick on an archive of nothing but tiny pax records', () => {
    const body = paxRecord('path', 'a').repeat(100_000)
    const archive = join(member({ name: 'pax', typeflag: 'x' }, body), member({ name: 'a' }))
    const before = performance.now()
    const decoder = new TarDecoder()
    for (const chunk of chop(archive, { seed: 1 })) decoder.push(chunk)
    expect(performance.now() - before).toBeLessThan(2000)
  })
})
