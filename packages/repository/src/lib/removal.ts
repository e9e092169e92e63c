import type { BackupChain, BackupSet, Collection, SetTimes, SignatureSet, StoredObject } from '@coalmine/volume-format'

/** What may go, by a rule about age or number. */
export interface OldChains {
  /** To be removed, the oldest first: whole, or only their increments. The newest chain is never among them. */
  readonly chains: readonly BackupChain[]
  /** Sets that are old enough and stay, because newer sets of their chain build on them. */
  readonly needed: readonly BackupSet[]
  /** The newest chain is old enough, and stays all the same. */
  readonly newestIsOld: boolean
}

/** Whole chains that ended before a time. */
export function chainsEndedBefore({ chains }: Collection, timeSeconds: number): OldChains {
  const newest = chains.at(-1)
  const old = chains.filter((chain) => chain.endSeconds < timeSeconds)
  const needed = chains
    .filter((chain) => chain.endSeconds >= timeSeconds)
    .flatMap((chain) => chain.sets.filter((set) => set.endSeconds < timeSeconds))
  return {
    chains: old.filter((chain) => chain !== newest),
    needed,
    newestIsOld: newest !== undefined && old.includes(newest),
  }
}

/** Chains that ended before the full backup that is the `count`th from the newest; none when there are fewer. */
export function chainsBeforeLast(collection: Collection, count: number): readonly BackupChain[] {
  const starts = collection.chains.map((chain) => chain.startSeconds).sort((a, b) => b - a)
  const limit = starts[count - 1]
  return limit === undefined ? [] : chainsEndedBefore(collection, limit).chains
}

/** Objects of a storage that no restore would ever read. */
export interface Extraneous {
  readonly sets: readonly BackupSet[]
  readonly signatures: readonly SignatureSet[]
}

/** Sets without a manifest or without what they build on, and signatures that belong to no set. */
export function extraneous(collection: Collection): Extraneous {
  const { chains, orphanedSets, incompleteSets, replacedSets, signatureChains, orphanedSignatures } = collection
  const usable = new Set(chains.flatMap((chain) => chain.sets).map(keyOf))
  const signatures = [...signatureChains.flatMap((chain) => chain.sets), ...orphanedSignatures]
  return {
    sets: [...orphanedSets, ...incompleteSets, ...replacedSets],
    // Those of a set that is used stay, even where others that they build on are missing.
    signatures: signatures.filter((set) => !usable.has(keyOf(set))),
  }
}

/** What is of no use by two looks at the storage, as the second one shows it: the first listing may have been late. */
export function inBoth(first: Extraneous, second: Extraneous): Extraneous {
  const known = new Set([...first.sets, ...first.signatures].map(nameOf))
  return {
    sets: second.sets.filter((set) => known.has(nameOf(set))),
    signatures: second.signatures.filter((set) => known.has(nameOf(set))),
  }
}

function nameOf(set: BackupSet | SignatureSet): string {
  return `${'object' in set ? 'signatures' : 'set'} ${keyOf(set)}`
}

/** What is to be removed, in an order that never leaves a set that only seems whole. */
export interface Removal {
  readonly sets: readonly BackupSet[]
  readonly signatures: readonly SignatureSet[]
}

/** The sets and signatures of chains: all, or those of their increments. */
export function removalOf(
  { signatureChains, orphanedSignatures }: Collection,
  chains: readonly BackupChain[],
  scope: 'chains' | 'increments',
): Removal {
  const sets = chains.flatMap((chain) => (scope === 'chains' ? chain.sets : chain.incs).toReversed())
  const gone = new Set(sets.map(keyOf))
  const signatures = [...signatureChains.flatMap((chain) => chain.sets.toReversed()), ...orphanedSignatures]
  return { sets, signatures: signatures.filter((set) => gone.has(keyOf(set))) }
}

/**
 * The objects of a removal in the order in which they are deleted: signatures; then the sets, those first that others
 * do not build on, and of each the manifest before its volumes, these from the last to the first. An interruption leaves
 * incomplete sets, never one that passes for whole.
 */
export function objectsToDelete({ sets, signatures }: Removal): StoredObject[] {
  const ofSet = ({ statistics, manifest, volumes }: BackupSet) => [
    ...(statistics === undefined ? [] : [statistics]),
    ...(manifest === undefined ? [] : [manifest]),
    ...[...volumes].sort(([a], [b]) => b - a).map(([, object]) => object),
  ]
  return [...signatures.map(({ object }) => object), ...sets.flatMap(ofSet)]
}

function keyOf({ startSeconds, endSeconds, times }: BackupSet | SignatureSet): string {
  return `${times.type} ${startSeconds} ${endSeconds}`
}

/**
 * Splits by when the last of a set was written: what is young may belong to a backup that another machine is writing.
 *
 * @param own - Times of a set that this machine was writing: it counts as old.
 */
export function splitByAge(
  { sets, signatures }: Extraneous,
  limitMs: number,
  own?: SetTimes,
): { old: Extraneous; young: Extraneous } {
  const ownName = own && JSON.stringify(own)
  const isYoung = (one: BackupSet | SignatureSet) =>
    lastWrittenMs(one) > limitMs && JSON.stringify(one.times) !== ownName
  return {
    old: { sets: sets.filter((set) => !isYoung(set)), signatures: signatures.filter((set) => !isYoung(set)) },
    young: { sets: sets.filter(isYoung), signatures: signatures.filter(isYoung) },
  }
}

function lastWrittenMs(set: BackupSet | SignatureSet): number {
  const objects =
    'object' in set ? [set.object] : [...set.volumes.values(), ...(set.manifest === undefined ? [] : [set.manifest])]
  return objects.reduce((last, { modifiedMs = 0 }) => Math.max(last, modifiedMs), set.endSeconds * 1000)
}
