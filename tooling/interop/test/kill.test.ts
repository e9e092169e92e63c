import {
  appendFileSync,
  existsSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createRandom, diffTrees, type Ignored, type Snapshot, snapshotTree, tempDir } from '@coalmine/fixtures'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duplicity, duplicityHome, duplicityPeer } from '../src/index.ts'
import { copyOf, Driver, killedAt, type Outcome, type Place, placeIn, storedIn } from './killed-runs.ts'

// A run that is killed, or finds the disk full, at its nth effect on files; then the next run, as a person or cron would start
// it. Judges: what the tree was at each set, restored by us after every point and by the real program after some; and the
// objects of sets that were complete before, which must be what they were.

const long = Boolean(process.env['COALMINE_LONG'])
const isRoot = process.getuid?.() === 0
const ignored: readonly Ignored[] = [
  ...(['sockets', 'fractions', 'times-before-1970'] as const),
  ...(isRoot ? [] : (['ownership', 'set-id-bits', 'devices'] as const)),
]
const seconds = [1_700_000_000, 1_700_010_000, 1_700_020_000] as const
const iso = (at: number) => new Date(at * 1000).toISOString().replace('.000', '')

interface Kind {
  readonly name: string
  /** Points of kills, and of full disks, in the short run. */
  readonly points: readonly [number, number]
  base(): Place
  argv(place: Place): string[]
  /** What is said next. */
  next(place: Place): string[]
  /** Sets that have to be there, by their times, and what the tree was. */
  expected(): readonly [number | undefined, Snapshot][]
  /** Objects that have to be what they were before. */
  stays(name: string): boolean
}

let folder = ''
let home = ''
let source = ''
const states: Snapshot[] = []
const bases = {
  empty: undefined as Place | undefined,
  full: undefined as Place | undefined,
  half: undefined as Place | undefined,
  chains: undefined as Place | undefined,
}
const drivers: Driver[] = []
const table: {
  kind: string
  how: string
  points: number
  of: number
  recovered: number
  resumed: number
  byDuplicity: number
}[] = []

const write = (place: Place, action: string, at?: number) => [
  ...[action, source, place.url, ...place.common, '--volsize', '1', '--no-encryption', '--no-compression'],
  ...(at === undefined ? [] : ['--current-time', String(at)]),
]

/** A little of everything that a tree may hold; every further entry costs effects of each restore. */
function tinyTree(root: string): void {
  for (const name of ['', 'kill', 'empty', 'links']) mkdirSync(join(root, name))
  writeFileSync(Buffer.from(`${root}/not \xff text`, 'latin1'), 'a')
  writeFileSync(join(root, 'new\nline "quoted" \\'), 'b', { mode: 0o400 })
  writeFileSync(join(root, 'n'.repeat(200)), Buffer.alloc(70_000, 'long'))
  writeFileSync(join(root, 'kill', 'gone'), '')
  symlinkSync('../kill/gone', join(root, 'links', 'to'))
  symlinkSync('nowhere', join(root, 'links', 'dangling'))
  chmodSync(join(root, 'empty'), 0o1750)
}

beforeAll(async () => {
  folder = await tempDir('kill')
  home = await duplicityHome()
  source = join(folder, 'source')
  const random = createRandom('kill')
  tinyTree(source)
  const big = join(source, 'kill', 'big')
  writeFileSync(big, random.bytes(1_500_000))
  drivers.push(new Driver(home), new Driver(home))
  bases.empty = placeIn(join(folder, 'empty'))
  states.push(await snapshotTree(source))
  const full = placeIn(join(folder, 'full'))
  done(await drivers[0]!.run(write(full, 'full', seconds[0])))
  bases.full = full
  appendFileSync(big, random.bytes(1_400_000))
  utimesSync(big, seconds[1], seconds[1])
  writeFileSync(join(source, 'kill', 'new'), random.bytes(200))
  rmSync(join(source, 'kill', 'gone'))
  states.push(await snapshotTree(source))
  // An increment without its manifest, as a killed run of another machine leaves it.
  const half = copyOf(full, join(folder, 'half'))
  done(await drivers[0]!.run(write(half, 'incremental', seconds[1])))
  for (const one of ['storage', 'cache/k']) {
    for (const name of readdirSync(join(half.folder, one))) {
      if (/^duplicity-inc.*manifest/.test(name)) rmSync(join(half.folder, one, name))
    }
  }
  rmSync(join(half.folder, 'cache', 'k', 'coalmine'), { recursive: true })
  bases.half = half
  const chains = copyOf(full, join(folder, 'chains'))
  done(await drivers[0]!.run(write(chains, 'incremental', seconds[1])))
  done(await drivers[0]!.run(write(chains, 'full', seconds[2])))
  bases.chains = chains
}, 120_000)

afterAll(() => {
  for (const driver of drivers) driver.close()
  const lines = table.map(({ kind, how, points, of, recovered, resumed, byDuplicity }) =>
    [
      kind.padEnd(18),
      how.padEnd(10),
      `${points} of ${of}`.padEnd(12),
      String(recovered).padEnd(10),
      String(resumed).padEnd(8),
      byDuplicity,
    ].join(' '),
  )
  console.log(
    ['kind               what       points       recovered  went on  also read by duplicity', ...lines].join('\n'),
  )
})

const isFull = (name: string) => name.includes('full')
const all = () => true

const kinds: readonly Kind[] = [
  {
    name: 'full',
    points: [30, 20],
    base: () => bases.empty!,
    argv: (place) => write(place, 'full'),
    next: (place) => write(place, 'backup'),
    expected: () => [[undefined, states[1]!]],
    stays: all,
  },
  {
    name: 'incremental',
    points: [30, 20],
    base: () => bases.full!,
    argv: (place) => write(place, 'incremental'),
    next: (place) => write(place, 'backup'),
    expected: () => [
      [seconds[0], states[0]!],
      [undefined, states[1]!],
    ],
    stays: all,
  },
  {
    name: 'cleanup',
    points: [16, 10],
    base: () => bases.half!,
    argv: ({ url, common }) => ['cleanup', '--force', '--older-than', '0s', url, ...common],
    next: (place) => write(place, 'backup'),
    expected: () => [
      [seconds[0], states[0]!],
      [undefined, states[1]!],
    ],
    stays: isFull,
  },
  {
    name: 'remove-older-than',
    points: [20, 10],
    base: () => bases.chains!,
    argv: ({ url, common }) => ['remove-older-than', iso(seconds[2] - 1), '--force', url, ...common],
    next: ({ url, common }) => ['remove-older-than', iso(seconds[2] - 1), '--force', url, ...common],
    expected: () => [[undefined, states[1]!]],
    stays: (name) => name.includes('20231115T034640Z') || name.includes(iso(seconds[2]).replace(/[-:]/g, '')),
  },
  {
    name: 'restore',
    points: [24, 16],
    base: () => bases.chains!,
    argv: ({ url, common, target }) => ['restore', url, target, '--time', iso(seconds[1]), ...common],
    next: ({ url, common, target }) => ['restore', url, target, '--time', iso(seconds[1]), ...common],
    expected: () => [[undefined, states[1]!]],
    stays: all,
  },
]

for (const kind of kinds) {
  describe(kind.name, () => {
    it('killed at any effect, the next run puts everything right', async () => {
      await tryPoints(kind, 'killed', async (place, at, driver) => {
        const { signal } = await killedAt(kind.argv(place), at, home)
        return { isOver: signal === undefined, next: await driver.run(kind.next(place)) }
      })
    }, 3_600_000)

    it('with a disk that is full from any effect on, the next run with room puts everything right', async () => {
      await tryPoints(kind, 'disk full', async (place, at, driver) => {
        const failed = await driver.run(kind.argv(place), at)
        expect(failed.code, `thrown: ${failed.out}`).toBeGreaterThanOrEqual(0)
        expect(failed.out).not.toMatch(/^\s+at /m)
        return { isOver: failed.struck === undefined && failed.count < at, next: await driver.run(kind.next(place)) }
      })
    }, 3_600_000)
  })
}

type Try = (place: Place, at: number, driver: Driver) => Promise<{ isOver: boolean; next: Outcome }>

async function tryPoints(kind: Kind, how: 'killed' | 'disk full', attempt: Try): Promise<void> {
  const counted = copyOf(kind.base(), join(folder, 'counted'))
  const { count } = done(await drivers[0]!.run(kind.argv(counted)))
  expect(count).toBeGreaterThan(8)
  const wanted = Math.min(count, kind.points[how === 'killed' ? 0 : 1])
  const points = long
    ? Array.from({ length: count }, (_, at) => at + 1)
    : Array.from({ length: wanted }, (_, at) => 1 + Math.floor((at * (count - 1)) / Math.max(1, wanted - 1)))
  const row = { kind: kind.name, how, points: 0, of: count, recovered: 0, resumed: 0, byDuplicity: 0 }
  table.push(row)
  const queue = [...new Set(points)].values()
  const failures: string[] = []
  await Promise.all(
    drivers.map(async (driver, worker) => {
      for (const at of queue) {
        const place = copyOf(kind.base(), join(folder, `point-${worker}`))
        const before = storedIn(place)
        try {
          const { isOver, next } = await attempt(place, at, driver)
          // What overlaps does not always overlap in the same way: some runs have fewer effects than the counted one.
          if (isOver) continue
          row.points += 1
          // Killed when everything was restored: then the target is refused, and has to be right.
          const isFinished = kind.name === 'restore' && !existsSync(join(place.target, '.coalmine-restore'))
          expect(next.code === 11 && isFinished ? 0 : next.code, next.out).toBe(0)
          if (next.out.includes('left a partial set, restarting.')) row.resumed += 1
          await requireRight(kind, place, { before, driver, refused: next.code === 11 })
          const isSample = row.byDuplicity === 0 && at > count / 2
          if (isSample && duplicityPeer('0.8.22').available) {
            row.byDuplicity += 1
            await requireReadable(kind, place)
          }
          row.recovered += 1
        } catch (error) {
          failures.push(
            `${kind.name}, ${how} at effect ${at} of ${count}: ${error instanceof Error ? error.message : String(error)}`,
          )
          if (failures.length > 2) return
        }
      }
    }),
  )
  expect(failures).toEqual([])
  expect(row.points).toBeGreaterThan(Math.min(8, wanted / 2))
}

async function requireRight(
  kind: Kind,
  place: Place,
  { before, driver, refused }: { before: Map<string, Buffer>; driver: Driver; refused: boolean },
): Promise<void> {
  const after = storedIn(place)
  for (const [name, bytes] of before) {
    if (kind.stays(name)) expect(after.get(name)?.equals(bytes), `${name} is what it was`).toBe(true)
  }
  if (kind.name === 'restore') {
    const found = await snapshotTree(place.target)
    const root = kind.expected()[0]![1].get('')!
    // Killed between taking the mark away and giving the folder its time again.
    if (refused) found.set('', { ...found.get('')!, mtimeSeconds: root.mtimeSeconds })
    expect(differences(kind.expected()[0]![1], found).join(' | ')).toBe('')
    return
  }
  for (const [time, state] of kind.expected()) {
    rmSync(place.target, { recursive: true, force: true })
    const when = time === undefined ? [] : ['--time', iso(time)]
    done(await driver.run(['restore', place.url, place.target, ...when, ...place.common]))
    expect(differences(state, await snapshotTree(place.target)).join(' | ')).toBe('')
  }
}

/** The real program restores it, from an archive dir of its own. */
async function requireReadable(kind: Kind, place: Place): Promise<void> {
  const state = kind.expected().at(-1)![1]
  const target = join(place.folder, 'theirs')
  const cache = ['--archive-dir', join(place.folder, 'their-cache')]
  const when = kind.name === 'restore' ? ['--time', iso(seconds[1])] : []
  const argv = ['restore', '--no-encryption', ...cache, ...when, place.url, target]
  const { code, stdout, stderr } = await duplicity('0.8.22', argv, { home })
  expect(code, `${stdout.toString()}${stderr.toString()}`).toBe(0)
  expect(diffTrees(state, await snapshotTree(target), { ignore: [...ignored, 'symlink-times'] })).toEqual([])
}

function differences(expected: Snapshot, found: Snapshot): string[] {
  return diffTrees(expected, found, { ignore: ignored })
}

function done(outcome: Outcome): Outcome {
  expect(outcome.code, outcome.out).toBe(0)
  return outcome
}
