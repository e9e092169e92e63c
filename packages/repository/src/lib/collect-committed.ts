import { type Collection, collectSets, parseName, type Prefixes, type StoredObject } from '@coalmine/volume-format'

/**
 * Sets and chains of a storage, as `collectSets` of `@coalmine/volume-format` tells them, but for one thing: signatures are
 * stored before their set is committed, so those of a set that has volumes and no manifest belong to no chain. They would
 * make a chain of signatures that no chain of sets goes with, and so an interrupted backup would stand in the way of
 * the next increment.
 */
export function collectCommitted(objects: readonly StoredObject[], prefixes: Prefixes | undefined): Collection {
  const uncommitted = new Set<string>()
  const committed = new Set<string>()
  const signatures = new Map<StoredObject, string>()
  for (const object of objects) {
    const parsed = parseName(object.key, { prefixes })
    if (parsed === undefined || parsed.partial) continue
    const set = JSON.stringify(parsed.set)
    if (parsed.object === 'volume') uncommitted.add(set)
    else if (parsed.object === 'manifest') committed.add(set)
    else if (parsed.object === 'signatures') signatures.set(object, set)
  }
  const isPremature = (object: StoredObject) => {
    const set = signatures.get(object)
    return set !== undefined && uncommitted.has(set) && !committed.has(set)
  }
  const premature = objects.filter(isPremature)
  if (premature.length === 0) return collectSets(objects, { prefixes })
  const { signatureChains, orphanedSignatures } = collectSets(premature, { prefixes })
  const collection = collectSets(
    objects.filter((object) => !isPremature(object)),
    { prefixes },
  )
  const orphans = [...signatureChains.flatMap((chain) => chain.sets), ...orphanedSignatures]
  return { ...collection, orphanedSignatures: [...collection.orphanedSignatures, ...orphans] }
}
