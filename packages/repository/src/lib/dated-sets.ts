import type { BackupSet, Collection, SignatureSet } from '@coalmine/volume-format'

/** A set that can be restored, and what belongs to it. */
export interface DatedSet {
  /** When it was made, in epoch seconds: the time that restores it. */
  readonly seconds: number
  readonly set: BackupSet
  /** Absent when they are not on the storage: what the set changed cannot be told then. */
  readonly signatures: SignatureSet | undefined
  /** Place of its chain in the collection. */
  readonly chain: number
}

/** Every set of every chain, by its time. Of equal times the one that a restore of that time takes comes last. */
export function datedSets({ chains, signatureChains, orphanedSignatures }: Collection): DatedSet[] {
  const signatures = new Map<string, SignatureSet>()
  for (const one of [...signatureChains.flatMap((chain) => chain.sets), ...orphanedSignatures]) {
    signatures.set(spanOf(one), one)
  }
  return chains
    .flatMap(({ sets }, chain) =>
      sets.map((set) => ({ seconds: set.endSeconds, set, signatures: signatures.get(spanOf(set)), chain })),
    )
    .sort((a, b) => a.seconds - b.seconds || a.chain - b.chain)
}

function spanOf({ times, startSeconds, endSeconds }: BackupSet | SignatureSet): string {
  return `${times.type} ${startSeconds} ${endSeconds}`
}
