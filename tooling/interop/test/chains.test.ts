import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  createRandom,
  diffTrees,
  type Ignored,
  itWith,
  nastyTree,
  recordCase,
  type RunResult,
  type Snapshot,
  type SnapshotEntry,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { beforeAll, describe, expect, it } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { NastyChanges } from './nasty-changes.ts'

// Chains of sets of a tree that changes nastily in between, by the real program, and by both in turn. Judge: what the tree
// was when each set was made.

const long = Boolean(process.env['COALMINE_LONG'])
const isRoot = process.getuid?.() === 0
const passphrase = { PASSPHRASE: 'päss wörd "quoted" \\' }

// What neither program keeps; the reasons are with the names.
const always: readonly Ignored[] = [
  ...(['sockets', 'fractions', 'times-before-1970'] as const),
  ...(isRoot ? [] : (['ownership', 'set-id-bits', 'devices'] as const)),
]
const byDuplicity: readonly Ignored[] = [...always, 'symlink-times']

// The last set is of a tree in which nothing has changed.
const changedSets = long ? 7 : 4
const setCount = changedSets + 1
const secondsOf = (set: number) => 1_700_000_000 + set * 10_000

interface Chain {
  readonly kind: 'theirs' | 'continued' | 'in turns'
  readonly version: DuplicityVersion
  readonly encryption: 'none' | 'passphrase'
  readonly folder: string
  /** Who makes each set. */
  readonly writers: readonly ('full by us' | 'full by them' | 'inc by them')[]
  /** Why it could not be made. */
  failure?: unknown
}

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]

/** In the short run each version with one encryption; chains in turns are the business of increments.test.ts then. */
const encryptionsOf = (version: DuplicityVersion): readonly Chain['encryption'][] =>
  long ? ['none', 'passphrase'] : [version === versions[0] ? 'none' : 'passphrase']

const chains: Chain[] = []
const states: Snapshot[] = []
let changes: NastyChanges | undefined
let source = ''

beforeAll(async () => {
  const folder = await tempDir('chains')
  source = join(folder, 'source')
  const { seed } = await nastyTree(source, { big: long })
  const random = createRandom(`chains ${seed}`)
  changes = new NastyChanges(source, random)

  const later = Array.from({ length: setCount - 1 }, () => 'inc by them' as const)
  for (const version of versions.filter((one) => duplicityPeer(one).available)) {
    for (const encryption of encryptionsOf(version)) {
      const add = (kind: Chain['kind'], writers: Chain['writers']) => {
        const own = join(folder, `${version}-${encryption}-${kind.replace(' ', '-')}`)
        mkdirSync(join(own, 'storage'), { recursive: true })
        chains.push({ kind, version, encryption, writers, folder: own })
      }
      add('theirs', ['full by them', ...later])
      add('continued', ['full by us', ...later.slice(0, changedSets - 1)])
      if (long) {
        add('in turns', ['full by us', 'inc by them', 'full by us', 'inc by them', ...later.slice(0, changedSets - 4)])
      }
    }
  }

  for (let set = 0; set < setCount; set++) {
    if (set > 0 && set < changedSets) changes.change(states.at(-1)!, random.fork(`set ${set}`), set)
    states.push(await snapshotTree(source))
    await twoAtATime(chains, (chain) => writeSet(chain, set))
  }
}, 3_600_000)

async function twoAtATime<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const queue = all.values()
  await Promise.all(
    [0, 1].map(async () => {
      for (const one of queue) await work(one)
    }),
  )
}

/** Which archive dir a program has: its own, or one with the other. */
function archiveOf({ kind, folder }: Chain, whose: 'ours' | 'theirs'): string[] {
  return ['--archive-dir', join(folder, kind === 'in turns' ? 'cache' : `${whose}-cache`)]
}

const urlOf = ({ folder }: Chain) => `file://${folder}/storage`
const plainOf = ({ encryption }: Chain) => (encryption === 'none' ? ['--no-encryption'] : [])
const envOf = ({ encryption }: Chain): Record<string, string> => (encryption === 'none' ? {} : passphrase)

async function writeSet(chain: Chain, set: number): Promise<void> {
  const writer = chain.writers[set]
  if (writer === undefined || chain.failure !== undefined) return
  try {
    const common = [...plainOf(chain), '--volsize', '1', '--current-time', String(secondsOf(set))]
    const options = { env: envOf(chain), timeoutMs: 600_000 }
    if (writer === 'full by us') {
      expectDone(await coalmine(['full', source, urlOf(chain), ...common, ...archiveOf(chain, 'ours')], options))
      return
    }
    const action = writer === 'full by them' ? 'full' : 'incremental'
    const home = join(chain.folder, 'home')
    mkdirSync(home, { recursive: true })
    const argv = [action, ...common, ...archiveOf(chain, 'theirs'), source, urlOf(chain)]
    const outcome = expectDone(await duplicity(chain.version, argv, { ...options, home }))
    // What we left in the archive dir is exactly what it expects there.
    if (chain.kind === 'in turns') {
      expect(outcome.stdout.toString()).toContain('Local and Remote metadata are synchronized, no sync needed.')
    }
  } catch (error) {
    chain.failure = error
  }
}

function expectDone(outcome: RunResult): RunResult {
  expect(outcome.code, said(outcome)).toBe(0)
  return outcome
}

// What is restored is compared.

async function restored(chain: Chain, by: 'us' | 'them', set: number, path = ''): Promise<string[]> {
  if (chain.failure !== undefined) throw chain.failure
  const name = `${by}-${set}${path.replaceAll('/', '-')}`
  const target = join(chain.folder, name)
  const argv = ['restore', ...plainOf(chain), '-t', String(secondsOf(set))]
  if (path !== '') argv.push('--path-to-restore', path)
  const options = { env: envOf(chain), timeoutMs: 600_000 }
  if (by === 'us') {
    expectDone(await coalmine([...argv, ...archiveOf(chain, 'ours'), urlOf(chain), target], options))
  } else {
    const home = join(chain.folder, 'home')
    const renamed = argv.map((word) => (chain.version === '0.8.22' ? word.replace('--path-to', '--file-to') : word))
    expectDone(
      await duplicity(chain.version, [...renamed, ...archiveOf(chain, 'theirs'), urlOf(chain), target], {
        ...options,
        home,
      }),
    )
  }
  const expected = new Map(
    [...states[set]!].flatMap(([one, entry]): [string, SnapshotEntry][] =>
      path === ''
        ? [[one, entry]]
        : one === path || one.startsWith(`${path}/`)
          ? [[one.slice(path.length + 1), entry]]
          : [],
    ),
  )
  const found = await snapshotTree(target)
  rmSync(target, { recursive: true })
  return diffTrees(expected, found, { ignore: by === 'us' ? always : byDuplicity }).map((line) => `${name}: ${line}`)
}

function record(
  chain: Chain,
  direction: 'coalmine-to-duplicity' | 'duplicity-to-coalmine',
  differences: string[],
): void {
  const outcome = differences.length === 0 ? ('same' as const) : ('different' as const)
  const { version, encryption, kind: name } = chain
  recordCase({ version, direction, encryption, volsize: 1, outcome, name: `chain, ${name}` })
  expect(differences).toEqual([])
}

async function all(work: readonly (() => Promise<string[]>)[], together = true): Promise<string[]> {
  const lines: string[] = []
  const one = async (restore: () => Promise<string[]>) => void lines.push(...(await restore()))
  if (together) await twoAtATime(work, one)
  else for (const restore of work) await one(restore)
  return lines
}

it.runIf(versions.some((version) => duplicityPeer(version).available))('changes were nasty', () => {
  for (const name of changes!.names) expect(changes!.made.get(name) ?? 0, name).toBeGreaterThan(1)
  for (const chain of chains.filter(({ kind: what }) => what === 'theirs')) {
    if (chain.failure !== undefined) throw chain.failure
    const volumes = readdirSync(join(chain.folder, 'storage')).filter((one) => one.includes('.vol'))
    // The sets in which much was new have several volumes.
    for (let set = 0; set < changedSets; set = set === 0 ? 2 : set + 3) {
      const end = new Date(secondsOf(set) * 1000).toISOString().replace(/[-:]|\.\d+/g, '')
      const name = set === 0 ? `full.${end}.` : `to.${end}.`
      expect(volumes.filter((one) => one.includes(name)).length, `${chain.version} ${set}`).toBeGreaterThan(1)
    }
  }
})

const anySet = Array.from({ length: changedSets }, (_, set) => set)

for (const version of versions) {
  for (const encryption of encryptionsOf(version)) {
    describe(`chains with duplicity ${version} (${encryption})`, () => {
      const chainOf = (what: Chain['kind']) =>
        chains.find((one) => one.kind === what && one.version === version && one.encryption === encryption)!

      itWith(
        [duplicityPeer(version)],
        "theirs, restored by ours at every set's time",
        async () => {
          const chain = chainOf('theirs')
          const times = [...anySet, setCount - 1].map((set) => () => restored(chain, 'us', set))
          const files = (long ? anySet : [1, 3]).map((set) => () => restored(chain, 'us', set, 'turning/multi'))
          const folders = ['names', 'sizes', 'modes', 'chance'].flatMap((path) =>
            anySet.slice(1).flatMap((set) => {
              const isThere = states[set]!.get(path)?.kind === 'directory'
              return isThere ? [() => restored(chain, 'us', set, path)] : []
            }),
          )
          expect(folders.length).toBeGreaterThan(0)
          const there = [...files, ...(long ? folders : folders.slice(-1))]
          record(chain, 'duplicity-to-coalmine', await all([...times, ...there]))
        },
        1_800_000,
      )

      itWith(
        [duplicityPeer(version)],
        'ours, continued by theirs, restored by both',
        async () => {
          const chain = chainOf('continued')
          const ours = (long ? anySet : [changedSets - 1]).map((set) => () => restored(chain, 'us', set))
          record(chain, 'duplicity-to-coalmine', await all(ours))
          const theirs = (long ? anySet : [changedSets - 1]).map((set) => () => restored(chain, 'them', set))
          const one = () => restored(chain, 'them', 1, 'turning/multi')
          // It locks its archive dir to restore.
          record(chain, 'coalmine-to-duplicity', await all([...theirs, one], false))
        },
        1_800_000,
      )

      if (long) {
        itWith(
          [duplicityPeer(version)],
          'taking turns in one archive dir, restored by both',
          async () => {
            const chain = chainOf('in turns')
            const ours = anySet.map((set) => () => restored(chain, 'us', set))
            record(chain, 'duplicity-to-coalmine', await all(ours))
            const theirs = anySet.map((set) => () => restored(chain, 'them', set))
            record(chain, 'coalmine-to-duplicity', await all(theirs, false))
          },
          1_800_000,
        )
      }
    })
  }
}
