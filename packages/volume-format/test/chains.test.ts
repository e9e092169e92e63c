import { isDeepStrictEqual } from 'node:util'
import { createRandom, itWith, type Random } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import {
  collectSets,
  firstSeconds,
  formatName,
  matchChains,
  setsForTime,
  type BackupSet,
  type Collection,
  type MatchedChains,
  type SetTimes,
} from '../src/index.ts'
import { ask, drawSeed, duplicity } from './oracle.ts'

interface TheirSet {
  type: 'full' | 'inc'
  start: number | null
  end: number
  encrypted: boolean
  partial: boolean
  manifest: string | null
  volumes: Record<string, string>
}

interface Theirs {
  dies?: string
  why?: string
  chains: TheirSet[][]
  orphaned: TheirSet[]
  incomplete: TheirSet[]
  signatureChains: string[][]
  orphanedSignatures: string[]
  matched: { chain: TheirSet[]; signatures: string[] } | null
  forTimes: (TheirSet[] | { dies: string })[]
}

interface Case {
  keys: string[]
  times: number[]
}

function time(random: Random): number {
  return 1_000_000_000 + 100 * random.integer(1, 9)
}

/** A storage after a few runs, some of which failed, and some files that got lost or were copied. */
function listing(random: Random): Case {
  const sets = new Map<string, SetTimes>()
  const add = (set: SetTimes) => sets.set(JSON.stringify(set), set)
  let last = time(random)
  for (let count = random.integer(0, 7); count > 0; count--) {
    const next = random.integer(0, 3) === 0 ? time(random) : last + 100
    if (random.integer(0, 3) === 0) add({ type: 'full', timeSeconds: (last = next) })
    else if (next > last)
      add({ type: 'inc', startSeconds: random.integer(0, 4) === 0 ? time(random) : last, endSeconds: (last = next) })
  }
  const encrypted = random.integer(0, 1) === 0
  const keys: string[] = []
  // As ours are sorted: so sets with one end come in one order on both sides.
  const inOrder = [...sets.values()].sort(
    (a, b) => end(a) - end(b) || (a.type === b.type ? start(a) - start(b) : a.type === 'full' ? -1 : 1),
  )
  for (const set of inOrder) {
    const suffix = encrypted ? '.gpg' : random.pick(['', '.gz'])
    const own: string[] = []
    for (let volume = 1, count = random.integer(0, 3); volume <= count; volume++) {
      if (random.integer(0, 9) === 0) continue
      own.push(formatName({ object: 'volume', set, volume, suffix }))
      if (random.integer(0, 99) === 0)
        own.push(formatName({ object: 'volume', set, volume, suffix: encrypted ? '.gz' : '.gpg' }))
    }
    // A full set without volumes is taken for no set in the middle of duplicity's rules, because it is false in Python.
    if (own.length === 0 && set.type === 'full') own.push(formatName({ object: 'volume', set, volume: 1, suffix }))
    const manifest = random.integer(0, 19)
    if (manifest > 2) own.push(formatName({ object: 'manifest', set, suffix: encrypted ? '.gpg' : '' }))
    if (manifest === 1) own.unshift(formatName({ object: 'manifest', set, partial: true }))
    if (manifest === 19 && random.integer(0, 3) === 0) own.push(formatName({ object: 'manifest', set, suffix: '.gz' }))
    keys.push(...own)
    if (random.integer(0, 9) > 0) keys.push(formatName({ object: 'signatures', set, suffix }))
    else if (random.integer(0, 1) === 0) keys.push(formatName({ object: 'signatures', set, partial: true }))
    if (random.integer(0, 9) === 0)
      keys.push(random.pick(['README', 'lockfile', `${keys[0]}.par2`, 'duplicity-full.x.manifest']))
  }
  const parity = keys.filter((key) => !key.endsWith('.par2'))
  return { keys: parity, times: [0, ...Array.from({ length: 4 }, () => time(random) + random.pick([-50, 0, 50]))] }
}

function start(set: SetTimes): number {
  return set.type === 'full' ? set.timeSeconds : set.startSeconds
}

function end(set: SetTimes): number {
  return set.type === 'full' ? set.timeSeconds : set.endSeconds
}

function asTheirs(set: BackupSet): TheirSet {
  return {
    type: set.times.type,
    start: set.times.type === 'full' ? null : set.startSeconds,
    end: set.endSeconds,
    encrypted: set.encrypted,
    partial: set.partial,
    manifest: set.manifest?.key ?? null,
    volumes: Object.fromEntries([...set.volumes].map(([number, { key }]) => [String(number), key])),
  }
}

/** As duplicity leaves its collection: without the set that has no signatures. */
function settled(collection: Collection, { chain, discarded }: MatchedChains) {
  const chains = collection.chains.map((c) => (discarded !== undefined && c === collection.chains.at(-1) ? chain! : c))
  return {
    chains: chains.map((c) => c.sets.map(asTheirs)),
    orphaned: collection.orphanedSets.map(asTheirs),
    incomplete: [...collection.incompleteSets, ...(discarded === undefined ? [] : [discarded])].map(asTheirs),
    signatureChains: collection.signatureChains.map((c) => c.sets.map((s) => s.object.key)),
    orphanedSignatures: collection.orphanedSignatures.map((s) => s.object.key),
  }
}

/** Times at which a chain had begun that went on after another one had begun. */
function overlap({ chains }: Collection): boolean {
  return chains.some((a) =>
    chains.some((b) => a !== b && a.startSeconds <= b.startSeconds && b.startSeconds <= a.endSeconds),
  )
}

function tied(chains: readonly { endSeconds: number }[]): boolean {
  return new Set(chains.map((c) => c.endSeconds)).size < chains.length
}

describe('collectSets(), matchChains() and setsForTime() against duplicity 0.8.22', () => {
  itWith(duplicity, 'sort 1000 listings the same, but for the differences on purpose', async () => {
    const seed = drawSeed()
    const random = createRandom(seed)
    const cases = [...examples, ...Array.from({ length: 1000 }, () => listing(random))]
    const answers = await ask<Theirs[]>('collections', { cases })
    const met = new Map<string, number>()
    const meet = (difference: string) => met.set(difference, (met.get(difference) ?? 0) + 1)
    for (const [i, theirs] of answers.entries()) {
      const { keys, times } = cases[i]!
      const where = `seed ${seed}: ${JSON.stringify(cases[i])}`
      const objects = keys.map((key) => ({ key, size: 1 }))
      const ours = collectSets(objects, { partialSets: 'complete' })
      expect(
        collectSets(random.integer(0, 1) === 0 ? objects.toReversed() : objects, { partialSets: 'complete' }),
      ).toEqual(ours)
      if (theirs.dies !== undefined) {
        const told = ours.duplicates.length > 0 || tied(ours.chains) || tied(ours.signatureChains)
        expect(told, where).toBe(true)
        meet(ours.duplicates.length > 0 ? 'a second object is told, and nothing dies of it' : 'chains may end together')
        continue
      }
      // With two chains of one end duplicity keeps the order in which it happened to find them.
      if (tied(ours.chains) || tied(ours.signatureChains)) {
        meet('chains that end together are in the order of their starts')
        continue
      }
      let matched = matchChains(ours)
      // duplicity looks for the end of a full set where it keeps only that of increments.
      if (matched.discarded !== undefined && matched.chain!.incs.length === 0) {
        meet('the set before the discarded one may be the full one')
        matched = {}
      }
      const { chains, orphaned, incomplete, signatureChains, orphanedSignatures } = theirs
      expect(settled(ours, matched), where).toEqual({
        chains,
        orphaned,
        incomplete,
        signatureChains,
        orphanedSignatures,
      })
      const pair = matched.chain && {
        chain: matched.chain.sets.map(asTheirs),
        signatures: matched.signatures!.sets.map((set) => set.object.key),
      }
      expect(pair ?? null, where).toEqual(theirs.matched)
      if (matched.discarded !== undefined) meet('(discarded)')
      if (ours.replacedSets.length > 0) meet('(replaced)')
      for (const [j, t] of times.entries()) compareTime(t, theirs.forTimes[j]!, ours, matched, where, meet)
    }
    expect(Object.fromEntries(met)).toEqual({
      '(discarded)': expect.any(Number),
      '(replaced)': expect.any(Number),
      'a second object is told, and nothing dies of it': expect.any(Number),
      'chains may end together': expect.any(Number),
      'chains that end together are in the order of their starts': expect.any(Number),
      'the set before the discarded one may be the full one': expect.any(Number),
      'nothing is restored for a time before the first set': expect.any(Number),
      'of chains that overlap the one with the latest set counts': expect.any(Number),
    })
  })
})

/** A listing of sets as `100` (full) and `100-200`; an exclamation mark says that the signatures are lost. */
function example(text: string, times: number[] = [], more: string[] = []): Case {
  const keys = text.split(' ').flatMap((word) => {
    const [start, end] = word.replace('!', '').split('-').map(Number)
    const set: SetTimes =
      end === undefined ? { type: 'full', timeSeconds: start! } : { type: 'inc', startSeconds: start!, endSeconds: end }
    const signatures = word.endsWith('!') ? [] : [formatName({ object: 'signatures', set })]
    return [formatName({ object: 'volume', set, volume: 1 }), formatName({ object: 'manifest', set }), ...signatures]
  })
  return { keys: [...keys, ...more], times }
}

/** One listing for each thing that is to be met. */
const examples = [
  example('100 100-200 200-300!'),
  example('100 100-200!'),
  example('100 100-200 100-300'),
  example('100', [], ['duplicity-full.19700101T000140Z.vol1.difftar.gz']),
  example('100 200 300 100-900 200-900 300-900'),
  example('100 200 100-900 200-900'),
  example('100', [50]),
  example('100 300 100-900', [500]),
]

function compareTime(
  t: number,
  theirs: Theirs['forTimes'][number],
  whole: Collection,
  { chain, discarded }: MatchedChains,
  where: string,
  meet: (difference: string) => void,
): void {
  const chains = discarded === undefined ? whole.chains : [...whole.chains.slice(0, -1), chain!]
  const ours = setsForTime({ chains }, t)
  if (Array.isArray(theirs) && isDeepStrictEqual(ours?.sets.map(asTheirs), theirs)) return
  if (ours === undefined) {
    if (chains.length === 0) {
      expect(theirs, where).toEqual({ dies: 'No backup chains found' })
    } else {
      expect(firstSeconds({ chains }), where).toBeGreaterThan(t)
      meet('nothing is restored for a time before the first set')
    }
    return
  }
  expect(overlap(whole), where).toBe(true)
  const newest = Math.max(
    ...chains
      .flatMap((c) => (c.startSeconds <= t ? c.sets : []))
      .map((s) => s.endSeconds)
      .filter((s) => s <= t),
  )
  expect(ours.sets.at(-1)?.endSeconds, where).toBe(newest)
  meet('of chains that overlap the one with the latest set counts')
}
