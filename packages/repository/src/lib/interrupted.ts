import type { Storage } from '@coalmine/storage'
import { type Collection, gzipEnvelope, matchChains, type SetTimes } from '@coalmine/volume-format'
import { errorCode } from './errors.ts'
import type { Journal } from './journal.ts'

/** A set that an interrupted run of this machine left, with which this one may go on. */
export interface Interrupted {
  readonly times: SetTimes
  /** What had to be the same, by what it is called. */
  readonly conditions: Readonly<Record<string, string>>
  /** Volumes that are stored. */
  readonly volumes: number
}

export const nothingStored = 'none of its volumes is stored'

/**
 * Compares a journal with the storage: it keeps the volumes that are there as they were put, from the first without a gap.
 *
 * @returns Why nobody can go on with it; an empty sentence when the set is complete.
 */
export async function compareJournal(
  journal: Journal,
  collection: Collection,
  storage: Pick<Storage, 'stat'>,
): Promise<string | undefined> {
  const { chains, orphanedSets, incompleteSets, replacedSets } = collection
  const complete = [...chains.flatMap((chain) => chain.sets), ...orphanedSets, ...replacedSets]
  if (complete.some(({ manifest }) => manifest?.key === journal.head.manifest)) return ''
  const end = endOf(journal.times)
  if (complete.some(({ endSeconds }) => endSeconds >= end)) return 'a newer set is there'
  const { times } = journal
  if (times.type === 'inc' && matchChains(collection).chain?.endSeconds !== times.startSeconds) {
    return 'the set that it continues is no longer the newest'
  }
  const set = incompleteSets.find((one) => one.times.type === times.type && one.endSeconds === end)
  const sizes = new Map([...(set?.volumes.values() ?? [])].map(({ key, size }) => [key, size]))
  let count = 0
  for (const { key, bytes } of journal.volumes) {
    // Listings may be late, and never are when they are asked for by name.
    if (sizes.get(key) !== bytes && (await storage.stat(key))?.size !== bytes) break
    count += 1
  }
  if (count < journal.volumes.length) journal.keep(count)
  if (count === 0) return nothingStored
  return (await hasSignatures(journal)) ? undefined : 'its signatures cannot be read'
}

function endOf(times: SetTimes): number {
  return times.type === 'full' ? times.timeSeconds : times.endSeconds
}

async function hasSignatures(journal: Journal): Promise<boolean> {
  let bytes = 0
  const { signatureBytes, copyBytes } = journal.volumes.at(-1)!
  if (copyBytes === 0) return signatureBytes === 0
  try {
    for await (const chunk of gzipEnvelope({}).open('signatures', journal.signatures())) bytes += chunk.length
  } catch (error) {
    // Cut off, damaged, or gone: the sentence says that it is of no use.
    if (errorCode(error) === undefined && !(error instanceof Error)) throw error
    return false
  }
  return bytes === signatureBytes
}
