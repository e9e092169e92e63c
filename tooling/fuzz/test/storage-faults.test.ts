import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { backupIncremental } from '@coalmine/archiver'
import { rawFromText } from '@coalmine/bytes'
import { openTree } from '@coalmine/filetree'
import { itWith, run as runProgram, tempDir } from '@coalmine/fixtures'
import { type ChainHead, extraneous, inBoth, type Repository, RepositoryError } from '@coalmine/repository'
import { RestoreError } from '@coalmine/restorer'
import { createMemoryStorage, type MemoryObject, type Storage, StorageError, withRetry } from '@coalmine/storage'
import { type Fault, type FaultyOperation, faultyStorage, laggingStorage } from '@coalmine/storage-testkit'
import { FormatError } from '@coalmine/volume-format'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Chain, makeChain, plant, secondsOf } from './grid/chain.ts'
import { newest, openAt, restoredFrom, type Run, runsOf, within, type World } from './grid/fault-runs.ts'

// Every call to the storage fails once, twice and for ever, before it, midway and after it, beneath the layer that tries again;
// and reads come short. Judges: the trees that were backed up, and what was stored before.

const long = Boolean(process.env['COALMINE_LONG'])
let chain: Chain
let source = ''
let folder = ''
const trees: ReadonlyMap<string, string>[] = []
const names = ['full', 'increment', 'sync', 'restore', 'cleanup', 'remove', 'check'] as const
const table = new Map<string, Map<string, number>>()

beforeAll(async () => {
  chain = await makeChain('gzip')
  folder = await tempDir('faults')
  source = join(folder, 'source')
  trees.push(...chain.trees, plant(source, newest, 'now'))
})

afterAll(() => console.log(tableText()))

let made = 0

async function worldFor(run: Run): Promise<World> {
  const archiveDir = join(folder, `world ${(made += 1)}`)
  mkdirSync(archiveDir)
  cpSync(chain.archiveDir, archiveDir, { recursive: true })
  const objects = new Map([...chain.objects].map(([key, bytes]) => [key, { bytes, modifiedMs: 0 }]))
  const world = { objects, archiveDir }
  await run.prepare?.(world)
  return world
}

/** The same world again, without preparing it anew. */
function copyOf({ objects, archiveDir }: World): World {
  const copy = join(folder, `world ${(made += 1)}`)
  mkdirSync(copy)
  // A sync begins without one.
  if (existsSync(archiveDir)) cpSync(archiveDir, copy, { recursive: true })
  return { objects: new Map(objects), archiveDir: copy }
}

/** How often a run calls each operation when nothing goes wrong. */
async function countCalls(run: Run, world: World): Promise<Map<FaultyOperation, number>> {
  const counts = new Map<FaultyOperation, number>()
  const { objects, archiveDir } = copyOf(world)
  const memory = createMemoryStorage({ objects })
  const count = (operation: FaultyOperation) => counts.set(operation, (counts.get(operation) ?? 0) + 1)
  const storage: Storage = {
    ...memory,
    put: (...args) => (count('put'), memory.put(...args)),
    get: (...args) => (count('get'), memory.get(...args)),
    stat: (...args) => (count('stat'), memory.stat(...args)),
    list: (...args) => (count('list'), memory.list(...args)),
    delete: (...args) => (count('delete'), memory.delete(...args)),
  }
  await run.work(storage, { objects, archiveDir })
  return counts
}

/** Restores every state that has to be there, from the storage alone, and compares it. */
async function wrongStates(objects: Map<string, MemoryObject>, sets: readonly number[]): Promise<string[]> {
  const wrong: string[] = []
  for (const set of long ? sets : sets.slice(-2)) {
    const tree = await restoredFrom(folder, createMemoryStorage({ objects }), secondsOf(set))
    const truth = trees[set]!
    if (tree.size !== truth.size || [...truth].some(([path, content]) => tree.get(path) !== content)) {
      wrong.push(`set ${set} restores ${[...tree.keys()].join(', ')}`)
    }
  }
  return wrong
}

interface Case {
  readonly run: Run
  readonly operation: FaultyOperation
  readonly nth: number
  readonly times: number
  readonly fault: Fault
}

const quick = withRetry({ tries: 5, sleep: async () => undefined })

/** What went wrong with the case itself: nothing. */
async function tryOne(world: World, { run, operation, nth, times, fault }: Case): Promise<string[]> {
  const { objects, archiveDir } = copyOf(world)
  const storage = faultyStorage(createMemoryStorage({ objects }), [{ operation, nth, times, fault }])
  const wrong: string[] = []
  let ended = 'right'
  try {
    const given = await run.work(quick(storage), { objects, archiveDir })
    const isTold = run.tells === true && fault.type === 'shorten' && times === ever
    if (run.gives !== undefined && isEqual(given, run.gives()) === isTold) wrong.push(`gave ${JSON.stringify(given)}`)
    if (isTold) ended = 'damage told'
    wrong.push(...(await wrongStates(objects, run.after)))
  } catch (error) {
    const isOurs = [StorageError, RepositoryError, RestoreError, FormatError].some((one) => error instanceof one)
    if (!isOurs) throw error
    ended = `${(error as Error).name} ${(error as StorageError).code}`
    // What the layer tries again must help.
    if (times < 5) wrong.push(`did not succeed: ${ended}: ${(error as Error).message}`)
    else if (fault.type === 'fail' && ended !== 'StorageError unavailable') wrong.push(`ended with ${ended}`)
    wrong.push(...(await wrongStates(objects, run.before)))
    // The next run, with a storage that works.
    const clean = createMemoryStorage({ objects })
    const given = await run.work(clean, { objects, archiveDir })
    if (run.gives !== undefined && !isEqual(given, run.gives())) wrong.push(`then gave ${JSON.stringify(given)}`)
    wrong.push(...(await wrongStates(objects, run.after)))
  }
  if (storage.strikes[0] === 0) wrong.push('the fault never came')
  note(run, operation, fault, times, ended)
  return wrong
}

function isEqual(a: unknown, b: unknown): boolean {
  const plain = (value: unknown) =>
    JSON.stringify(value instanceof Map ? [...value].sort(([one], [other]) => (one < other ? -1 : 1)) : value)
  return plain(a) === plain(b)
}

const ever = Number.POSITIVE_INFINITY
const failures: readonly [Fault, readonly number[]][] = [
  [{ type: 'fail' }, long ? [1, 2, ever] : [2]],
  [{ type: 'fail', when: 'midway' }, long ? [1, 2, ever] : [1]],
  [{ type: 'fail', when: 'after' }, long ? [1, 2, ever] : [ever]],
]
const shortReads: readonly [Fault, readonly number[]][] = [
  [{ type: 'shorten' }, long ? [1, 2, ever] : [1]],
  [{ type: 'shorten', missingBytes: 1e9 }, long ? [1, 2, ever] : [ever]],
]

function* casesOf(run: Run, counts: ReadonlyMap<FaultyOperation, number>): Iterable<Case> {
  for (const [operation, calls] of counts) {
    // In the short run one in the middle, or the last.
    const middle = operation === 'put' ? calls : Math.ceil(calls / 2)
    const some = long ? Array.from({ length: calls }, (_, at) => at + 1) : [middle]
    for (const nth of new Set(some)) {
      for (const [fault, many] of [...failures, ...(operation === 'get' ? shortReads : [])]) {
        if (fault.type === 'fail' && fault.when === 'midway' && ['stat', 'delete'].includes(operation)) continue
        for (const times of many) yield { run, operation, nth, times, fault }
      }
    }
  }
}

describe('a storage that fails', () => {
  it.each(names)('during %s', async (name) => {
    const run = runsOf({ chain, source, folder, trees }).find((one) => one.name === name)!
    const world = await worldFor(run)
    const counts = await countCalls(run, world)
    const wrong: string[] = []
    for (const one of casesOf(run, counts)) {
      const { operation, nth, times, fault } = one
      const where = `${operation} ${nth}, ${times} times, ${JSON.stringify(fault)}`
      for (const what of await tryOne(world, one)) wrong.push(`${where}: ${what}`)
    }
    expect(wrong).toEqual([])
  })

  itWith(['duplicity'], 'leaves what duplicity restores', async () => {
    for (const [name, nth, times] of [
      ['full', 2, ever],
      ['increment', 1, 2],
    ] as const) {
      const run = runsOf({ chain, source, folder, trees }).find((one) => one.name === name)!
      const { objects, archiveDir } = await worldFor(run)
      const faulty = faultyStorage(createMemoryStorage({ objects }), [
        { operation: 'put', nth, times, fault: { type: 'fail', when: 'after' } },
      ])
      const first = await run.work(quick(faulty), { objects, archiveDir }).catch((error: unknown) => error)
      if (times === ever) {
        expect(first).toMatchObject({ code: 'unavailable' })
        await run.work(createMemoryStorage({ objects }), { objects, archiveDir })
      }
      const [storage, target, home] = ['storage', 'target', 'home'].map((one) => join(folder, `${name} ${one}`))
      for (const one of [storage, home]) mkdirSync(one!)
      for (const [key, { bytes }] of objects) writeFileSync(join(storage!, key), bytes)
      const argv = ['duplicity', 'restore', '--no-encryption', '--archive-dir', home!, `file://${storage}`, target!]
      const restored = await runProgram(argv, { env: { PATH: process.env['PATH']!, HOME: home! } })
      expect(restored.code, restored.stderr.toString()).toBe(0)
      for (const [path, content] of trees[newest]!) {
        if (content === 'symlink') continue
        if (content === 'directory') expect(readdirSync(join(target!, path)).length).toBeGreaterThan(0)
        else expect(readFileSync(join(target!, path), 'latin1') === content, path).toBe(true)
      }
    }
  })
})

describe('a storage whose listings are late', () => {
  /** Everything that was put in the last five seconds is not listed. */
  async function late() {
    let nowMs = 0
    const run = runsOf({ chain, source, folder, trees })[0]!
    const { objects, archiveDir } = await worldFor(run)
    const storage = laggingStorage(createMemoryStorage({ objects }), { listLagMs: 5000, clock: () => nowMs })
    const sleep = async (ms: number) => void (nowMs += ms)
    return { objects, archiveDir, storage, sleep, pass: (ms: number) => (nowMs += ms) }
  }

  it('loses no set that was committed just now to a cleanup', async () => {
    const { objects, archiveDir, storage, sleep, pass } = await late()
    const before = new Set(objects.keys())
    const [run] = runsOf({ chain, source, folder, trees })
    const scratch = copyOf({ objects, archiveDir })
    await run!.work(createMemoryStorage({ objects: scratch.objects }), scratch)
    const fresh = [...scratch.objects].filter(([key]) => !before.has(key))
    // Another machine puts volumes and signatures, and after a while the manifest.
    const put = (isManifest: boolean) =>
      Promise.all(
        fresh.map(async ([key, { bytes }]) => {
          if (key.includes('manifest') !== isManifest) return
          await storage.put(key, { size: bytes.length, open: () => fromChunk(bytes) })
        }),
      )
    await put(false)
    pass(6000)
    await put(true)
    await within(openAt(folder, storage, { archiveDir, sleep }), async (repository) => {
      const seen = extraneous(await repository.collect())
      // It seems to be one that nobody finished.
      expect(seen.sets.map(({ endSeconds }) => endSeconds)).toEqual([secondsOf(newest)])
      const sure = inBoth(seen, extraneous(await repository.settled()))
      expect([sure.sets, sure.signatures]).toEqual([[], []])
      await repository.remove(sure)
    })
    expect(await wrongStates(objects, [0, 1, 2, 3])).toEqual([])
    expect(objects.size).toBe(before.size + fresh.length)
  })

  it('gets no second set of the same beginning from an increment with an empty archive dir', async () => {
    const { objects, archiveDir, storage, sleep } = await late()
    const [, run] = runsOf({ chain, source, folder, trees })
    const other = copyOf({ objects, archiveDir })
    await run!.work(createMemoryStorage({ objects: other.objects }), other)
    for (const [key, { bytes }] of other.objects) {
      if (!objects.has(key)) await storage.put(key, { size: bytes.length, open: () => fromChunk(bytes) })
    }
    const stored = new Set(objects.keys())
    // This one does not see the other's increment before it has put its own volumes.
    await within(openAt(folder, storage, { archiveDir: join(folder, 'empty'), sleep }), async (repository) => {
      const head = (await repository.head())!
      expect(head.chain.endSeconds).toBe(secondsOf(2))
      await expect(writeSet(repository, head, secondsOf(newest) + 500)).rejects.toMatchObject({ code: 'head-moved' })
    })
    expect(new Set(objects.keys())).toEqual(stored)
    expect(await wrongStates(objects, [0, 1, 2, 3])).toEqual([])
  })
})

async function* fromChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

/** An increment of the tree, without a journal. */
async function writeSet(repository: Repository, head: ChainHead, endSeconds: number): Promise<void> {
  const tree = await openTree(Buffer.from(source), { worker: false })
  try {
    const times = { type: 'inc', startSeconds: head.chain.endSeconds, endSeconds } as const
    const common = { tree, repository, hostname: rawFromText('host'), localDir: rawFromText('/source'), head }
    await backupIncremental({ ...common, set: { times, volumeBytes: 2500 } })
  } finally {
    await tree.close()
  }
}

function note(run: Run, operation: FaultyOperation, fault: Fault, times: number, ended: string): void {
  const how = fault.type === 'fail' ? 'fails' : 'comes short'
  const many = times === ever ? 'for ever' : times === 1 ? 'once' : 'twice'
  const row = `${run.name.padEnd(10)} ${operation.padEnd(6)} ${how.padEnd(11)} ${many.padEnd(8)}`
  const counts = table.get(row) ?? new Map<string, number>()
  table.set(row, counts)
  counts.set(ended, (counts.get(ended) ?? 0) + 1)
}

function tableText(): string {
  const lines = [...table].map(([row, counts]) => `${row} ${[...counts].map(([what, n]) => `${n} ${what}`).join(', ')}`)
  const all = [...table.values()].flatMap((counts) => [...counts.values()]).reduce((sum, n) => sum + n, 0)
  return ['', ...lines, `${all} points in all`].join('\n')
}
