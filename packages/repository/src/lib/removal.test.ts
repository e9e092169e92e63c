import { type BackupSet, type Collection, collectSets, formatName, type SetTimes } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chainsBeforeLast, chainsEndedBefore, extraneous, objectsToDelete, removalOf, splitByAge } from './removal.ts'

const day = 86_400
const full = (at: number): SetTimes => ({ type: 'full', timeSeconds: at * day })
const inc = (from: number, to: number): SetTimes => ({ type: 'inc', startSeconds: from * day, endSeconds: to * day })

type Part = 'manifest' | 'signatures' | 'statistics' | number

/** The names of a set's objects: two volumes, unless other parts are named. */
function keys(set: SetTimes, parts: readonly Part[] = ['manifest', 'signatures', 1, 2]): string[] {
  return parts.map((part) => {
    if (typeof part === 'number') return formatName({ object: 'volume', set, volume: part, suffix: '.gz' })
    if (part === 'statistics')
      return formatName({ object: 'manifest', set, suffix: '' }).replace('.manifest', '.jsonstat.gz')
    return formatName({ object: part, set, suffix: part === 'manifest' ? '' : '.gz' })
  })
}

const collectionOf = (names: Iterable<string>) => collectSets([...names].map((key) => ({ key, size: 1 })))
const ends = (chains: Iterable<{ endSeconds: number }>) => [...chains].map(({ endSeconds }) => endSeconds / day)
const namesOf = (sets: readonly BackupSet[]) => objectsToDelete({ sets, signatures: [] }).map(({ key }) => key)

const threeChains = [full(1), inc(1, 2), full(3), inc(3, 4), inc(4, 5), full(6), inc(6, 7)].flatMap((set) => keys(set))

describe('what is old', () => {
  const collection = collectionOf(threeChains)

  it.each([
    [1, [], []],
    [2, [], [1]],
    [3, [2], []],
    [4.5, [2], [3, 4]],
    [6, [2, 5], []],
    [7, [2, 5], [6]],
  ])('before day %d', (time, chains, needed) => {
    const old = chainsEndedBefore(collection, time * day)
    expect([ends(old.chains), ends(old.needed), old.newestIsOld]).toEqual([chains, needed, false])
  })

  it('is never the newest chain', () => {
    const old = chainsEndedBefore(collection, 100 * day)
    expect([ends(old.chains), ends(old.needed), old.newestIsOld]).toEqual([[2, 5], [], true])
  })

  it.each([
    [1, [2, 5]],
    [2, [2]],
    [3, []],
    [9, []],
  ])('but for %d full backups', (count, chains) => {
    expect(ends(chainsBeforeLast(collection, count))).toEqual(chains)
  })

  it('goes in an order that starts with signatures and ends with first volumes', () => {
    const [oldest] = collection.chains
    expect(objectsToDelete(removalOf(collection, [oldest!], 'chains')).map(({ key }) => key)).toEqual([
      ...keys(inc(1, 2), ['signatures']),
      ...keys(full(1), ['signatures']),
      ...keys(inc(1, 2), ['manifest', 2, 1]),
      ...keys(full(1), ['manifest', 2, 1]),
    ])
    const incs = objectsToDelete(removalOf(collection, [oldest!], 'increments')).map(({ key }) => key)
    expect(incs).toEqual(keys(inc(1, 2), ['signatures', 'manifest', 2, 1]))
  })

  it('takes the statistics of a set along', () => {
    const statistics = keys(full(1), ['statistics'])
    const { chains } = collectionOf([...threeChains, ...statistics])
    expect(namesOf([chains[0]!.full])).toEqual([...statistics, ...keys(full(1), ['manifest', 2, 1])])
    // Alone they are no set.
    expect(extraneous(collectionOf(statistics))).toEqual({ sets: [], signatures: [] })
  })
})

describe('what no restore would read', () => {
  const left = (names: Iterable<string>) => {
    const { sets, signatures } = extraneous(collectionOf(names))
    return objectsToDelete({ sets, signatures }).map(({ key }) => key)
  }

  it('is nothing in an archive that is whole', () => {
    expect(left(threeChains)).toEqual([])
  })

  it('is a set without a manifest, with its signatures', () => {
    const unfinished = keys(full(8), ['signatures', 2, 1])
    expect(left([...threeChains, ...unfinished])).toEqual(unfinished)
  })

  it('is an increment that builds on nothing', () => {
    const orphan = keys(inc(20, 21), ['signatures', 'manifest', 2, 1])
    expect(left([...threeChains, ...orphan])).toEqual(orphan)
  })

  it('is not the signatures that remain of a chain that lost others', () => {
    expect(left(threeChains.filter((key) => !keys(full(1), ['signatures']).includes(key)))).toEqual([])
  })

  it('is told from what is being written', () => {
    const set = full(8)
    const listing = keys(set, ['signatures', 1]).map((key) => ({ key, size: 1, modifiedMs: 10 * day * 1000 }))
    const all = extraneous(collectSets(listing))
    const at = (days: number) => splitByAge(all, days * day * 1000)
    expect([at(9).old.sets.length, at(9).young.sets.length, at(9).young.signatures.length]).toEqual([0, 1, 1])
    expect([at(10).old.sets.length, at(10).old.signatures.length, at(10).young.sets.length]).toEqual([1, 1, 0])
    // A storage without times: by the set's own.
    const timeless = extraneous(collectionOf(keys(set, [1])))
    expect(splitByAge(timeless, 7 * day * 1000).young.sets.length).toBe(1)
    expect(splitByAge(timeless, 8 * day * 1000).old.sets.length).toBe(1)
  })
})

describe('an interrupted removal', () => {
  const wholeSets = ({ chains }: Collection) =>
    new Map(chains.flatMap(({ sets }) => sets).map((set) => [namesOf([set])[0]!, set.volumes.size]))

  it('never leaves a set that passes for whole without all of its volumes, nor harms what stays', () => {
    const sets = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5 })), {
      maxLength: 12,
    })
    const rule = fc.oneof(
      fc.record({ days: fc.integer({ min: 0, max: 60 }) }),
      fc.record({
        count: fc.integer({ min: 1, max: 4 }),
        scope: fc.constantFrom('chains' as const, 'increments' as const),
      }),
      fc.constant('cleanup' as const),
    )
    fc.assert(
      fc.property(sets, rule, fc.nat(), fc.nat(), (drawn, how, lost, point) => {
        const times = drawn.map(([isFull, at, span]) => (isFull ? full(at) : inc(at, at + span)))
        const names = [...new Set(times.flatMap((set) => keys(set)))]
        if (names.length > 0) names.splice(lost % names.length, lost % 3)
        const collection = collectionOf(names)
        const before = wholeSets(collection)
        const removal =
          how === 'cleanup'
            ? extraneous(collection)
            : 'days' in how
              ? removalOf(collection, chainsEndedBefore(collection, how.days * day).chains, 'chains')
              : removalOf(collection, chainsBeforeLast(collection, how.count), how.scope)
        const order = objectsToDelete(removal).map(({ key }) => key)
        expect(new Set(order).size).toBe(order.length)
        const gone = new Set(order.slice(0, order.length === 0 ? 0 : point % (order.length + 1)))
        const after = wholeSets(collectionOf(names.filter((name) => !gone.has(name))))
        for (const [name, volumes] of after) if (before.has(name)) expect(volumes).toBe(before.get(name))
        const staying = new Set(removal.sets.flatMap((set) => namesOf([set])))
        for (const name of before.keys()) if (!staying.has(name)) expect(after.has(name)).toBe(true)
        const newest = collection.chains.at(-1)
        if (newest !== undefined) expect(order.filter((key) => namesOf(newest.sets).includes(key))).toEqual([])
      }),
      { numRuns: 1000 },
    )
  })
})
