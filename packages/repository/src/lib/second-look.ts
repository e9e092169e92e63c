import type { Storage } from '@coalmine/storage'
import type { BackupSet, Collection, SetTimes, StoredObject } from '@coalmine/volume-format'
import { RepositoryError } from './errors.ts'

export interface SecondLook {
  readonly storage: Pick<Storage, 'stat'>
  /** What the storage held when the set was begun. */
  readonly before: Collection
  /** What it holds now, as it lists it. */
  readonly now: Collection
  readonly times: SetTimes
  /** Name that the manifest will have. */
  readonly manifest: string
  /** Sizes of what was put, by name. */
  readonly put: ReadonlyMap<string, number>
  readonly signal: AbortSignal | undefined
}

/**
 * Looks whether a set can be committed: nothing was committed to the storage since it was begun, what it builds on is
 * there, and so is all of its own. Listings may be late, so what seems to be wrong is asked for by name.
 *
 * @throws RepositoryError `head-moved` when another machine committed or removed sets; `disturbed` when what was put is no
 * longer what is there: another machine writes, or has removed, objects of the same names.
 */
export async function requireUnmoved(look: SecondLook): Promise<void> {
  const { before, now, times, manifest, signal } = look
  const isThere = async (key: string) => (await look.storage.stat(key, { signal })) !== undefined
  const known = new Set(completeSets(before).map(keyOf))
  const listed = new Set(completeSets(now).map(keyOf))
  if (listed.has(manifest) && (await isThere(manifest))) {
    throw new RepositoryError('disturbed', `${refusal(manifest)}: another machine has just written a set of that name`)
  }
  for (const key of listed) {
    if (known.has(key) || key === manifest || !(await isThere(key))) continue
    const why = `another machine has committed "${key}" meanwhile`
    throw new RepositoryError(
      'head-moved',
      `${refusal(manifest)}: ${why}; run the backup again, it will take that into account`,
    )
  }
  for (const key of basisOf(before, times)) {
    if (listed.has(key) || (await isThere(key))) continue
    const why = `"${key}", on which it builds, was removed meanwhile`
    throw new RepositoryError('head-moved', `${refusal(manifest)}: ${why}; run the backup again`)
  }
  await requireOwn(look)
}

async function requireOwn({ storage, now, put, manifest, signal }: SecondLook): Promise<void> {
  const sizes = new Map(objectsOf(now).map(({ key, size }) => [key, size]))
  for (const [key, size] of put) {
    if (sizes.get(key) === size) continue
    const found = await storage.stat(key, { signal })
    if (found?.size === size) continue
    const what = found === undefined ? 'is no longer there' : `has ${found.size} bytes instead of ${size}`
    throw new RepositoryError(
      'disturbed',
      `${refusal(manifest)}: "${key}", which was stored, ${what}; run the backup again`,
    )
  }
}

function refusal(manifest: string): string {
  return `Cannot commit the set "${manifest}"`
}

/** Manifests of the sets that the new one continues. */
function basisOf({ chains }: Collection, times: SetTimes): string[] {
  if (times.type === 'full') return []
  const chain = chains.findLast(({ endSeconds }) => endSeconds === times.startSeconds)
  return (chain?.sets ?? []).map(keyOf)
}

function completeSets(collection: Collection): BackupSet[] {
  return allSets(collection).filter(({ manifest }) => manifest !== undefined)
}

function keyOf(set: BackupSet): string {
  return set.manifest!.key
}

function allSets({ chains, orphanedSets, incompleteSets, replacedSets }: Collection): BackupSet[] {
  return [...chains.flatMap((chain) => chain.sets), ...orphanedSets, ...incompleteSets, ...replacedSets]
}

function objectsOf(collection: Collection): StoredObject[] {
  const { signatureChains, orphanedSignatures } = collection
  const signatures = [...signatureChains.flatMap((chain) => chain.sets), ...orphanedSignatures]
  return [...allSets(collection).flatMap((set) => [...set.volumes.values()]), ...signatures.map(({ object }) => object)]
}
