import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collectSets, type Collection } from './chains.ts'
import { firstSeconds, matchChains, setsForTime, signaturesForTime } from './choosing.ts'
import { formatName, type SetTimes } from './names.ts'
import type { BackupSet, StoredObject } from './sets.ts'

/** `10` is a full set of second 10, `10-20` an increment on it. */
function times(text: string): SetTimes {
  const [start, end] = text.split('-').map(Number)
  return end === undefined
    ? { type: 'full', timeSeconds: start! }
    : { type: 'inc', startSeconds: start!, endSeconds: end }
}

const volumes = (text: string, ...numbers: number[]) =>
  numbers.map((volume) => formatName({ object: 'volume', set: times(text), volume, suffix: '.gpg' }))
const manifest = (text: string) => [formatName({ object: 'manifest', set: times(text), suffix: '.gpg' })]
const signatures = (text: string) => [formatName({ object: 'signatures', set: times(text), suffix: '.gpg' })]
/** A set as a run leaves it. */
const whole = (text: string) => [...volumes(text, 1, 2), ...manifest(text), ...signatures(text)]

const stored = (...keys: string[][]): StoredObject[] => keys.flat().map((key) => ({ key, size: key.length }))
const show = (set: { times: SetTimes }) =>
  set.times.type === 'full' ? `${set.times.timeSeconds}` : `${set.times.startSeconds}-${set.times.endSeconds}`
const shown = (sets: readonly { times: SetTimes }[]) => sets.map(show).join(' ')
const chains = (collection: Collection) => collection.chains.map((chain) => shown(chain.sets))

describe('collectSets()', () => {
  it('sorts a listing into sets with their objects', () => {
    const { chains, signatureChains, ...rest } = collectSets(stored(whole('10'), ['README', 'lockfile']))
    const set: BackupSet = {
      times: { type: 'full', timeSeconds: 10 },
      encrypted: true,
      compressed: false,
      manifest: { key: 'duplicity-full.19700101T000010Z.manifest.gpg', size: 44 },
      volumes: new Map([
        [1, { key: 'duplicity-full.19700101T000010Z.vol1.difftar.gpg', size: 48 }],
        [2, { key: 'duplicity-full.19700101T000010Z.vol2.difftar.gpg', size: 48 }],
      ]),
      partial: false,
      startSeconds: 10,
      endSeconds: 10,
    }
    expect(chains).toEqual([{ full: set, incs: [], sets: [set], startSeconds: 10, endSeconds: 10 }])
    expect(signatureChains).toHaveLength(1)
    expect(signatureChains[0]!.full).toEqual({
      times: { type: 'full', timeSeconds: 10 },
      object: { key: 'duplicity-full-signatures.19700101T000010Z.sigtar.gpg', size: 53 },
      encrypted: true,
      compressed: false,
      startSeconds: 10,
      endSeconds: 10,
    })
    expect(rest).toEqual({
      orphanedSets: [],
      incompleteSets: [],
      replacedSets: [],
      orphanedSignatures: [],
      duplicates: [],
      foreign: 2,
    })
  })

  it.each([
    ['a chain', ['10', '10-20', '20-30'], ['10 10-20 20-30'], ''],
    ['two chains by their ends', ['10', '10-50', '20', '20-30'], ['20 20-30', '10 10-50'], ''],
    ['an increment without its full set', ['10-20', '20-30'], [], '10-20 20-30'],
    ['a chain with a gap', ['10', '10-20', '30-40', '40-50'], ['10 10-20'], '30-40 40-50'],
    ['two increments on one set, of which the later counts', ['10', '10-20', '10-30', '30-40'], ['10 10-30 30-40'], ''],
    [
      'an increment that was built upon and its late sibling',
      ['10', '10-20', '20-30', '10-40'],
      ['10 10-20 20-30'],
      '10-40',
    ],
    [
      'two chains of which both end where an increment starts',
      ['10', '10-30', '20', '20-30', '30-40'],
      ['20 20-30', '10 10-30 30-40'],
      '',
    ],
    ['nothing', [], [], ''],
  ])('finds %s', (_, sets, expected, orphaned) => {
    const collection = collectSets(stored(...sets.map(whole)))
    expect(chains(collection)).toEqual(expected)
    expect(shown(collection.orphanedSets)).toBe(orphaned)
  })

  it('tells which increment it left aside for a later one', () => {
    const collection = collectSets(stored(...['10', '10-20', '10-30'].map(whole)))
    expect(shown(collection.replacedSets)).toBe('10-20')
  })

  it('takes a set without a manifest for none', () => {
    const collection = collectSets(stored(whole('10'), volumes('10-20', 1, 2), signatures('10-20'), whole('20-30')))
    expect(chains(collection)).toEqual(['10'])
    expect(shown(collection.incompleteSets)).toBe('10-20')
    expect(shown(collection.orphanedSets)).toBe('20-30')
  })

  it('takes a manifest without volumes for a set', () => {
    expect(chains(collectSets(stored(manifest('10'), manifest('10-20'))))).toEqual(['10 10-20'])
  })

  it('keeps unfinished sets and signatures out of chains, unless it is told', () => {
    const part = formatName({ object: 'manifest', set: times('10-20'), partial: true })
    const signaturePart = formatName({ object: 'signatures', set: times('10-20'), partial: true })
    const objects = stored(whole('10'), volumes('10-20', 1), [part, signaturePart])
    const usual = collectSets(objects)
    expect(chains(usual)).toEqual(['10'])
    expect(usual.incompleteSets).toMatchObject([{ partial: true, encrypted: true, manifest: { key: part } }])
    expect(usual.signatureChains[0]!.sets).toHaveLength(1)
    const told = collectSets(objects, { partialSets: 'complete' })
    expect(chains(told)).toEqual(['10 10-20'])
    expect(told.signatureChains[0]!.sets).toHaveLength(2)
  })

  it('counts the finished manifest, whatever else there is', () => {
    const part = formatName({ object: 'manifest', set: times('10'), partial: true })
    for (const objects of [stored(whole('10'), [part]), stored([part], whole('10'))]) {
      const collection = collectSets(objects)
      expect(collection.chains[0]!.full).toMatchObject({ partial: false, manifest: { key: manifest('10')[0] } })
      expect(collection.duplicates).toEqual(stored([part]))
    }
  })

  it('tells a second object for one volume, and keeps the one in the dress of the manifest', () => {
    const gz = formatName({ object: 'volume', set: times('10'), volume: 1, suffix: '.gz' })
    const plain = formatName({ object: 'manifest', set: times('10') })
    const short = 'df.a.1.dt.g'
    const encrypted = collectSets(stored([gz], whole('10'), [short]))
    expect(encrypted.chains[0]!.full.volumes.get(1)?.key).toBe(short)
    expect(new Set(encrypted.duplicates)).toEqual(new Set(stored(volumes('10', 1), [gz])))
    const compressed = collectSets(stored([gz, plain], volumes('10', 1, 2)))
    expect(compressed.chains[0]!.full.volumes.get(1)?.key).toBe(gz)
    expect(compressed.chains[0]!.full).toMatchObject({ encrypted: false, compressed: true })
    expect(compressed.duplicates).toEqual(stored(volumes('10', 1)))
  })

  it('ignores parity files and statistics', () => {
    const [volume] = volumes('10', 1)
    const statistics = formatName({ object: 'statistics', set: times('10'), suffix: '.gpg' })
    const collection = collectSets(stored(whole('10'), [`${volume}.par2`, `${volume}.vol0+5.par2`, statistics]))
    expect(collection.duplicates).toEqual([])
    expect(collection.foreign).toBe(2)
  })

  it('puts each object in one place, whatever the order of the listing', () => {
    const time = fc.integer({ min: 1, max: 8 })
    const set = fc.oneof(
      time.map(String),
      fc.tuple(time, time).map(([a, b]) => `${a}-${b}`),
    )
    const key = fc
      .tuple(set, fc.constantFrom('1', '2', 'm', 's'), fc.constantFrom('', '.gpg', '.gz'))
      .map(([set, what, suffix]) => {
        const object = what === 'm' ? 'manifest' : what === 's' ? 'signatures' : 'volume'
        const volume = object === 'volume' ? { volume: Number(what) } : {}
        return formatName({ object, set: times(set), suffix, ...volume })
      })
    const keys = fc.uniqueArray(fc.oneof(key, fc.constantFrom('README', 'x')), { maxLength: 60 })
    fc.assert(
      fc.property(keys, fc.infiniteStream(fc.double({ noNaN: true, min: 0, max: 1 })), (keys, order) => {
        const collection = collectSets(stored(keys))
        const shuffled = stored(keys).map((object) => ({ object, at: order.next().value! }))
        shuffled.sort((a, b) => a.at - b.at)
        expect(collectSets(shuffled.map(({ object }) => object))).toEqual(collection)
        const { chains, orphanedSets, incompleteSets, replacedSets } = collection
        const sets = [chains.flatMap((chain) => chain.sets), orphanedSets, incompleteSets, replacedSets].flat()
        const places = [
          ...sets.flatMap((set) => [...set.volumes.values(), ...(set.manifest === undefined ? [] : [set.manifest])]),
          ...collection.signatureChains.flatMap((chain) => chain.sets.map((set) => set.object)),
          ...collection.orphanedSignatures.map((set) => set.object),
          ...collection.duplicates,
        ]
        expect(places.map((object) => object.key).sort()).toEqual(keys.filter((key) => key.length > 6).sort())
        for (const chain of chains) {
          for (const [i, inc] of chain.incs.entries()) expect(inc.startSeconds).toBe(chain.sets[i]!.endSeconds)
        }
        for (let t = 0; t < 9; t++)
          for (const set of setsForTime(collection, t)?.sets ?? []) expect(set.startSeconds).toBeLessThanOrEqual(8)
        matchChains(collection)
      }),
      { numRuns: 1000 },
    )
  })

  it('takes no longer for listings that were made to take long', () => {
    const count = 5000
    const numbers = Array.from({ length: count }, (_, i) => i + 1)
    const shapes: Record<string, string[]> = {
      fulls: numbers.map(String),
      'one long chain': numbers.map((n) => (n === 1 ? '1' : `${n - 1}-${n}`)),
      orphans: numbers.map((n) => `${n}-${n + count}`),
      siblings: ['1', ...numbers.map((n) => `1-${n + 1}`)],
      'chains of one end': [
        ...numbers.map(String),
        ...numbers.map((n) => `${n}-${count + 1}`),
        ...numbers.map((n) => `${count + 1}-${count + 1 + n}`),
      ],
      'increments of no length': ['1', ...numbers.map((n) => `${n}-${n}`)],
    }
    for (const [shape, sets] of Object.entries(shapes)) {
      const objects = stored(...sets.map((set) => [...manifest(set), ...signatures(set)]))
      const started = performance.now()
      const collection = collectSets(objects)
      matchChains(collection)
      setsForTime(collection, count)
      expect(performance.now() - started, shape).toBeLessThan(10_000)
    }
  })
})

describe('matchChains()', () => {
  const match = (...keys: string[][]) => {
    const { chain, signatures, discarded } = matchChains(collectSets(stored(...keys)))
    return [chain && shown(chain.sets), signatures && shown(signatures.sets), discarded && show(discarded)]
  }

  it('finds the signatures that end with the latest chain', () => {
    expect(match(whole('5'), whole('10'), whole('10-20'))).toEqual(['10 10-20', '10 10-20', undefined])
  })

  it('discards the last set without signatures', () => {
    const unsigned = [...volumes('20-30', 1), ...manifest('20-30')]
    expect(match(whole('10'), whole('10-20'), unsigned)).toEqual(['10 10-20', '10 10-20', '20-30'])
    const { chain } = matchChains(collectSets(stored(whole('10'), whole('10-20'), unsigned)))
    expect(chain?.endSeconds).toBe(20)
  })

  it('finds no pair when signatures in the middle, the full ones or two at the end are missing', () => {
    const unsigned = (text: string) => [...volumes(text, 1), ...manifest(text)]
    const nothing = [undefined, undefined, undefined]
    expect(match(whole('10'), unsigned('10-20'), whole('20-30'), whole('30-40'))).toEqual(nothing)
    expect(match(unsigned('10'), whole('10-20'))).toEqual(nothing)
    expect(match(whole('10'), unsigned('10-20'), unsigned('20-30'))).toEqual(nothing)
    expect(match(unsigned('10'))).toEqual(nothing)
    expect(match(signatures('10'))).toEqual(nothing)
  })

  it('finds no pair when the signatures are ahead of the sets', () => {
    expect(match(whole('10'), signatures('10-20'))).toEqual([undefined, undefined, undefined])
  })
})

describe('setsForTime()', () => {
  const collection = collectSets(stored(...['10', '10-20', '20-30', '40', '40-50'].map(whole)))

  it.each([
    [9, undefined],
    [10, '10'],
    [19, '10'],
    [20, '10 10-20'],
    [30, '10 10-20 20-30'],
    [39, '10 10-20 20-30'],
    [40, '40'],
    [1e9, '40 40-50'],
  ])('at %d gives %s', (time, expected) => {
    const chosen = setsForTime(collection, time)
    expect(chosen && shown(chosen.sets)).toBe(expected)
    const signed = signaturesForTime(collection, time)
    expect(signed && shown(signed.sets)).toBe(expected)
  })

  it('goes with firstSeconds()', () => {
    expect(firstSeconds(collection)).toBe(10)
    expect(firstSeconds(collectSets([]))).toBeUndefined()
    expect(setsForTime(collectSets([]), 10)).toBeUndefined()
  })

  it('of chains that overlap takes the one with the latest set', () => {
    const overlapping = collectSets(stored(...['10', '10-60', '40', '40-50'].map(whole)))
    expect(shown(setsForTime(overlapping, 45)!.sets)).toBe('40')
    expect(shown(setsForTime(overlapping, 55)!.sets)).toBe('40 40-50')
    expect(shown(setsForTime(overlapping, 60)!.sets)).toBe('10 10-60')
  })
})
