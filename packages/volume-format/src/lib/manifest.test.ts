import type { RawPath } from '@coalmine/bytes'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from './format-error.ts'
import { formatManifest, manifestPieces } from './manifest-format.ts'
import { ManifestDecoder, parseManifest, type ParseManifestOptions } from './manifest-parse.ts'
import type { Manifest } from './manifest.ts'
import { quote, unquote } from './quoting.ts'

const raw = (text: string) => text as RawPath
const bytes = (text: string) => Buffer.from(text, 'latin1')

const sample: Manifest = {
  hostname: 'vm',
  localDir: raw('src'),
  volumes: new Map([
    [
      1,
      {
        number: 1,
        start: { path: raw('') },
        end: { path: raw('big'), block: 16 },
        hashes: [{ name: 'SHA1', hex: '2d29' }],
      },
    ],
    [
      2,
      {
        number: 2,
        start: { path: raw('big'), block: 17 },
        end: { path: raw('sub/"x" y') },
        hashes: [{ name: 'SHA1', hex: '14d8' }],
      },
    ],
  ]),
  files: [
    { action: 'new', path: raw('big') },
    { action: 'changed', path: raw('sp ace') },
  ],
  fileCount: 2,
}

const text = `Hostname vm
Localdir src
Volume 1:
    StartingPath   . ${' '}
    EndingPath     big 16
    Hash SHA1 2d29
Volume 2:
    StartingPath   big 17
    EndingPath     "sub/\\x22x\\x22\\x20y" ${' '}
    Hash SHA1 14d8
Filelist 2
    new      big
    changed  "sp\\x20ace"
`

// The judge of these is the text of a manifest by duplicity; ../../test/manifests.test.ts compares with its own code.
describe('a manifest', () => {
  it('is written as duplicity writes it', () => {
    expect(Buffer.from(formatManifest(sample)).toString('latin1')).toBe(text)
  })

  it('is read', () => {
    expect(parseManifest(bytes(text))).toEqual(sample)
  })

  it('may lack everything', () => {
    expect(parseManifest(bytes(''))).toEqual({ volumes: new Map() })
    expect(formatManifest({ volumes: new Map() })).toHaveLength(0)
    expect(formatManifest({ volumes: new Map(), files: [] })).toEqual(bytes('Filelist 0\n'))
    expect(parseManifest(bytes('Filelist 0\n'))).toEqual({ volumes: new Map(), files: [], fileCount: 0 })
  })

  it('of a restarted backup says in its last sections what holds', () => {
    const section = (number: number, hash: string) =>
      `Volume ${number}:\n    StartingPath   a  \n    EndingPath     b  \n    Hash SHA1 ${hash}\n`
    const parsed = parseManifest(bytes(section(1, 'a1') + section(2, 'a2') + section(3, 'a3') + section(2, 'b2')))
    expect([...parsed.volumes.keys()]).toEqual([1, 2])
    expect(parsed.volumes.get(2)?.hashes).toEqual([{ name: 'SHA1', hex: 'b2' }])
  })

  it('may have its list of files before its volumes, and another spelling', () => {
    const other = text.replace(/Filelist[^]*/, '').replace('Volume 1:', 'filelist 1\n\tdeleted   x  \nVOLUME 1: more')
    const parsed = parseManifest(bytes(other.replaceAll('StartingPath', 'STARTINGpath').replaceAll('   ', ' \t')))
    expect(parsed.volumes).toEqual(sample.volumes)
    expect(parsed.files).toEqual([{ action: 'deleted', path: 'x' }])
  })

  it('without its files is read past them', () => {
    const { files: _, ...rest } = sample
    expect(parseManifest(bytes(text), { files: false })).toEqual(rest)
    const before = text.replace(/Filelist[^]*/, '').replace('Volume 1:', 'Filelist 2\n    new      a\nVolume 1:')
    expect(parseManifest(bytes(before), { files: false })).toEqual(rest)
  })

  it('keeps white space of other alphabets in names', () => {
    const path = raw('\xa0a\x85\x1c\xe2\x80\xa8')
    const manifest = { ...sample, localDir: path, files: [{ action: 'new' as const, path }], fileCount: 1 }
    expect(parseManifest(formatManifest(manifest))).toEqual(manifest)
  })

  it.each([
    ['a volume without a number', 'Volume :\n    StartingPath a  \n    EndingPath b  \n'],
    ['a volume without anything', 'Volume\n    StartingPath a  \n    EndingPath b  \n'],
    ['volume 0', 'Volume 0:\n    StartingPath a  \n    EndingPath b  \n'],
    ['a volume that nobody can count to', 'Volume 99999999999999999999:\n    StartingPath a  \n    EndingPath b  \n'],
    ['a volume without a start', 'Volume 1:\n    EndingPath b  \n'],
    ['a volume without an end', 'Volume 1:\n    StartingPath a  \n'],
    ['a path that is cut off', 'Volume 1:\n    StartingPath "a\\x2"  \n    EndingPath b  \n'],
    ['a path without its second quote', 'Volume 1:\n    StartingPath "a\n    EndingPath b  \n'],
    ['a path that is missing', 'Volume 1:\n    StartingPath\n    EndingPath b  \n'],
    ['a block that is no number', 'Volume 1:\n    StartingPath a x\n    EndingPath b  \n'],
    ['a digest that is missing', 'Volume 1:\n    StartingPath a  \n    EndingPath b  \n    Hash SHA1\n'],
    ['a list of files that nobody can count', 'Filelist 99999999999999999999\n'],
    ['a root in half a quote', 'Localdir "\n'],
  ])('with %s is corrupt', (_, text) => {
    expect(() => parseManifest(bytes(text))).toThrow(expect.objectContaining({ name: 'FormatError', code: 'corrupt' }))
  })

  it('that is too large is refused before it is looked at', () => {
    const long = bytes(`Localdir ${'x'.repeat(5000)}\n`)
    expect(() => parseManifest(long, { maxBytes: 5000 })).toThrow(expect.objectContaining({ code: 'too-large' }))
    expect(() => parseManifest(long, { maxLineBytes: 5000 })).toThrow(expect.objectContaining({ code: 'too-large' }))
  })

  it('that names more volumes than anybody has is refused', () => {
    const volume = (number: number) => `Volume ${number}:\n StartingPath .\n EndingPath .\n`
    const three = bytes([1, 2, 3].map((number) => volume(number)).join(''))
    expect(parseManifest(three, { maxVolumes: 3 }).volumes.size).toBe(3)
    expect(() => parseManifest(three, { maxVolumes: 2 })).toThrow(expect.objectContaining({ code: 'too-large' }))
  })

  it('that is too large is refused when it comes in pieces, before a line is whole', () => {
    const piece = bytes('x'.repeat(1000))
    const endless = (options: ParseManifestOptions) => {
      const decoder = new ManifestDecoder(options)
      for (let pieces = 0; pieces < 100; pieces++) decoder.push(piece)
    }
    expect(() => endless({ maxBytes: 5000 })).toThrow(expect.objectContaining({ code: 'too-large' }))
    expect(() => endless({ maxLineBytes: 5000 })).toThrow(expect.objectContaining({ code: 'too-large' }))
  })

  it('is not written when it could not be read', () => {
    const [first] = sample.volumes.values()
    const broken: Manifest[] = [
      { ...sample, hostname: 'a\nb' },
      { ...sample, volumes: new Map([[2, first!]]) },
      { ...sample, volumes: new Map([[0, { ...first!, number: 0 }]]) },
      { ...sample, volumes: new Map([[1, { ...first!, start: { path: raw('a'), block: 0 } }]]) },
      { ...sample, volumes: new Map([[1, { ...first!, hashes: [{ name: 'SHA1', hex: 'a b' }] }]]) },
      { ...sample, volumes: new Map([[1, { ...first!, hashes: [{ name: 'S\n', hex: '00' }] }]]) },
    ]
    for (const manifest of broken) expect(() => formatManifest(manifest)).toThrow(RangeError)
  })

  it('of 200,000 files is written in pieces, and read in a time that grows with it and not faster', () => {
    const path = (i: number) => raw(`some folder/with quite a few files/in it/${i}`)
    const files = Array.from({ length: 200_000 }, (_, i) => ({ action: 'new' as const, path: path(i) }))
    const pieces = [...manifestPieces({ ...sample, files })]
    expect(pieces.length).toBeGreaterThan(10)
    const all = Buffer.concat(pieces)
    expect(all.length).toBeGreaterThan(1.5e7)
    const started = performance.now()
    expect(parseManifest(all).files).toHaveLength(200_000)
    // Half a second on a machine with nothing else to do.
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  it('of arbitrary bytes gives a manifest or a FormatError', () => {
    const token = fc.constantFrom(
      'Volume 1:',
      'Volume',
      'StartingPath',
      'EndingPath',
      '\n',
      '\n    ',
      ' ',
      '"',
      '\\x',
      '0a',
      'Filelist 2',
      'new',
      'Hash SHA1 00',
      'Hostname',
      '.',
      '\xff',
    )
    const source = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(token, { maxLength: 40 }).map((tokens) => bytes(tokens.join(''))),
    )
    fc.assert(
      fc.property(source, (source) => {
        try {
          const manifest = parseManifest(source)
          // What is understood can be written, and says the same.
          if (manifest.files !== undefined && manifest.fileCount === manifest.files.length && sane(manifest)) {
            expect(parseManifest(formatManifest(manifest))).toEqual(manifest)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

/** Whether no value in it is one that duplicity never writes. */
function sane(manifest: Manifest): boolean {
  try {
    formatManifest(manifest)
    return manifest.hostname?.startsWith('"') !== true
  } catch {
    return false
  }
}

describe('quote()', () => {
  it.each([
    ['new\nline', '"new\\x0aline"'],
    ['q"uo\'te\\bs', '"q\\x22uo\\x27te\\x5cbs"'],
    ['sp ace', '"sp\\x20ace"'],
    ['non\xff', 'non\xff'],
    ['\x01\x1c\x7f\x85\xa0', '\x01\x1c\x7f\x85\xa0'],
    ['\t\v\f\r', '"\\x09\\x0b\\x0c\\x0d"'],
    ['', ''],
  ])('writes %j as duplicity', (plain, quoted) => {
    expect(quote(raw(plain))).toBe(quoted)
    expect(unquote(quoted)).toBe(plain)
  })

  it('is undone by unquote(), whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const path = raw(Buffer.from(bytes).toString('latin1'))
        const quoted = quote(path)
        expect(quoted).not.toMatch(/[\t-\r ]/)
        expect(unquote(quoted)).toBe(path)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('unquote()', () => {
  it.each(['"', '"a', '"a\\"', '"a\\n"', '"\\x0"', '"\\xg0"', '"\\', '"a"b'])('refuses %j', (text) => {
    expect(() => unquote(text)).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })

  it('takes a long path in its stride', () => {
    const path = raw('\\ '.repeat(1_000_000))
    expect(unquote(quote(path))).toBe(path)
    expect(() => unquote(`"${'\\x'.repeat(1_000_000)}"`)).toThrow(FormatError)
  })
})
