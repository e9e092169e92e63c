import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromChunks } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import type { Tree } from '@coalmine/filetree'
import { openRepository, type RepositoryOptions } from '@coalmine/repository'
import { createMemoryStorage, type Storage } from '@coalmine/storage'
import {
  DiffTarDecoder,
  type DiffTarEntry,
  type Manifest,
  plainEnvelope,
  readSigTar,
  type SigTarEntry,
} from '@coalmine/volume-format'
import { backupFull, type BackupEvent, type FullBackupOptions } from '../src/index.ts'
import { nobody } from './fake-tree.ts'

export interface BackedUp {
  storage: Storage
  events: BackupEvent[]
  statistics: Awaited<ReturnType<typeof backupFull>>['statistics']
  set: Awaited<ReturnType<typeof backupFull>>['set']
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

let folder: Promise<string> | undefined
let made = 0

/** Backs a tree up without any envelope, and reads back everything that was written. */
export async function backedUp(
  tree: Tree,
  options: Partial<FullBackupOptions> & { volumeBytes?: number; repositoryOptions?: Partial<RepositoryOptions> } = {},
): Promise<BackedUp> {
  const { volumeBytes = 1 << 30, repositoryOptions, ...more } = options
  const temp = join(await (folder ??= tempDir('archiver')), String((made += 1)))
  mkdirSync(temp)
  const storage = repositoryOptions?.storage ?? createMemoryStorage()
  const events: BackupEvent[] = []
  const repository = openRepository({ storage, envelope: plainEnvelope(), tempDir: temp, ...repositoryOptions })
  try {
    const { statistics, set } = await backupFull({
      tree,
      repository,
      set: { times: { type: 'full', timeSeconds: 1_700_000_000 }, volumeBytes },
      owners: nobody,
      onEvent: (event) => events.push(event),
      ...more,
    })
    const { chains, signatureChains } = await repository.collect()
    const full = chains[0]!.full
    const manifest = await repository.manifest(full)
    const volumes: Buffer[] = []
    for await (const volume of repository.volumes(full, manifest, [...manifest.volumes.keys()])) {
      volumes.push(Buffer.from(await collect(volume.open())))
    }
    const sigtar = Buffer.from(await collect(repository.signatures(signatureChains[0]!.full)))
    const signatures: SigTarEntry[] = []
    for await (const batch of readSigTar(fromChunks([sigtar]))) signatures.push(...batch)
    repository.close()
    const entries = decode(volumes)
    return { storage, events, statistics, set, manifest, volumes, sigtar, entries, signatures, left: readdirSync(temp) }
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
