import { readdirSync } from 'node:fs'
import { collect, fromChunks } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import type { Tree } from '@coalmine/filetree'
import { type NewSet, openRepository, type RepositoryOptions } from '@coalmine/repository'
import { createMemoryStorage, type Storage } from '@coalmine/storage'
import {
  DiffTarDecoder,
  type DiffTarEntry,
  type Manifest,
  plainEnvelope,
  readSigTar,
  type SigTarEntry,
} from '@coalmine/volume-format'
import {
  backupFull,
  type BackupEvent,
  backupIncremental,
  type BackupResult,
  type FullBackupOptions,
  type IncrementalBackupOptions,
} from '../src/index.ts'
import { nobody } from './fake-tree.ts'

export interface BackedUp {
  storage: Storage
  events: BackupEvent[]
  statistics: BackupResult['statistics']
  set: NonNullable<BackupResult['set']>
  /** When the set ends. */
  endSeconds: number
  manifest: Manifest
  /** The plain tar of each volume. */
  volumes: Buffer[]
  /** The plain sigtar. */
  sigtar: Buffer
  /** What the volumes say, joined from its pieces. */
  entries: { entry: DiffTarEntry; content: Buffer }[]
  /** What readSigTar makes of the sigtar. */
  signatures: SigTarEntry[]
  /** What is left in the folder for temporary files. */
  left: string[]
}

export interface BackedUpOptions extends Partial<Omit<IncrementalBackupOptions, 'head'>> {
  volumeBytes?: number
  repositoryOptions?: Partial<RepositoryOptions>
}

/** Backs a tree up without any envelope, and reads back everything that was written. */
export async function backedUp(tree: Tree, options: BackedUpOptions = {}): Promise<BackedUp> {
  return written(options, { type: 'full', timeSeconds: 1_700_000_000 }, (common) => backupFull({ ...common, tree }))
}

/** The same for an increment on what was backed up before; `undefined` when no set was written. */
export async function continued(
  before: Pick<BackedUp, 'storage' | 'endSeconds'>,
  tree: Tree,
  options: BackedUpOptions = {},
): Promise<BackedUp> {
  const { storage, endSeconds: startSeconds } = before
  const times = { type: 'inc', startSeconds, endSeconds: startSeconds + 1000 } as const
  const repositoryOptions = { ...options.repositoryOptions, storage }
  return written({ ...options, repositoryOptions }, times, async (common) => {
    const head = await common.repository.head()
    return backupIncremental({ ...common, tree, head: head! })
  })
}

async function written(
  { volumeBytes = 1 << 30, repositoryOptions, ...more }: BackedUpOptions,
  times: NewSet['times'],
  write: (common: Omit<FullBackupOptions, 'tree'>) => Promise<BackupResult>,
): Promise<BackedUp> {
  const temp = await tempDir('archiver')
  const storage = repositoryOptions?.storage ?? createMemoryStorage()
  const events: BackupEvent[] = []
  const repository = openRepository({ storage, envelope: plainEnvelope(), tempDir: temp, ...repositoryOptions })
  try {
    const { statistics, set } = await write({
      repository,
      set: { times, volumeBytes },
      owners: nobody,
      onEvent: (event) => events.push(event),
      ...more,
    })
    const { chains, signatureChains } = await repository.collect()
    const stored = chains[0]!.sets.at(-1)!
    const manifest = await repository.manifest(stored)
    const volumes: Buffer[] = []
    for await (const volume of repository.volumes(stored, manifest, [...manifest.volumes.keys()])) {
      volumes.push(Buffer.from(await collect(volume.open())))
    }
    const sigtar = Buffer.from(await collect(repository.signatures(signatureChains[0]!.sets.at(-1)!)))
    const signatures: SigTarEntry[] = []
    for await (const batch of readSigTar(fromChunks([sigtar]))) signatures.push(...batch)
    repository.close()
    const entries = decode(volumes)
    const left = readdirSync(temp)
    const { endSeconds } = stored
    return { storage, events, statistics, set: set!, endSeconds, manifest, volumes, sigtar, entries, signatures, left }
  } finally {
    repository.close()
  }
}

function decode(volumes: readonly Buffer[]): BackedUp['entries'] {
  const decoder = new DiffTarDecoder()
  const parts = volumes.flatMap((volume) => {
    decoder.beginVolume()
    return [...decoder.push(volume), ...decoder.endVolume()]
  })
  const entries: { entry: DiffTarEntry; pieces: Uint8Array[] }[] = []
  for (const part of [...parts, ...decoder.finish()]) {
    if (part.type === 'entry') entries.push({ entry: part.entry, pieces: [] })
    else if (part.type === 'data') entries.at(-1)!.pieces.push(part.bytes)
  }
  return entries.map(({ entry, pieces }) => ({ entry, content: Buffer.concat(pieces) }))
}
