import { rmSync } from 'node:fs'
import { backupFull, backupIncremental } from '@coalmine/archiver'
import { rawFromText } from '@coalmine/bytes'
import { openTree } from '@coalmine/filetree'
import { extraneous, openRepository, type Repository } from '@coalmine/repository'
import { checkData, restore } from '@coalmine/restorer'
import { createMemoryStorage, type MemoryObject, type Storage } from '@coalmine/storage'
import { type SetTimes, setsForTime } from '@coalmine/volume-format'
import { type Chain, envelopes, openerFor, secondsOf } from './chain.ts'
import { noScratch, Recorder } from './recorder.ts'

/** Index of the set that runs write, and of the tree that it is of. */
export const newest = 3

/** A storage and an archive dir at one moment, to begin from again and again. */
export interface World {
  readonly objects: Map<string, MemoryObject>
  readonly archiveDir: string
}

export interface Run {
  readonly name: string
  /** Changes what a chain of three sets left, before the run. */
  readonly prepare?: (world: World) => Promise<void> | void
  /** Gives what came of it, where that is no state of the storage. */
  readonly work: (storage: Storage, world: World) => Promise<unknown>
  /** What {@link Run.work} has to give. */
  readonly gives?: () => unknown
  /** What is damaged it tells, and goes on. */
  readonly tells?: true
  /** Times of the sets that are there afterwards, with the index of their tree. */
  readonly after: readonly number[]
  /** Those that are there whatever happens. */
  readonly before: readonly number[]
}

/** What runs work with. */
export interface Place {
  readonly chain: Chain
  /** The tree that is backed up. */
  readonly source: string
  readonly folder: string
  readonly trees: readonly ReadonlyMap<string, string>[]
}

export function openAt(
  folder: string,
  storage: Storage,
  { archiveDir, sleep = async () => undefined }: { archiveDir?: string; sleep?: (ms: number) => Promise<unknown> } = {},
): Repository {
  return openRepository({
    ...{ storage, envelope: envelopes.gzip, openerFor, tempDir: folder, tries: 5, sleep },
    ...(archiveDir === undefined ? {} : { archiveDir, lock: true, keepCopies: true }),
  })
}

export async function within<T>(repository: Repository, work: (repository: Repository) => Promise<T>): Promise<T> {
  try {
    return await work(repository)
  } finally {
    repository.close()
  }
}

/** A backup as the command line makes it: it goes on with an interrupted set. */
async function backUp(
  { source, folder }: Place,
  storage: Storage,
  archiveDir: string,
  wanted: 'full' | 'inc',
): Promise<void> {
  const tree = await openTree(Buffer.from(source), { worker: false })
  try {
    await within(openAt(folder, storage, { archiveDir }), async (repository) => {
      const collection = await repository.collect()
      // The run before was told that it failed, and may have committed: its answer was lost.
      if (setsForTime(collection, 2_000_000_000)?.sets.at(-1)?.endSeconds === secondsOf(newest)) return
      const interrupted = await repository.interrupted()
      const head = (await repository.head())!
      const endSeconds = secondsOf(newest)
      const times: SetTimes =
        wanted === 'full'
          ? { type: 'full', timeSeconds: endSeconds }
          : { type: 'inc', startSeconds: secondsOf(2), endSeconds }
      const set = { times, volumeBytes: 2500, parallel: 2, conditions: {}, resume: interrupted !== undefined }
      // What an interrupted run left and cannot be gone on with stands in the way of its time alone.
      const stale = collection.incompleteSets.some((one) => one.endSeconds === endSeconds) && interrupted === undefined
      if (stale) await repository.remove(extraneous(await repository.collect()))
      const common = { tree, repository, hostname: rawFromText('host'), localDir: rawFromText('/source'), set }
      await (wanted === 'full' ? backupFull(common) : backupIncremental({ ...common, head }))
    })
  } finally {
    await tree.close()
  }
}

export async function restoredFrom(folder: string, storage: Storage, seconds: number): Promise<Map<string, string>> {
  return within(openAt(folder, storage), async (repository) => {
    const writer = new Recorder()
    const { sets } = setsForTime(await repository.collect(), seconds)!
    await restore({ repository, sets, writer })
    return writer.tree
  })
}

/** Everything that is done to an archive. */
export function runsOf(place: Place): readonly Run[] {
  const { chain, folder, trees } = place
  return [
    {
      name: 'full',
      work: (storage, { archiveDir }) => backUp(place, storage, archiveDir, 'full'),
      before: [0, 1, 2],
      after: [0, 1, 2, 3],
    },
    {
      name: 'increment',
      work: (storage, { archiveDir }) => backUp(place, storage, archiveDir, 'inc'),
      before: [0, 1, 2],
      after: [0, 1, 2, 3],
    },
    {
      name: 'sync',
      prepare: ({ archiveDir }) => rmSync(archiveDir, { recursive: true }),
      work: (storage, { archiveDir }) => backUp(place, storage, archiveDir, 'inc'),
      before: [0, 1, 2],
      after: [0, 1, 2, 3],
    },
    {
      name: 'restore',
      work: (storage) => restoredFrom(folder, storage, secondsOf(2)),
      gives: () => trees[2],
      before: [0, 1, 2],
      after: [0, 1, 2],
    },
    {
      name: 'cleanup',
      prepare: ({ objects }) => {
        for (const key of objects.keys()) if (key.includes('full.') && key.includes('vol')) copyAs(objects, key)
      },
      work: (storage, { archiveDir }) =>
        within(openAt(folder, storage, { archiveDir }), async (repository) => {
          await repository.remove(extraneous(await repository.settled()))
          return names(storage)
        }),
      gives: () => [...chain.objects.keys()].sort(),
      before: [0, 1, 2],
      after: [0, 1, 2],
    },
    {
      name: 'remove',
      prepare: ({ objects, archiveDir }) => backUp(place, createMemoryStorage({ objects }), archiveDir, 'full'),
      work: (storage, { archiveDir }) =>
        within(openAt(folder, storage, { archiveDir }), async (repository) => {
          const { chains, signatureChains } = await repository.collect()
          const old = chains.filter(({ startSeconds }) => startSeconds < secondsOf(newest))
          const signatures = signatureChains.filter(({ startSeconds }) => startSeconds < secondsOf(newest))
          await repository.remove({
            sets: old.flatMap(({ sets }) => sets.toReversed()),
            signatures: signatures.flatMap(({ sets }) => sets.toReversed()),
          })
          // A run that broke off left sets without what they build on.
          await repository.remove(extraneous(await repository.collect()))
          const fulls = (await names(storage)).filter((key) => !key.includes(stampOf(newest)))
          return fulls
        }),
      gives: () => [],
      before: [3],
      after: [3],
    },
    {
      name: 'check',
      work: (storage, { archiveDir }) =>
        within(openAt(folder, storage, { archiveDir }), async (repository) => [
          (await repository.check()).findings,
          (await repository.losses()).length,
          (await checkData({ repository, scratch: noScratch, onFinding: () => undefined })).findings,
        ]),
      gives: () => [[], 0, 0],
      tells: true,
      before: [0, 1, 2],
      after: [0, 1, 2],
    },
  ]
}

/** As if a full backup had broken off a thousand seconds before the newest set. */
function copyAs(objects: Map<string, MemoryObject>, key: string): void {
  objects.set(key.replace(/\d{8}T\d{6}Z/, '20231114T223141Z'), objects.get(key)!)
}

function stampOf(set: number): string {
  return new Date(secondsOf(set) * 1000).toISOString().replaceAll(/[-:]|\.000/g, '')
}

async function names(storage: Storage): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  return keys.sort()
}
