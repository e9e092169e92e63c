import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  createRandom,
  diffTrees,
  type Ignored,
  itWith,
  nastyTree,
  type Random,
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
const chains: Chain[] = []
const states: Snapshot[] = []
/** How often each change was made. */
const made = new Map<string, number>()
let source = ''

beforeAll(async () => {
  const folder = await tempDir('chains')
  source = join(folder, 'source')
  const { seed } = await nastyTree(source, { big: long })
  const random = createRandom(`chains ${seed}`)
  mkdirSync(join(source, 'turning'))
  writeFileSync(join(source, 'turning/multi'), random.bytes(2_600_000))
  writeFileSync(join(source, 'turning/text'), 'a line that shrinks well\n'.repeat(50_000))

  const later = Array.from({ length: setCount - 1 }, () => 'inc by them' as const)
  for (const version of versions.filter((one) => duplicityPeer(one).available)) {
    for (const encryption of ['none', 'passphrase'] as const) {
      const add = (kind: Chain['kind'], writers: Chain['writers']) => {
        const own = join(folder, `${version}-${encryption}-${kind.replace(' ', '-')}`)
        mkdirSync(join(own, 'storage'), { recursive: true })
        chains.push({ kind, version, encryption, writers, folder: own })
      }
      add('theirs', ['full by them', ...later])
      add('continued', ['full by us', ...later.slice(0, changedSets - 1)])
      if (long || encryption === 'passphrase') {
        add('in turns', ['full by us', 'inc by them', 'full by us', 'inc by them', ...later.slice(0, changedSets - 4)])
      }
    }
  }

  for (let set = 0; set < setCount; set++) {
    if (set > 0 && set < changedSets) changeAll(random.fork(`set ${set}`), set)
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

// Changes. Each touches the time as well: the real program does not look at sizes or contents.

type Change = (path: Buffer, entry: SnapshotEntry, random: Random) => void

const content: Record<string, Change> = {
  'edited in the middle': (path, { size }, random) => {
    const file = openSync(path, 'r+')
    writeSync(file, random.bytes(Math.min(9, size)), 0, Math.min(9, size), Math.floor(size / 2))
    closeSync(file)
  },
  'grown in front': (path, _, random) =>
    writeFileSync(path, Buffer.concat([random.bytes(random.integer(1, 700)), readFileSync(path)])),
  'grown at the end': (path, { size }, random) => appendFileSync(path, random.bytes((-size & 65_535) + 3)),
  shrunk: (path, { size }, random) => truncateSync(path, random.integer(0, size)),
  emptied: (path) => truncateSync(path, 0),
  'written anew': (path, _, random) => writeFileSync(path, random.bytes(random.integer(0, 140_000))),
}

const kind: Record<string, Change> = {
  'became a file': (path, _, random) =>
    replace(path, () => writeFileSync(path, random.bytes(random.integer(0, 70_000)))),
  'became a folder': (path, _, random) =>
    replace(path, () => {
      mkdirSync(path)
      writeFileSync(Buffer.concat([path, Buffer.from('/inside')]), random.bytes(100))
    }),
  // Never the same target twice: of a link the real program looks at nothing else.
  'became a link': (path) => replace(path, () => symlinkSync(`to ${count()}`, path)),
  'became a pipe': (path) =>
    replace(path, () => {
      const plain = join(source, 'turning', 'pipe')
      execFileSync('mkfifo', [plain])
      renameSync(plain, path)
    }),
}

const place: Record<string, Change> = {
  deleted: (path) => replace(path, () => undefined),
  renamed: (path) =>
    renameSync(path, Buffer.concat([path.subarray(0, path.lastIndexOf(47) + 1), Buffer.from(`~${count()}`)])),
}

// Who is not root has to go on reading what is there.
const modes = isRoot ? [0o600, 0o755, 0o4711, 0o2750, 0] : [0o700, 0o755, 0o777]

const attributes: Record<string, Change> = {
  'only mode': (path, { mode }, random) =>
    chmodSync(path, random.pick(modes.filter((one) => one !== mode) as [number])),
  'only time': (path, { mtimeSeconds }) => setTime(path, Math.max(0, mtimeSeconds) + 1 + count()),
  ...(isRoot
    ? {
        'only owner': (path: Buffer, { uid }: SnapshotEntry, random: Random) =>
          lchownSync(path, uid + 1, random.integer(0, 3_000_000)),
      }
    : {}),
}

let counted = 0
const count = () => (counted += 1)

function replace(path: Buffer, make: () => void): void {
  rmSync(path, { recursive: true, force: true })
  make()
}

function setTime(path: Buffer, seconds: number): void {
  lutimesSync(path, seconds, seconds)
}

/** What was deleted a set ago, and comes back with other content. */
let missed: Buffer[] = []

function changeAll(random: Random, set: number): void {
  const at = (path: string) => Buffer.concat([Buffer.from(`${source}/`), Buffer.from(path, 'latin1')])
  const returning = missed
  missed = []
  for (const path of returning) {
    if (!exists(path.subarray(0, path.lastIndexOf(47))) || exists(path)) continue
    kind['became a file']!(path, statOf(path), random)
    note('back again')
  }
  for (const [path, entry] of states.at(-1)!) {
    const bytes = at(path)
    // The ends of the tree stay; so does what a change of something above has taken away.
    if (path === '' || path.startsWith('turning') || !exists(bytes)) continue
    if (random.integer(0, 99) >= (entry.kind === 'directory' ? 12 : 40)) continue
    const choices = changesOf(entry)
    if (choices.length === 0) continue
    const [name, change] = random.pick(choices as [[string, Change]])
    change(bytes, entry, random)
    note(name)
    if (name === 'deleted' && random.integer(0, 1) === 0) missed.push(bytes)
    else if (name in content) setTime(bytes, 1_500_000_000 + count())
  }
  // Larger than a volume: both ends and the middle, longer and shorter, moved by an odd number of bytes.
  const multi = at('turning/multi')
  const old = readFileSync(multi)
  const half = Math.floor(old.length / 2)
  const parts = [
    [random.bytes(10), old.subarray(10, -10), random.bytes(10)],
    [old.subarray(0, half), random.bytes(1_234_567), old.subarray(half)],
    [random.bytes(3), old.subarray(0, half - 500_000), old.subarray(half), Buffer.from('end')],
  ][(set - 1) % 3]!
  writeFileSync(multi, Buffer.concat(parts))
  setTime(multi, 1_500_000_000 + count())
}

function changesOf({ kind: what, size }: SnapshotEntry): [string, Change][] {
  const { 'became a file': file, ...others } = kind
  if (what === 'file') {
    const inside = size === 0 ? { 'grown at the end': content['grown at the end']! } : content
    return Object.entries({ ...inside, ...others, ...place, ...attributes })
  }
  if (what === 'directory') {
    const { 'became a folder': _, ...rest } = others
    return Object.entries({ 'became a file': file!, ...rest, ...place, ...attributes })
  }
  if (what === 'symlink') return Object.entries({ 'became a file': file!, ...others, ...place })
  if (what === 'fifo') return Object.entries({ 'became a file': file!, ...place, ...attributes })
  return []
}

const note = (name: string) => made.set(name, (made.get(name) ?? 0) + 1)

function exists(path: Buffer): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    // Something above it is no folder any more.
    return false
  }
}

const statOf = (path: Buffer): SnapshotEntry => ({
  ...states[0]!.get('')!,
  size: exists(path) ? statSync(path).size : 0,
})

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
  const names = [content, kind, place, attributes].flatMap((group) => Object.keys(group))
  for (const name of [...names, 'back again']) expect(made.get(name) ?? 0, name).toBeGreaterThan(1)
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
  for (const encryption of ['none', 'passphrase'] as const) {
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

      if (long || encryption === 'passphrase') {
        itWith(
          [duplicityPeer(version)],
          'taking turns in one archive dir, restored by both',
          async () => {
            const chain = chainOf('in turns')
            const ours = (long ? anySet : [1, 3]).map((set) => () => restored(chain, 'us', set))
            record(chain, 'duplicity-to-coalmine', await all(ours))
            const theirs = (long ? anySet : [3]).map((set) => () => restored(chain, 'them', set))
            record(chain, 'coalmine-to-duplicity', await all(theirs, false))
          },
          1_800_000,
        )
      }
    })
  }
}
