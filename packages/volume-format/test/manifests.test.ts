import { isDeepStrictEqual } from 'node:util'
import type { RawPath } from '@coalmine/bytes'
import { choppings, createRandom, itWith, type Random } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import {
  formatManifest,
  ManifestDecoder,
  mayHold,
  parseManifest,
  quote,
  unquote,
  type Manifest,
  type ManifestPlace,
} from '../src/index.ts'
import { ask, drawSeed, duplicity } from './oracle.ts'

interface Theirs {
  dies?: string
  hostname: string | null
  localDir: string | null
  volumes: {
    number: number
    start: [string, number | null]
    end: [string, number | null]
    hashes: Record<string, string>
  }[]
  files: [string, string][] | null
}

const alphabet = 'abcz.-_ \t\n\v\f\r"\'\\x:\xff\xa0\x85\x1c\x01\xe2\x80\xa8'

function component(random: Random): string {
  const chars = Array.from({ length: random.integer(1, 8) }, () =>
    alphabet.charAt(random.integer(0, alphabet.length - 1)),
  ).join('')
  return /^\.{1,2}$/.test(chars) ? 'dot' : chars
}

function path(random: Random): RawPath {
  const depth = random.integer(0, 4)
  return Array.from({ length: depth }, () => component(random)).join('/') as RawPath
}

function manifest(random: Random): Manifest {
  const place = (): ManifestPlace =>
    random.integer(0, 1) === 0 ? { path: path(random) } : { path: path(random), block: random.integer(1, 99_999) }
  const made: Manifest = { volumes: new Map() }
  if (random.integer(0, 4) > 0) made.hostname = random.pick(['vm', 'host.example.org', 'a b'])
  if (random.integer(0, 4) > 0)
    made.localDir = random.pick(['src', '/', '.', '/ho me/x', 'a"b', `/${path(random)}`]) as RawPath
  for (let number = 1, count = random.integer(0, 4); number <= count; number++) {
    const hashes = [{ name: 'SHA1', hex: random.bytes(20).toString('hex') }]
    if (random.integer(0, 5) === 0) hashes.push({ name: 'MD5', hex: random.bytes(16).toString('hex') })
    made.volumes.set(number, { number, start: place(), end: place(), hashes })
  }
  made.files = Array.from({ length: random.integer(0, 5) }, () => ({
    action: random.pick(['new', 'changed', 'deleted']),
    path: path(random),
  }))
  made.fileCount = made.files.length
  return made
}

/** A manifest as it could come from another version, an interrupted backup or a bad disk. */
function mangled(random: Random): string {
  let lines = Buffer.from(formatManifest(manifest(random)))
    .toString('latin1')
    .split('\n')
  if (random.integer(0, 4) === 0) lines = lines.filter((line) => !/^(Filelist| {4}(new|changed|deleted))/.test(line))
  for (let changes = random.integer(0, 3); changes > 0 && lines.length > 0; changes--) {
    const at = random.integer(0, lines.length - 1)
    const line = lines[at]!
    const section = lines.findIndex((line) => line.startsWith('Volume'))
    switch (random.integer(0, 10)) {
      case 0:
        lines.splice(at, 1)
        break
      case 1:
        lines[at] = line.replace(/[a-z]/g, (char) => char.toUpperCase()).replaceAll('\\X', '\\x')
        break
      case 2:
        lines[at] = line.replace(/[A-Z]/g, (char) => char.toLowerCase())
        break
      case 3:
        lines.splice(
          at,
          0,
          random.pick(['    Extra field', 'Note 7', '', '    ', 'volumes', '    StartingPath   x  ', '\tHash MD5 00']),
        )
        break
      case 4:
        // A section once more, as after a restart.
        if (section >= 0) lines.splice(random.integer(section, lines.length), 0, ...lines.slice(section, section + 4))
        break
      case 5:
        lines[at] = line.replace(/^Volume [0-9]+/, `Volume ${random.integer(0, 6)}`)
        break
      case 6:
        lines[at] = line.replace(/^Filelist [0-9]+/, `Filelist ${random.integer(0, 6)}`)
        break
      case 7:
        lines[at] = line.replace(/[0-9]+ *$/, random.pick(['', '+7', 'x', '1_0', '07']))
        break
      case 8:
        lines[at] = line.replace(/"/, random.pick(['', 'x']))
        break
      case 9:
        lines[at] = line.replace('\\x', random.pick(['\\y', '\\', '\\x']))
        break
      case 10:
        lines[at] = line.slice(0, random.integer(0, line.length))
        break
    }
  }
  return lines.join('\n')
}

/** What we read, the same however the manifest is cut into pieces. */
function read(source: string): Manifest | undefined {
  const bytes = Buffer.from(source, 'latin1')
  const [whole, ...others] = choppings(bytes, bytes.length).map((chopping) => readPieces(chopping.chunks()))
  for (const other of others) expect(other).toEqual(whole)
  return whole
}

function readPieces(pieces: Iterable<Uint8Array>): Manifest | undefined {
  try {
    const decoder = new ManifestDecoder()
    for (const piece of pieces) decoder.push(piece)
    return decoder.finish()
  } catch {
    // A FormatError; what else could come is tried beside the code.
    return undefined
  }
}

function asTheirs(ours: Manifest, withFiles: boolean): Omit<Theirs, 'dies'> {
  const place = ({ path, block }: ManifestPlace): [string, number | null] => [path, block ?? null]
  const files = ours.files?.map(({ action, path }): [string, string] => [action, path === '' ? '.' : quote(path)]) ?? []
  return {
    hostname: ours.hostname ?? null,
    localDir: ours.localDir ?? null,
    volumes: [...ours.volumes.values()]
      .sort((a, b) => a.number - b.number)
      .map(({ number, start, end, hashes }) => ({
        number,
        start: place(start),
        end: place(end),
        hashes: Object.fromEntries(hashes.map(({ name, hex }) => [name, hex])),
      })),
    files: withFiles && files.length > 0 ? files : null,
  }
}

/** Where we mean to differ. Each must be met by the manifests of this test, and explain every one that differs. */
const differences: Record<string, (source: string, ours: Manifest | undefined, theirs: Theirs) => boolean> = {
  'a volume above the last is dropped, whether or not all below it are there': (_, ours, theirs) =>
    ours !== undefined && theirs.dies === 'ManifestError',
  'an empty name or a name that is no text does not matter': (source, ours, theirs) =>
    ours !== undefined &&
    /UnicodeDecodeError|IndexError/.test(theirs.dies ?? '') &&
    /^(hostname|localdir) /im.test(source),
  'a blank line does not matter': (source, ours, theirs) =>
    ours !== undefined && theirs.dies === 'IndexError' && /\n[ \t]*\n/.test(`\n${source}\n`),
  'what is cut off inside the list of files is left out': (source, ours, theirs) =>
    ours !== undefined && /IndexError|AssertionError/.test(theirs.dies ?? '') && /^filelist/im.test(source),
  'the list of files is what stands there, and only that': (_, ours, theirs) =>
    ours !== undefined &&
    theirs.dies === undefined &&
    isDeepStrictEqual({ ...asTheirs(ours, true), files: null }, { ...theirs, files: null }),
  'fields stand in volumes, not in lists of files': (source, _, theirs) =>
    theirs.dies === undefined && /^filelist[^]*^[ \t]*(startingpath|endingpath|hash) /im.test(source),
  'a field that begins at the margin has its line': (source, ours, theirs) =>
    ours !== undefined && theirs.dies === undefined && /^(hostname|localdir) *$/im.test(source),
  // Also when what stands there is damaged: then the manifest is refused.
  'the last line needs no line feed': (source, _, theirs) =>
    theirs.dies === undefined && /(^|\n)(hostname|localdir|filelist) [^\n]*$/i.test(source),
  'numbers are digits': (source, ours, theirs) =>
    ours === undefined && theirs.dies === undefined && /\+7|1_0|^volume 0:/im.test(source),
  'a lone quote is no quoted path': (source, ours, theirs) =>
    ours === undefined && theirs.dies === undefined && /(^| )"( |$)/m.test(source),
  'a section that says something twice is two, whose heading is damaged': (source, ours, theirs) =>
    ours === undefined &&
    theirs.dies === undefined &&
    /^[ \t]*(startingpath|endingpath|hash +\S+)[ \t](?:(?!^volume )[^])*^[ \t]*\1[ \t]/im.test(source),
  'in quotes a backslash begins xHH and nothing else': (source, ours, theirs) =>
    ours === undefined && theirs.dies === undefined && /\\(?!x[0-9a-f]{2})/i.test(source),
}

describe('against duplicity 0.8.22', () => {
  itWith(
    duplicity,
    'formatManifest() writes 1000 manifests byte for byte the same, and parseManifest() reads them',
    async () => {
      const seed = drawSeed()
      const random = createRandom(seed)
      const made = Array.from({ length: 1000 }, () => manifest(random))
      const cases = made.map((one) => ({
        hostname: one.hostname,
        localDir: one.localDir,
        volumes: [...one.volumes.values()].map((volume) => ({
          number: volume.number,
          start: [volume.start.path, volume.start.block ?? null],
          end: [volume.end.path, volume.end.block ?? null],
          hashes: volume.hashes.map(({ name, hex }) => [name, hex]),
        })),
        files: one.files!.map(({ action, path }) => [action, path]),
      }))
      const theirs = await ask<string[]>('format-manifests', { cases })
      for (const [i, one] of made.entries()) {
        expect(Buffer.from(formatManifest(one)).toString('latin1'), `seed ${seed}`).toBe(theirs[i])
        expect(parseManifest(Buffer.from(theirs[i]!, 'latin1')), `seed ${seed}`).toEqual(one)
      }
    },
  )

  itWith(
    duplicity,
    'parseManifest() reads 3000 odd and damaged manifests the same, but for the differences on purpose',
    async () => {
      const seed = drawSeed()
      const random = createRandom(seed)
      const sources = [...oddities, ...Array.from({ length: 3000 }, () => mangled(random))]
      const theirs = await ask<Theirs[]>('manifests', { sources, files: true })
      const met = new Set<string>()
      const unexplained: string[] = []
      let same = 0
      for (const [i, source] of sources.entries()) {
        const ours = read(source)
        const answer = theirs[i]!
        if (ours === undefined ? answer.dies !== undefined : isDeepStrictEqual(asTheirs(ours, true), answer)) {
          same += 1
          continue
        }
        const reasons = Object.keys(differences).filter((reason) => differences[reason]!(source, ours, answer))
        for (const reason of reasons) met.add(reason)
        if (reasons.length === 0)
          unexplained.push(JSON.stringify({ source, ours: ours && asTheirs(ours, true), answer }))
      }
      expect(unexplained, `seed ${seed}`).toEqual([])
      expect([...met].sort(), `seed ${seed}`).toEqual(Object.keys(differences).sort())
      expect(same).toBeGreaterThan(2000)
    },
  )

  itWith(duplicity, 'quote() and unquote() are those of its manifests', async () => {
    const seed = drawSeed()
    const random = createRandom(seed)
    const single = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
    const strings = [...single, ...Array.from({ length: 2000 }, () => path(random) || 'x')]
    const theirs = await ask<[string, string][]>('quotes', { strings })
    for (const [i, string] of strings.entries()) {
      expect(quote(string as RawPath), `seed ${seed}`).toBe(theirs[i]![0])
      expect(unquote(theirs[i]![0]), `seed ${seed}`).toBe(string)
    }
  })

  itWith(duplicity, 'mayHold() names the volumes that it would fetch', async () => {
    const seed = drawSeed()
    const random = createRandom(seed)
    const short = () =>
      Array.from({ length: random.integer(0, 3) }, () => random.pick(['a', 'b', 'a.b', 'a b', 'aa', '\xff'])).join(
        '/',
      ) as RawPath
    const cases = Array.from({ length: 5000 }, () => [short(), short(), short()] as const)
    const theirs = await ask<boolean[]>('contains', { cases })
    for (const [i, [start, end, wanted]] of cases.entries()) {
      const volume = { number: 1, start: { path: start }, end: { path: end }, hashes: [] }
      expect(mayHold(volume, wanted), `seed ${seed}: ${JSON.stringify(cases[i])}`).toBe(theirs[i])
    }
  })
})

const volume = (number: string, start = '.') =>
  `Volume ${number}:\n    StartingPath   ${start}  \n    EndingPath     z  \n    Hash SHA1 00\n`

/** One manifest for each difference. */
const oddities = [
  'Hostname host.exampl\nLocaldir "//  ',
  `${volume('1')}${volume('4')}${volume('2')}`,
  `Hostname \xff\n${volume('1')}`,
  `${volume('1')}Filelist 1\n\n    new      a\n`,
  `${volume('1')}Filelist 1\n    new      "a\n`,
  `${volume('1')}Filelist 2\n    new      a\n    odd      b\n`,
  `${volume('1')}Filelist 1\n    hash MD5 00\n`,
  `Hostname\n${volume('1')}`,
  'Localdir src',
  volume('1', 'a +7'),
  volume('1', '"'),
  volume('1', '"a\\x+1"'),
  `${volume('1')}Volule 2:${volume('2').slice(9)}`,
]
