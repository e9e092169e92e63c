import type { BackupChain } from '@coalmine/volume-format'
import { RepositoryError } from './errors.ts'
import type { RepositoryEvent } from './events.ts'
import type { Metadata } from './metadata.ts'

/**
 * Opens the newest sealed manifest; when that fails, up to two before it: if one of them opens, the newest is damaged, and
 * that is told.
 *
 * @throws RepositoryError the first failure, when none opens.
 */
export async function provePassphrase(
  chains: readonly BackupChain[],
  metadata: Pick<Metadata, 'original'>,
  onEvent: (event: RepositoryEvent) => void,
): Promise<void> {
  const sets = chains.flatMap((chain) => chain.sets).filter((set) => set.encrypted)
  const newest = sets.toSorted((a, b) => a.endSeconds - b.endSeconds).toReversed()
  let refused: RepositoryError | undefined
  for (const set of newest.slice(0, 3)) {
    try {
      await metadata.original(set)
      if (refused !== undefined) {
        onEvent({ type: 'damaged-manifest', key: newest[0]!.manifest!.key, message: refused.message })
      }
      return
    } catch (error) {
      // Kept: whether it was the passphrase or damage shows when another one opens, or none.
      if (!(error instanceof RepositoryError)) throw error
      refused ??= error
    }
  }
  if (refused !== undefined) throw refused
}
