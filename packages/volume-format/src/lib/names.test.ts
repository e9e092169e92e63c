import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatName, parseName, type ParsedName } from './names.ts'

const full = { type: 'full', timeSeconds: 1_704_067_200 } as const
const inc = { type: 'inc', startSeconds: 1_704_067_200, endSeconds: 1_704_153_600 } as const
const dress = { partial: false, encrypted: false, compressed: false }

// The judge of these is duplicity: most rows were seen to be parsed so by 0.6.24, 0.7.13, 0.8.22 and 3.0.4.
const known: [name: string, parsed: ParsedName][] = [
  [
    'duplicity-full.20240101T000000Z.vol1.difftar.gpg',
    { ...dress, object: 'volume', set: full, volume: 1, encrypted: true },
  ],
  ['duplicity-full.20240101T000000Z.vol01.difftar', { ...dress, object: 'volume', set: full, volume: 1 }],
  [
    'duplicity-full.20240101T000000Z.vol1.difftar.gz',
    { ...dress, object: 'volume', set: full, volume: 1, compressed: true },
  ],
  ['duplicity-full.20240101t000000z.vol12.difftar', { ...dress, object: 'volume', set: full, volume: 12 }],
  ['duplicity-full.20240101T000000Z.vol1.difftar.part', { ...dress, object: 'volume', set: full, volume: 1 }],
  ['duplicity-full.20240101T000000Z.manifest', { ...dress, object: 'manifest', set: full }],
  ['duplicity-full.20240101T000000Z.manifest.bak', { ...dress, object: 'manifest', set: full }],
  ['duplicity-full.20240101T000000Z.manifest.part', { ...dress, object: 'manifest', set: full, partial: true }],
  ['duplicity-full.2024-01-01T00:00:00Z.manifest', { ...dress, object: 'manifest', set: full }],
  ['duplicity-full.2024-01-01T02:00:00+02:00.manifest', { ...dress, object: 'manifest', set: full }],
  // Written in Newfoundland, at half past eight in the evening.
  ['duplicity-full.2023-12-31T20:30:00-04:30.manifest', { ...dress, object: 'manifest', set: full }],
  [
    'duplicity-inc.20240101T000000Z.to.20240102T000000Z.vol3.difftar.gpg',
    { ...dress, object: 'volume', set: inc, volume: 3, encrypted: true },
  ],
  [
    'duplicity-inc.20240101T000000Z.to.20240102T000000Z.manifest.gpg',
    { ...dress, object: 'manifest', set: inc, encrypted: true },
  ],
  [
    'duplicity-full-signatures.20240101T000000Z.sigtar.gz',
    { ...dress, object: 'signatures', set: full, compressed: true },
  ],
  [
    'duplicity-new-signatures.20240101T000000Z.to.20240102T000000Z.sigtar.part',
    { ...dress, object: 'signatures', set: inc, partial: true },
  ],
  ['duplicity-full.20240101T000000Z.jsonstat.gz', { ...dress, object: 'statistics', set: full, compressed: true }],
  [
    'duplicity-inc.20240101T000000Z.to.20240102T000000Z.jsonstat.gpg',
    { ...dress, object: 'statistics', set: inc, encrypted: true },
  ],
  ['df.s6k2o0.1.dt.g', { ...dress, object: 'volume', set: full, volume: 1, encrypted: true }],
  ['df.s6k2o0.z.dt.z', { ...dress, object: 'volume', set: full, volume: 35, compressed: true }],
  ['df.s6k2o0.m.p', { ...dress, object: 'manifest', set: full, partial: true }],
  ['df.s6k2o0.m.dt', { ...dress, object: 'volume', set: full, volume: 22 }],
  ['di.s6k2o0.s6lxc0.1.dt', { ...dress, object: 'volume', set: inc, volume: 1 }],
  ['di.s6k2o0.s6lxc0.m.g', { ...dress, object: 'manifest', set: inc, encrypted: true }],
  ['dfs.s6k2o0.st.g', { ...dress, object: 'signatures', set: full, encrypted: true }],
  ['dns.s6k2o0.s6lxc0.st.z', { ...dress, object: 'signatures', set: inc, compressed: true }],
  ['dfst.s6k2o0.jst', { ...dress, object: 'statistics', set: full }],
  ['dist.s6k2o0.s6lxc0.jst.z', { ...dress, object: 'statistics', set: inc, compressed: true }],
]

const unknown = [
  '',
  'lockfile',
  'README',
  'xduplicity-full.20240101T000000Z.manifest',
  'Duplicity-Full.20240101T000000Z.manifest',
  'duplicity-full.20240101T000000Z.vol1.difftar-old.gpg',
  'duplicity-full.20240101T000000Z.vol0.difftar.gpg',
  'df.s6k2o0.0.dt',
  'duplicity-full.20241301T000000Z.manifest',
  'duplicity-full.20240101T000000.manifest',
  'duplicity-full.19700101T000000Z.vol1.difftar',
  'duplicity-full.20240101T000000Z.vol1.difftar.gpg.par2',
  'duplicity-full.20240101T000000Z.vol1.difftar.gpg.vol0+5.par2',
  'duplicity-full.1704067200.manifest',
  'duplicity-full.3D.manifest',
  'duplicity-full.2024-01-01.manifest',
  'duplicity-full.2024-01-01T00:00:00.manifest',
  'duplicity-full.20240101T000000Z.manifest.vol1.difftar',
  'duplicity-inc.20240101T000000Z.vol1.difftar',
  'duplicity-full-signatures.20240101T000000Z.sigtarx',
  'df.zzzzzzzz.1.dt',
  '.coalmine-upload',
]

describe('parseName()', () => {
  it.each(known)('reads %s', (name, parsed) => {
    expect(parseName(name)).toEqual(parsed)
  })

  it.each(unknown)('knows nothing of "%s"', (name) => {
    expect(parseName(name)).toBeUndefined()
  })

  it('takes prefixes literally, the common one first', () => {
    const prefixes = { file: 'a+b.', archive: '(v)', manifest: '[m]', signature: '*', jsonstat: '$' }
    const set = '20240101T000000Z'
    expect(parseName(`a+b.(v)duplicity-full.${set}.vol1.difftar`, { prefixes })).toMatchObject({ volume: 1 })
    expect(parseName(`a+b.[m]duplicity-full.${set}.manifest`, { prefixes })).toMatchObject({ object: 'manifest' })
    expect(parseName(`a+b.*duplicity-full-signatures.${set}.sigtar`, { prefixes })).toMatchObject({
      object: 'signatures',
    })
    expect(parseName(`a+b.$duplicity-full.${set}.jsonstat`, { prefixes })).toMatchObject({ object: 'statistics' })
    expect(parseName(`aab.(v)duplicity-full.${set}.vol1.difftar`, { prefixes })).toBeUndefined()
    expect(parseName(`duplicity-full.${set}.vol1.difftar`, { prefixes })).toBeUndefined()
  })

  it('reads old times with another separator only when it is told', () => {
    const name = 'duplicity-full.2024-01-01T00_00_00Z.manifest'
    expect(parseName(name)).toBeUndefined()
    expect(parseName(name, { timeSeparator: '_' })).toMatchObject({ set: full })
    expect(parseName(name, { prefixes: { timeSeparator: '_' } })).toMatchObject({ set: full })
    expect(parseName('duplicity-full.2024-01-01T00.00.00+00.00.manifest', { timeSeparator: '.' })).toMatchObject({
      set: full,
    })
    expect(parseName('duplicity-full.20240101T000000Z.manifest', { timeSeparator: '_' })).toMatchObject({ set: full })
  })

  it('takes no longer for a name that was made to take long', () => {
    const started = performance.now()
    for (const piece of ['.to.', '.vol1', '.vol1.difftar', '.manifest', '.a', '1', 'duplicity-inc.']) {
      parseName(`duplicity-inc.${piece.repeat(4000 / piece.length)}`)
      parseName(`df.${piece.repeat(4000 / piece.length)}`)
    }
    expect(parseName(`duplicity-full.20240101T000000Z.manifest.${'x'.repeat(5000)}`)).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('lives through any string', () => {
    const token = fc.constantFrom(
      'duplicity-full',
      'duplicity-inc',
      '.',
      '.to.',
      'vol1',
      'difftar',
      'manifest',
      'df',
      'dns',
      'm',
      '20240101T000000Z',
      'gpg',
      '\n',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(token, { maxLength: 12 }).map((t) => t.join('')),
          fc.array(token, { maxLength: 8 }).map((t) => t.join('.')),
        ),
        (name) => {
          const parsed = parseName(name)
          if (parsed?.object === 'volume') expect(parsed.volume).toBeGreaterThan(0)
        },
      ),
      { numRuns: 3000 },
    )
  })
})

describe('formatName()', () => {
  it('refuses what no name can say', () => {
    expect(() => formatName({ object: 'volume', set: full })).toThrow(RangeError)
    expect(() => formatName({ object: 'volume', set: full, volume: 0 })).toThrow(RangeError)
    expect(() => formatName({ object: 'volume', set: full, volume: 1.5 })).toThrow(RangeError)
    expect(() => formatName({ object: 'manifest', set: full, volume: 1 })).toThrow(RangeError)
    expect(() => formatName({ object: 'volume', set: full, volume: 1, partial: true })).toThrow(RangeError)
    expect(() => formatName({ object: 'manifest', set: full, partial: true, suffix: '.gz' })).toThrow(RangeError)
    expect(() => formatName({ object: 'manifest', set: full, suffix: '/x' })).toThrow(RangeError)
    expect(() => formatName({ object: 'manifest', set: { type: 'full', timeSeconds: 0 } })).toThrow(RangeError)
    expect(() => formatName({ object: 'manifest', set: { type: 'full', timeSeconds: 1.5 } })).toThrow(RangeError)
    expect(() => formatName({ object: 'manifest', set: { ...inc, startSeconds: 4_102_444_800 } })).toThrow(RangeError)
  })

  it('names what parseName() reads', () => {
    const seconds = fc.integer({ min: 1, max: 4_102_444_799 })
    const set = fc.oneof(
      fc.record({ type: fc.constant('full' as const), timeSeconds: seconds }),
      fc.record({ type: fc.constant('inc' as const), startSeconds: seconds, endSeconds: seconds }),
    )
    const object = fc.constantFrom('volume' as const, 'manifest' as const, 'signatures' as const, 'statistics' as const)
    const suffix = fc.constantFrom('', '.gz', '.gpg')
    const prefixes = fc.constantFrom({}, { file: 'x-', archive: 'y', manifest: 'z', signature: 's', jsonstat: 'j' })
    fc.assert(
      fc.property(
        set,
        object,
        suffix,
        fc.integer({ min: 1, max: 2 ** 40 }),
        prefixes,
        (set, object, suffix, number, prefixes) => {
          const volume = object === 'volume' ? { volume: number } : {}
          const name = formatName({ object, set, suffix, ...volume }, { prefixes })
          const flags = { partial: false, encrypted: suffix === '.gpg', compressed: suffix === '.gz' }
          expect(parseName(name, { prefixes })).toEqual({ object, set, ...volume, ...flags })
        },
      ),
      { numRuns: 1000 },
    )
  })
})
