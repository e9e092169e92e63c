import { rawFromText } from '@coalmine/bytes'
import { type BackupSet, type Collection, matchChains, type StoredObject } from '@coalmine/volume-format'
import { nameFields } from './json.ts'

/** The report of `collection-status` for programs. */
export function collectionObject(collection: Collection, archiveDir: string): Record<string, unknown> {
  const { chains, signatureChains, orphanedSignatures, orphanedSets, incompleteSets, replacedSets } = collection
  const { chain: matched, discarded } = matchChains(collection)
  const spans = [...signatureChains.flatMap((chain) => chain.sets), ...orphanedSignatures].map(spanOf)
  const signed = new Set(spans)
  const object = (set: BackupSet) => ({
    type: set.times.type === 'full' ? 'full' : 'incremental',
    startSeconds: set.startSeconds,
    endSeconds: set.endSeconds,
    encrypted: set.encrypted,
    volumes: set.volumes.size,
    volumeBytes: bytesOf(set),
    signatures: signed.has(spanOf(set)),
    usable: set !== discarded,
  })
  return {
    ...nameFields('archiveDir', rawFromText(archiveDir)),
    chains: chains.map((chain) => ({
      startSeconds: chain.startSeconds,
      endSeconds: chain.endSeconds,
      primary: chain.full === matched?.full,
      sets: chain.sets.map(object),
    })),
    orphanedSets: orphanedSets.map(object),
    incompleteSets: incompleteSets.map(object),
    replacedSets: replacedSets.map(object),
    orphanedSignatures: orphanedSignatures.map((set) => keyOf(set.object)),
    duplicates: collection.duplicates.map(keyOf),
  }
}

function spanOf({ times, startSeconds, endSeconds }: Pick<BackupSet, 'times' | 'startSeconds' | 'endSeconds'>): string {
  return `${times.type} ${startSeconds} ${endSeconds}`
}

function bytesOf({ volumes }: BackupSet): number {
  return [...volumes.values()].reduce((sum, { size }) => sum + size, 0)
}

function keyOf({ key }: StoredObject): string {
  return key
}
