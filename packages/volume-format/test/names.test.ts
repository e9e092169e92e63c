import { isDeepStrictEqual } from 'node:util'
import { createRandom, itWith, type Random } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { formatName, parseName, type ParsedName, type Prefixes, type SetTimes } from '../src/index.ts'
import { ask, drawSeed, duplicity } from './oracle.ts'

/** What duplicity's parser answers; null for a name that is not its own. */
type Theirs = null | {
  dies?: string
  type: string
  time: number | null
  start: number | null
  end: number | null
  manifest: boolean
  volume: number | null
  partial: boolean
  encrypted: boolean
  compressed: boolean
}

function asOurs(theirs: Theirs): ParsedName | undefined {
  if (theirs === null) return undefined
  const { type, time, start, end, volume, partial, encrypted, compressed } = theirs
  const set = type.startsWith('full')
    ? { type: 'full' as const, timeSeconds: time! }
    : { type: 'inc' as const, startSeconds: start!, endSeconds: end! }
  const object = type.endsWith('-sig') ? 'signatures' : theirs.manifest ? 'manifest' : 'volume'
  return { object, set, partial, encrypted, compressed, ...(volume === null ? {} : { volume }) }
}

const timesIn = /(?:full|inc|signatures)\.(.*?)(?:\.to\.(.*?))?\.(?:vol[0-9]|manifest|sigtar)/s

function anyTime(name: string, pattern: RegExp): boolean {
  const match = timesIn.exec(name)
  return match !== null && [match[1], match[2]].some((time) => time !== undefined && pattern.test(time))
}

/** Where we mean to differ. Each must be met by the names of this test, and explain every name that differs. */
const differences: Record<string, (name: string, ours: ParsedName | undefined, theirs: Theirs) => boolean> = {
  'parity files are no volumes': (name, ours) => ours === undefined && name.endsWith('.par2'),
  'volume 0 is no volume, and nothing dies of it': (name, ours, theirs) =>
    ours === undefined && theirs?.dies === 'AssertionError' && /\.(?:vol)?0+\.d(?:iff)?t/.test(name),
  'statistics are known (duplicity 2.1 and later)': (name, ours, theirs) =>
    theirs === null && ours?.object === 'statistics' && /jsonstat|jst/.test(name),
  'a number of seconds is no time of a name': (name, ours) => ours === undefined && anyTime(name, /^[0-9]+\n?$/),
  'an interval before now is no time of a name': (name, ours) =>
    ours === undefined && anyTime(name, /^([0-9]+[DWMY])+$/i),
  'a date is no time of a name': (name, ours) =>
    ours === undefined && anyTime(name, /^([0-9]+[-/][0-9/-]+|[0-9]{8}Z)\n?$/i),
  'a time without a zone is no time of a name': (name, ours) =>
    ours === undefined && anyTime(name, /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}(.)[0-9]{2}\1[0-9]{2}$/i),
  // Of 15 or 16 chars duplicity takes the digits at their places, whatever stands between and after them.
  'a time has all its digits and nothing else': (name, ours, theirs) =>
    ours === undefined && theirs !== null && anyTime(name, /^[^T]+T[^T]+$/i) && !strictTimes(name),
  'bytes that are no text are no time, and nothing dies of them': (name, ours, theirs) =>
    ours === undefined && theirs?.dies === 'UnicodeDecodeError' && /[\x80-\xff]/.test(name),
  'a short time is before 2100': (_, ours, theirs) =>
    ours === undefined && Math.max(theirs?.time ?? 0, theirs?.start ?? 0, theirs?.end ?? 0) >= 4_102_444_800,
  'a volume number can be counted exactly': (name, ours) =>
    ours === undefined && /[0-9]{16,}|\.[0-9a-z]{11,}\.dt/.test(name),
  'gz needs its dot': (name, ours, theirs) =>
    ours?.compressed === false && theirs?.compressed === true && name.endsWith('gz') && !name.endsWith('.gz'),
}

function strictTimes(name: string): boolean {
  const match = timesIn.exec(name)
  const strict =
    /^([0-9]{8}T[0-9]{6}Z|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}(.)[0-9]{2}\2[0-9]{2}(Z|[+-][0-9]{2}\2[0-9]{2}))$/i
  return match !== null && [match[1], match[2]].every((time) => time === undefined || strict.test(time))
}

/** One name for each difference. */
const examples = [
  'duplicity-full.20240101T000000Z.vol1.difftar.gpg.par2',
  'duplicity-full.20240101T000000Z.vol0.difftar.gpg',
  'duplicity-full.20240101T000000Z.jsonstat.gz',
  'duplicity-full.1704067200.vol1.difftar',
  'duplicity-full.3D.manifest',
  'duplicity-full.2024-01-01.manifest',
  'duplicity-inc.2024-01-01T00:00:00.to.20240101T000000Z.manifest',
  'duplicity-full.20240101T000000X.manifest',
  'duplicity-full.2024\xe9101T000000Z.manifest',
  'df.zzzzzzzz.m',
  'duplicity-full.20240101T000000Z.vol12345678901234567890.difftar',
  'duplicity-full.20240101T000000Z.manifest.xgz',
]

const prefixChoices: Prefixes[] = [
  {},
  { file: 'host_' },
  { file: 'p', archive: 'a-', manifest: 'm-', signature: 's-' },
  { manifest: 'duplicity-full' },
  { archive: 'd' },
]

function time(random: Random): string {
  const digits = (count: number) => Array.from({ length: count }, () => random.integer(0, 9)).join('')
  const two = (low: number, high: number) => String(random.integer(low, high)).padStart(2, '0')
  const year = random.pick(['2024', '1999', '1969', '1970', '2038', '2099', '2100', '1900', '1901', '0024'])
  const [month, day] = [two(0, 13), two(0, 32)]
  const [hour, minute, second] = [two(0, 24), two(0, 60), two(0, 62)]
  const t = random.pick(['T', 'T', 'T', 't'])
  const z = random.pick(['Z', 'Z', 'z', 'X', '', '+01:00', '-03:30', '-08:00', '+0100', '+14:00', '-00:30', '+5:00'])
  const s = random.pick([':', ':', ':', '_', '.'])
  switch (random.integer(0, 9)) {
    case 0:
      return random.pick([
        '1704067200',
        '0',
        digits(3),
        '3D',
        '2h',
        '1M2W',
        'now',
        '',
        '2024-01-01',
        '20240101Z',
        '1/2/2024',
      ])
    case 1:
      return `${year}-${random.integer(1, 12)}-${day}T${hour}:${minute}:${second}${z}`
    case 2:
    case 3:
    case 4:
      return `${year}-${month}-${day}${t}${hour}${s}${minute}${s}${second}${z}`
    default:
      return `${year}${month}${day}${t}${hour}${minute}${second}${random.integer(0, 9) === 0 ? z : 'Z'}`
  }
}

function goodTime(random: Random): string {
  return new Date(random.integer(1, 4_102_444_799) * 1000).toISOString().replace(/[-:]|\.000/g, '')
}

function name(random: Random, prefixes: Prefixes): string {
  const { file = '', archive = '', manifest = '', signature = '' } = prefixes
  const when = () => (random.integer(0, 2) === 0 ? time(random) : goodTime(random))
  const t36 = () => random.pick(['tox8jw', '0', 'zzzzzzzz', '1', random.integer(1, 4e9).toString(36), 'Tox8jw'])
  const number = random.pick(['1', '2', '10', '01', '0', '00', '999', '', 'a', '12345678901234567890'])
  const end = random.pick([
    '',
    '',
    '.gpg',
    '.gz',
    '.g',
    '.z',
    '.part',
    '.p',
    '.bak',
    '-old.gpg',
    '.gpg.par2',
    '.vol0+5.par2',
    'gz',
    '.xgz',
    '.part.gpg',
    '.partial',
    '\n',
  ])
  const [S, E, T, s, e, t] = [when(), when(), when(), t36(), t36(), t36()]
  const base = random.pick([
    `${archive}duplicity-full.${T}.vol${number}.difftar`,
    `${archive}duplicity-inc.${S}.to.${E}.vol${number}.difftar`,
    `${manifest}duplicity-full.${T}.manifest`,
    `${manifest}duplicity-inc.${S}.to.${E}.manifest`,
    `${signature}duplicity-full-signatures.${T}.sigtar`,
    `${signature}duplicity-new-signatures.${S}.to.${E}.sigtar`,
    `duplicity-full.${T}.jsonstat`,
    `duplicity-inc.${S}.to.${E}.jsonstat`,
    `${archive}df.${t}.${number}.dt`,
    `${archive}di.${s}.${e}.${number}.dt`,
    `${manifest}df.${t}.m`,
    `${manifest}di.${s}.${e}.m`,
    `${signature}dfs.${t}.st`,
    `${signature}dns.${s}.${e}.st`,
    `df.${t}.m.dt`,
    `duplicity-full.${T}.manifest.vol1.difftar`,
    `duplicity-full.${T}.vol1.difftar.manifest`,
    `duplicity-inc.${S}.to.${E}.to.${T}.vol1.difftar`,
    `duplicity-inc.${S}.to.${E}.manifest.vol1.difftar`,
    'lockfile',
  ])
  return mutate(random, file + base + end)
}

/** Most names stay as they are; some lose, gain or change a char. */
function mutate(random: Random, name: string): string {
  if (random.integer(0, 3) > 0) return name
  const at = random.integer(0, name.length)
  const char = random.pick(['.', '0', '9', 'a', 'T', 'Z', '-', ' ', '_', '\n', '\xe9', '\0', '+'])
  switch (random.integer(0, 2)) {
    case 0:
      return name.slice(0, at) + name.slice(at + 1)
    case 1:
      return name.slice(0, at) + char + name.slice(at)
    default:
      return name.slice(0, at) + char + name.slice(at + 1)
  }
}

describe('parseName() against the parser of duplicity 0.8.22', () => {
  itWith(
    duplicity,
    'says the same of 20000 names, but for the differences on purpose, each of which is met',
    async () => {
      const seed = drawSeed()
      const random = createRandom(seed)
      const batches = prefixChoices.flatMap((prefixes, i) =>
        (i === 0 ? [':', '_', '.'] : [':']).map((timeSeparator) => ({
          prefixes,
          timeSeparator,
          names: [...examples, ...Array.from({ length: i === 0 ? 4000 : 2000 }, () => name(random, prefixes))],
        })),
      )
      const answers = await ask<Theirs[][]>('names', { batches })
      const met = new Set<string>()
      const unexplained: string[] = []
      for (const [i, batch] of batches.entries()) {
        let same = 0
        for (const [j, theirs] of answers[i]!.entries()) {
          const given = batch.names[j]!
          const ours = parseName(given, batch)
          if (theirs?.dies === undefined && isDeepStrictEqual(ours, asOurs(theirs))) {
            if (ours !== undefined) same += 1
            continue
          }
          const reasons = Object.keys(differences).filter((reason) => differences[reason]!(given, ours, theirs))
          for (const reason of reasons) met.add(reason)
          if (reasons.length === 0) unexplained.push(JSON.stringify({ given, ours, theirs }))
        }
        expect(same).toBeGreaterThan(batch.names.length / 8)
      }
      expect(unexplained, `seed ${seed}`).toEqual([])
      expect([...met].sort(), `seed ${seed}`).toEqual(Object.keys(differences).sort())
    },
  )

  itWith(duplicity, 'formatName() gives the names that duplicity writes', async () => {
    const random = createRandom(drawSeed())
    const cases = Array.from({ length: 1000 }, () => {
      const [start, end] = [random.integer(1, 4_102_444_799), random.integer(1, 4_102_444_799)]
      const type = random.pick(['full', 'inc', 'full-sig', 'new-sig'])
      const volume = !type.endsWith('sig') && random.integer(0, 1) === 0 ? random.integer(1, 2000) : undefined
      const manifest = !type.endsWith('sig') && volume === undefined
      const partial = volume === undefined && random.integer(0, 3) === 0
      const dress = partial ? 0 : random.integer(0, 2)
      const prefixes = random.pick([prefixChoices[0]!, prefixChoices[1]!, prefixChoices[2]!])
      return { type, start, end, volume, manifest, partial, encrypted: dress === 1, gzipped: dress === 2, prefixes }
    })
    const theirs = await ask<string[]>('format-names', { cases })
    const ours = cases.map(({ type, start, end, volume, manifest, partial, encrypted, gzipped, prefixes }) => {
      const full = type.startsWith('full')
      const set: SetTimes = full
        ? { type: 'full', timeSeconds: end }
        : { type: 'inc', startSeconds: start, endSeconds: end }
      const object = type.endsWith('sig') ? 'signatures' : manifest ? 'manifest' : 'volume'
      const suffix = encrypted ? '.gpg' : gzipped ? '.gz' : ''
      const made = formatName({ object, set, volume, partial, suffix }, { prefixes })
      expect(parseName(made, { prefixes })).toMatchObject({ object, set, partial, encrypted, compressed: gzipped })
      return made
    })
    expect(ours).toEqual(theirs)
  })
})
