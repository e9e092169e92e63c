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
import { compatOf } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { NastyChanges } from './nasty-changes.ts'
import { type Encryption, encryptionOf } from './storages.ts'
import { long } from './turns.ts'

// Chains of a tree that changes nastily between its sets: by us, by the real program, continued by the other, and in turns.
// Judge: what the tree was when each set was made, and the real program that restores it.

const isRoot = process.getuid?.() === 0
const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const available = versions.filter((version) => duplicityPeer(version).available)

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

type Program = 'us' | 'them'

interface Chain {
  readonly name: string
  readonly version: DuplicityVersion
  readonly encryption: Encryption
  /** Who makes each set. */
  readonly writers: readonly Program[]
  /** Which sets are full. */
  readonly fulls: readonly number[]
  /** Whether both have one archive dir; else each has its own. */
  readonly shared: boolean
  readonly folder: string
  /** Why it could not be made. */
  failure?: unknown
}

const inTurns = (first: Program): Program[] =>
  Array.from({ length: setCount }, (_, set) => (set % 2 === 0 ? first : first === 'us' ? 'them' : 'us'))
const after = (full: Program, incs: Program): Program[] => [full, ...Array.from({ length: setCount - 1 }, () => incs)]

type Kind = Pick<Chain, 'name' | 'writers' | 'fulls' | 'shared'>

const kinds: readonly Kind[] = [
  { name: 'all by us', writers: after('us', 'us'), fulls: [0], shared: false },
  { name: 'all by them', writers: after('them', 'them'), fulls: [0], shared: false },
  { name: 'theirs, continued by us', writers: after('them', 'us'), fulls: [0], shared: false },
  { name: 'ours, continued by them', writers: after('us', 'them'), fulls: [0], shared: false },
  { name: 'in turns, we begin', writers: inTurns('us'), fulls: [0], shared: true },
  { name: 'in turns, they begin', writers: inTurns('them'), fulls: [0], shared: false },
  { name: 'in turns, the full sets by us', writers: inTurns('us'), fulls: [0, 2], shared: true },
]

/** In the short run two kinds, each with one version and encryption. */
const brief = new Map<string, [version: number, encryption: Encryption]>([
  ['theirs, continued by us', [1, 'none']],
  ['in turns, we begin', [0, 'passphrase']],
])

const wanted = kinds.flatMap((kind) =>
  versions.flatMap((version, at) =>
    (['none', 'passphrase'] as const).flatMap((encryption) => {
      const [column, row] = brief.get(kind.name) ?? []
      return long || (column === at && row === encryption) ? [{ ...kind, version, encryption }] : []
    }),
  ),
)

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
  for (const [at, one] of wanted.entries()) {
    if (!available.includes(one.version)) continue
    const own = join(folder, String(at))
    mkdirSync(join(own, 'storage'), { recursive: true })
    mkdirSync(join(own, 'home'))
    chains.push({ ...one, folder: own })
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

function run({ version, encryption, shared, folder }: Chain, program: Program, words: readonly string[]) {
  const { options, env } = encryptionOf(encryption)
  const argv = [...words, ...options, '--archive-dir', join(folder, shared ? 'cache' : `cache of ${program}`)]
  const more = { env, home: join(folder, 'home'), timeoutMs: 600_000 }
  return program === 'us' ? coalmine([...argv, ...compatOf(version)], more) : duplicity(version, argv, more)
}

async function writeSet(chain: Chain, set: number): Promise<void> {
  if (chain.failure !== undefined) return
  try {
    const action = chain.fulls.includes(set) ? 'full' : 'incremental'
    // Small blocks and volumes: whatever is large enough spans both.
    const sizes = ['--volsize', '1', '--max-blocksize', '512']
    const words = [action, ...sizes, '--current-time', String(secondsOf(set)), source, `file://${chain.folder}/storage`]
    const outcome = expectDone(await run(chain, chain.writers[set]!, words))
    // What we left in the archive dir is exactly what the real program expects there.
    if (chain.shared && chain.writers[set] === 'them') {
      expect(outcome.stdout.toString()).toContain('Local and Remote metadata are synchronized, no sync needed.')
    }
  } catch (error) {
    chain.failure = error
  }
}

function expectDone(outcome: RunResult): RunResult {
  expect(outcome.code, said(outcome)).toBe(0)
  expect(outcome.stdout.toString()).toContain('\nErrors 0\n')
  return outcome
}

/** What is not as it was in the set, of all of it or of one path. */
async function restored(chain: Chain, by: Program, set: number, path = ''): Promise<string[]> {
  if (chain.failure !== undefined) throw chain.failure
  const name = `${by}-${set}${path.replaceAll('/', '-')}`
  const target = join(chain.folder, name)
  const part = path === '' ? [] : ['--path-to-restore', path]
  const words = ['restore', ...part, '-t', String(secondsOf(set)), `file://${chain.folder}/storage`, target]
  const outcome = await run(chain, by, words)
  expect(outcome.code, said(outcome)).toBe(0)
  const found = await snapshotTree(target)
  rmSync(target, { recursive: true })
  return diffTrees(below(path, states[set]!), found, { ignore: by === 'us' ? always : byDuplicity }).map(
    (line) => `${name}: ${line}`,
  )
}

function below(path: string, state: Snapshot): Snapshot {
  if (path === '') return state
  const entries = [...state].flatMap(([one, entry]): [string, SnapshotEntry][] => {
    const inside = one === path || one.startsWith(`${path}/`)
    return inside ? [[one.slice(path.length + 1), entry]] : []
  })
  return new Map(entries)
}

function record(chain: Chain, direction: 'coalmine-to-duplicity' | 'duplicity-to-coalmine', differences: string[]) {
  const outcome = differences.length === 0 ? ('same' as const) : ('different' as const)
  const { version, encryption, name } = chain
  recordCase({ version, direction, encryption, volsize: 1, outcome, name: `chain, ${name}` })
  expect(differences).toEqual([])
}

it.runIf(available.length > 0)('changes were nasty, and sets of several volumes', () => {
  for (const name of changes!.names) expect(changes!.made.get(name) ?? 0, name).toBeGreaterThan(1)
  for (const { folder, failure, name, fulls } of chains) {
    if (failure !== undefined) throw failure
    const storage = readdirSync(join(folder, 'storage'))
    expect(storage.filter((one) => one.startsWith('duplicity-inc') && one.includes('.manifest'))).toHaveLength(
      setCount - fulls.length,
    )
    expect(storage.filter((one) => one.includes('.vol2.')).length, name).toBeGreaterThan(2)
  }
})

for (const { name, version, encryption, writers } of wanted) {
  describe(`${name}, with duplicity ${version} (${encryption})`, () => {
    const chainOf = () =>
      chains.find((one) => one.name === name && one.version === version && one.encryption === encryption)!

    itWith(
      [duplicityPeer(version)],
      'restored by us at the time of every set',
      async () => {
        const lines: string[] = []
        const sets = states.map((_, set) => set)
        await twoAtATime(sets, async (set) => void lines.push(...(await restored(chainOf(), 'us', set))))
        record(chainOf(), writers.includes('them') ? 'duplicity-to-coalmine' : 'coalmine-to-duplicity', lines)
      },
      1_800_000,
    )

    itWith(
      [duplicityPeer(version)],
      'one file and folders of it, restored by us',
      async () => {
        const parts = ['names', 'sizes', 'modes', 'chance'].flatMap((path) =>
          states.flatMap((state, set) => (state.get(path)?.kind === 'directory' ? [{ path, set }] : [])),
        )
        expect(parts.length).toBeGreaterThan(0)
        const file = 'turning/multi'
        const files = states.flatMap((state, set) => (set % 2 === 1 && state.has(file) ? [{ path: file, set }] : []))
        expect(files.length).toBeGreaterThan(0)
        const lines: string[] = []
        const some = [...files, ...(long ? parts : parts.slice(-1))]
        await twoAtATime(
          some,
          async ({ path, set }) => void lines.push(...(await restored(chainOf(), 'us', set, path))),
        )
        record(chainOf(), writers.includes('them') ? 'duplicity-to-coalmine' : 'coalmine-to-duplicity', lines)
      },
      1_800_000,
    )

    itWith(
      [duplicityPeer(version)],
      `restored by them${long ? ' at the time of every set' : ''}`,
      async () => {
        const lines: string[] = []
        // One at a time: it locks its archive dir to restore.
        const sets = long ? states.keys() : [setCount - 1]
        for (const set of sets) lines.push(...(await restored(chainOf(), 'them', set)))
        record(chainOf(), 'coalmine-to-duplicity', lines)
      },
      1_800_000,
    )
  })
}
