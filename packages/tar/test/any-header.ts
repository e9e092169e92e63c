import type { RawPath } from '@coalmine/bytes'
import * as fc from 'fast-check'
import type { TarHeader, TarType } from '../src/index.ts'

export const writableTypes: TarType[] = [
  'file',
  'directory',
  'symlink',
  'hardlink',
  'character-device',
  'block-device',
  'fifo',
]

const flags: Record<TarType, string> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
  other: '?',
}

export function typeflagOf(type: TarType): string {
  return flags[type]
}

const byteChar = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code))
const pathChar = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abcXYZ019._- /'.split('')) },
  { weight: 1, arbitrary: byteChar },
  { weight: 1, arbitrary: fc.constantFrom('\u00c3\u00bc', '\u00e2\u0082\u00ac', '\u00ff', '\n', '=') },
)

/** Names around every limit of the formats, of plain, UTF-8 and broken bytes. */
export const anyName: fc.Arbitrary<RawPath> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: pathChar, maxLength: 40 }) },
  { weight: 2, arbitrary: fc.string({ unit: pathChar, minLength: 90, maxLength: 110 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom(99, 100, 101, 154, 155, 156, 255, 256, 257, 511, 512, 513, 1023, 1024),
        fc.constantFrom('a', '\u00ff', 'n/'),
      )
      .map(([length, unit]) => unit.repeat(length).slice(0, length)),
  },
) as fc.Arbitrary<RawPath>

const anyOwner = fc.oneof(
  fc.constantFrom('', 'root', 'a'.repeat(31), 'b'.repeat(32), 'c'.repeat(33)),
  fc.string({ unit: byteChar, maxLength: 40 }),
)

/** Numbers around the edges of 7 and 11 octal digits, of 32 bits, and of what can be counted. */
export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 70_000 }),
  fc.constantFrom(0, 0o7777777, 0o10000000, 0o77777777777, 0o100000000000, 2 ** 31 - 1, 2 ** 32, 2 ** 53 - 1),
  fc.maxSafeNat(),
)
const anySigned = fc.oneof(anyNumber, fc.constantFrom(-1, -255, -256, -(2 ** 31), -(2 ** 53 - 1)), fc.maxSafeInteger())

/** A header with any combination of fields that can be encoded. */
export const anyHeader: fc.Arbitrary<Omit<TarHeader, 'typeflag'>> = fc.record({
  name: anyName,
  type: fc.constantFrom(...writableTypes),
  mode: fc.oneof(fc.integer({ min: 0, max: 0o7777 }), fc.integer()),
  uid: anySigned,
  gid: anySigned,
  size: anyNumber,
  mtime: fc.oneof(anySigned, fc.double({ min: -1e11, max: 1e11, noNaN: true })),
  linkName: fc.oneof(fc.constant('' as RawPath), anyName),
  userName: anyOwner,
  groupName: anyOwner,
  devMajor: anySigned,
  devMinor: anySigned,
})
