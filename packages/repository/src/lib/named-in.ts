import { isBelow, type RawPath } from '@coalmine/bytes'
import { FormatError, type Manifest, readSigTar, type SignatureSet } from '@coalmine/volume-format'
import { RepositoryError } from './errors.ts'
import type { Metadata } from './metadata.ts'
import { SeenSignatures } from './seen-signatures.ts'

/**
 * Whether the signature file of a set names anything at or below a path: it names every entry of the set, links, folders
 * and deletions too. `undefined` when it cannot be told: the file is damaged, or does not agree with its manifest.
 */
export async function isNamedIn(
  signatures: SignatureSet,
  manifest: Manifest,
  path: RawPath,
  metadata: Metadata,
): Promise<boolean | undefined> {
  const seen = new SeenSignatures()
  try {
    for await (const entries of readSigTar(metadata.signatures(signatures), { signatures: false })) {
      seen.add(entries)
      if (entries.some((entry) => isBelow(entry.path, path))) return true
    }
    return seen.disagreementWith(manifest) === undefined ? false : undefined
  } catch (error) {
    // Then the volumes tell, which are under hashes.
    const isDamage = error instanceof FormatError || error instanceof RepositoryError
    if (isDamage || (error instanceof Error && error.name === 'StorageError')) return undefined
    throw error
  }
}
