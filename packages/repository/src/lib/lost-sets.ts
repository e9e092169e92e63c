import {
  type BackupSet,
  type Collection,
  parseName,
  type Prefixes,
  type SetTimes,
  type SignatureSet,
} from '@coalmine/volume-format'

/** Copies in the archive dir of what the storage does not list. */
export interface LostCopies {
  /** Of sets that ended before the newest full backup began: removing old ones takes them away, on any machine. */
  readonly superseded: readonly string[]
  /** Sets that were there and should be: their manifests' copies, by name. */
  readonly lost: readonly { readonly name: string; readonly times: SetTimes }[]
}

/**
 * Compares the names in the archive dir with what the storage lists. What is not whole (`.part`) belongs to an interrupted
 * run of the real program and is left alone, and so is whatever is not a copy.
 */
export function lostCopies(names: readonly string[], collection: Collection, prefixes?: Prefixes): LostCopies {
  const { chains, orphanedSets, incompleteSets, replacedSets, signatureChains, orphanedSignatures } = collection
  const sets = [...chains.flatMap((chain) => chain.sets), ...orphanedSets, ...incompleteSets, ...replacedSets]
  const known = {
    manifest: new Set(sets.filter(({ manifest }) => manifest !== undefined).map(keyOf)),
    signatures: new Set([...signatureChains.flatMap((chain) => chain.sets), ...orphanedSignatures].map(keyOf)),
  }
  const newestStart = Math.max(Number.NEGATIVE_INFINITY, ...chains.map(({ startSeconds }) => startSeconds))
  const superseded: string[] = []
  const lost: { name: string; times: SetTimes }[] = []
  for (const name of names) {
    const parsed = parseName(name, { prefixes })
    if (parsed === undefined || parsed.partial || parsed.encrypted) continue
    const { object, set: times } = parsed
    if ((object !== 'manifest' && object !== 'signatures') || known[object].has(keyOf({ times }))) continue
    const end = times.type === 'full' ? times.timeSeconds : times.endSeconds
    if (end < newestStart) superseded.push(name)
    else if (object === 'manifest') lost.push({ name, times })
  }
  return { superseded, lost }
}

function keyOf({ times }: Pick<BackupSet | SignatureSet, 'times'>): string {
  return times.type === 'full' ? `full ${times.timeSeconds}` : `inc ${times.startSeconds} ${times.endSeconds}`
}
