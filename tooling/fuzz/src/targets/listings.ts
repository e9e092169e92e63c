import {
  type BackupChain,
  type Collection,
  collectSets,
  firstSeconds,
  matchChains,
  type SetTimes,
  setsForTime,
  type SignatureChain,
  signaturesForTime,
  type StoredObject,
  parseName,
  formatName,
} from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { show } from '../lib/feed.ts'
import { demand, type Target } from '../lib/target.ts'

const stamps = [
  '20231114T221320Z',
  '20231116T020000Z',
  '20231117T054640Z',
  '20231118T093320Z',
  '19010101T000001Z',
] as const
const kinds = ['vol1.difftar', 'vol2.difftar', 'vol999999999999999999.difftar', 'manifest', 'manifest.part'] as const
const suffixes = ['', '.gpg', '.gz', '.gpg.par2', '.bak'] as const

const key = fc
  .tuple(
    fc.constantFrom(...stamps),
    fc.constantFrom(...stamps),
    fc.constantFrom(...kinds),
    fc.constantFrom(...suffixes),
    fc.nat(3),
  )
  .map(([start, end, kind, suffix, family]) => {
    if (family === 0) return `duplicity-full.${end}.${kind}${suffix}`
    if (family === 1) return `duplicity-inc.${start}.to.${end}.${kind}${suffix}`
    if (family === 2) return `duplicity-full-signatures.${end}.sigtar${suffix}`
    return `duplicity-new-signatures.${start}.to.${end}.sigtar${suffix}`
  })

/** What a storage says it holds: a line for each object, its size ahead of its name. */
export const listings: Target = {
  name: 'listings',
  about: 'listings of a storage: hostile names and sizes (collectSets and what is chosen from it)',
  maxBytes: 16_384,
  tokens: [
    ...stamps,
    ...kinds,
    ...suffixes,
    'duplicity-full.',
    'duplicity-inc.',
    '.to.',
    '\n',
    '-1 ',
    'NaN ',
    '1e999 ',
  ],
  arbitrary: fc
    .array(fc.tuple(fc.constantFrom('0', '1', '-1', 'NaN', '9007199254740993'), key), { maxLength: 30 })
    .map((rows) => Buffer.from(rows.map(([size, name]) => `${size} ${name}`).join('\n'))),
  run(input) {
    const objects = objectsOf(input)
    const collection = collectSets(objects)
    requireEachOnce(objects, collection)
    const turned = collectSets([...objects].reverse())
    demand(show(summary(turned)) === show(summary(collection)), 'The order of the listing makes a difference')
    for (const chain of [...collection.chains, ...collection.signatureChains]) requireLinked(chain)
    for (const partialSets of ['complete', 'incomplete'] as const) collectSets(objects, { partialSets })
    choose(collection)
    return { accepted: collection.chains.length > 0 }
  },
}

function objectsOf(input: Uint8Array): StoredObject[] {
  const lines = Buffer.from(input).toString('latin1').split('\n')
  const seen = new Set<string>()
  const objects: StoredObject[] = []
  for (const line of lines) {
    const blank = line.indexOf(' ')
    const name = line.slice(blank + 1)
    // A storage tells each key once.
    if (seen.has(name)) continue
    seen.add(name)
    objects.push({ key: name, size: Number(line.slice(0, Math.max(0, blank))) })
  }
  return objects
}

function requireEachOnce(objects: readonly StoredObject[], collection: Collection): void {
  const {
    chains,
    orphanedSets,
    incompleteSets,
    replacedSets,
    signatureChains,
    orphanedSignatures,
    duplicates,
    foreign,
  } = collection
  const sets = [...chains.flatMap((chain) => chain.sets), ...orphanedSets, ...incompleteSets, ...replacedSets]
  const inSets = sets.flatMap((set) => [...(set.manifest === undefined ? [] : [set.manifest]), ...set.volumes.values()])
  const signatures = [...signatureChains.flatMap((chain) => chain.sets), ...orphanedSignatures].map((set) => set.object)
  const told = [...inSets, ...signatures, ...duplicates]
  demand(new Set(told).size === told.length, 'An object is in two places')
  // Statistics are in none, and unfinished signatures count for nothing.
  const parsed = objects.map(({ key }) => parseName(key))
  const inNone = parsed.filter(
    (name) => name?.object === 'statistics' || (name?.object === 'signatures' && name.partial),
  ).length
  const unknown = parsed.filter((name) => name === undefined).length
  demand(unknown === foreign, `${unknown} names are foreign, ${foreign} are counted`)
  demand(
    told.length + inNone + foreign === objects.length,
    `Of ${objects.length} objects ${told.length + inNone + foreign} are told`,
  )
  for (const set of sets) {
    demand(
      (set.manifest === undefined || set.partial) === incompleteSets.includes(set),
      `${show(set.times)} is complete, or not`,
    )
    for (const [number, { key }] of set.volumes) demand(parseName(key)?.volume === number, `${key} is volume ${number}`)
  }
}

function requireLinked({ full, incs, sets, startSeconds, endSeconds }: BackupChain | SignatureChain): void {
  demand(
    full.times.type === 'full' && sets[0] === full && sets.length === incs.length + 1,
    'A chain does not begin with a full set',
  )
  let end = full.endSeconds
  for (const { times, startSeconds: start, endSeconds: next } of incs) {
    demand(times.type === 'inc' && start === end, `A set of ${start} follows one of ${end}`)
    end = next
  }
  demand(startSeconds === full.startSeconds && endSeconds === end, 'A chain tells another time than its sets')
}

function choose(collection: Collection): void {
  matchChains(collection)
  const first = firstSeconds(collection)
  for (const time of [0, 1_700_000_000, 1_700_150_000, Number.MAX_SAFE_INTEGER]) {
    const chosen = setsForTime(collection, time)
    demand(
      (chosen === undefined) === !(first !== undefined && first <= time),
      `For ${time} the choice is ${show(chosen?.sets.length)}`,
    )
    for (const set of chosen?.sets ?? [])
      demand(set.startSeconds <= time, `For ${time} a set of ${set.startSeconds} is chosen`)
    signaturesForTime(collection, time)
  }
}

function summary({
  chains,
  signatureChains,
  orphanedSets,
  incompleteSets,
  replacedSets,
  duplicates,
  foreign,
}: Collection): unknown {
  const sets = [orphanedSets, incompleteSets, replacedSets].map((list) =>
    list.map(({ times, manifest, volumes }) => [times, manifest?.key, [...volumes.keys()]]),
  )
  const linked = [...chains, ...signatureChains].map((chain) => chain.sets.map(({ times }) => times))
  return [linked, sets, duplicates.map(({ key: name }) => name).sort(), foreign]
}

/** Sets by numbers: three bytes for each, when it begins and ends and what there is of it. */
export const chains: Target = {
  name: 'chains',
  about: 'sets linked to chains, against the plainest way to do it',
  maxBytes: 900,
  arbitrary: fc.uint8Array({ maxLength: 90 }),
  run(input) {
    const sets = new Map<string, SetTimes>()
    for (let at = 0; at + 2 < input.length; at += 3) {
      const start = 1_700_000_000 + (input[at]! % 12)
      const end = 1_700_000_000 + (input[at + 1]! % 12)
      const times: SetTimes =
        input[at + 2]! % 4 === 0
          ? { type: 'full', timeSeconds: end }
          : { type: 'inc', startSeconds: start, endSeconds: end }
      sets.set(show(times), times)
    }
    const all = [...sets.values()]
    const keys = all.flatMap((set) => [
      formatName({ object: 'manifest', set }),
      formatName({ object: 'signatures', set, suffix: '.gz' }),
    ])
    const {
      chains: backups,
      orphanedSets,
      replacedSets,
      signatureChains,
    } = collectSets(keys.map((name) => ({ key: name, size: 1 })))
    const wanted = linkPlainly(all)
    const found = [
      backups.map((chain) => chain.sets.map(({ times }) => times)),
      orphanedSets.length,
      replacedSets.length,
    ]
    demand(show(found) === show(wanted), `Linked they are ${show(found)}, and plainly ${show(wanted)}`)
    for (const chain of signatureChains) requireLinked(chain)
    return { accepted: backups.length > 0 }
  },
}

/** The rules of duplicity as they are written: every set is tried against every chain, in order. */
function linkPlainly(sets: readonly SetTimes[]): unknown {
  const endOf = (set: SetTimes) => (set.type === 'full' ? set.timeSeconds : set.endSeconds)
  const startOf = (set: SetTimes) => (set.type === 'full' ? set.timeSeconds : set.startSeconds)
  const rank = (set: SetTimes) => (set.type === 'full' ? 0 : 1)
  const inOrder = [...sets].sort((a, b) => endOf(a) - endOf(b) || rank(a) - rank(b) || startOf(a) - startOf(b))
  const chains: SetTimes[][] = []
  let orphans = 0
  let replaced = 0
  next: for (const set of inOrder) {
    if (set.type === 'full') {
      chains.push([set])
      continue
    }
    for (const chain of chains) {
      const last = chain.at(-1)!
      if (endOf(last) === set.startSeconds) {
        chain.push(set)
        continue next
      }
      if (last.type === 'inc' && last.startSeconds === set.startSeconds) {
        chain.splice(-1, 1, set)
        replaced += 1
        continue next
      }
    }
    orphans += 1
  }
  chains.sort((a, b) => endOf(a.at(-1)!) - endOf(b.at(-1)!) || startOf(a[0]!) - startOf(b[0]!))
  return [chains, orphans, replaced]
}
