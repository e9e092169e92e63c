import type { RawPath } from '@coalmine/bytes'
import {
  type BackupChain,
  type BackupSet,
  FormatError,
  mergeSigTars,
  readSigTar,
  type SignatureChain,
  type SignatureSet,
  type SigTarEntry,
} from '@coalmine/volume-format'
import type { DatedSet } from './dated-sets.ts'
import { RepositoryError } from './errors.ts'
import type { Metadata } from './metadata.ts'
import { SeenSignatures } from './seen-signatures.ts'

/** The chain that the next increment continues, with the signatures that belong to it. */
export interface ChainHead {
  readonly chain: BackupChain
  readonly signatures: SignatureChain
}

/** Longer signatures stay in their file until they are wanted: of files above some hundred gigabytes, or 700 MB in old sets. */
const heldSignatureBytes = 4 * 1_048_576

/**
 * The archived state of the tree at the end of a chain, in the order of paths. Each signature file is compared with the
 * manifest of its set while it is read.
 *
 * @throws RepositoryError `bad-signatures`, after the entries before it, when a file is damaged, out of order, of another
 * chain, or does not agree with its manifest.
 */
export async function* readChainState(
  head: ChainHead,
  metadata: Metadata,
): AsyncGenerator<SigTarEntry[], void, undefined> {
  const pairs = head.signatures.sets.map((signatures) => {
    const set = head.chain.sets.find(
      (one) => one.startSeconds === signatures.startSeconds && one.endSeconds === signatures.endSeconds,
    )
    if (set !== undefined && set.times.type === signatures.times.type) return { signatures, set }
    throw bad(signatures, 'there is no set of these times in the chain that ends with it')
  })
  await metadata.sync({ manifests: pairs.map(({ set }) => set), signatures: pairs.map((pair) => pair.signatures) })
  yield* mergeSigTars(pairs.map(({ signatures, set }) => readChecked(signatures, set, metadata)))
}

/** The signature of one file in the newest set that has one, whatever its length. */
export async function findSignature(
  head: ChainHead,
  path: RawPath,
  metadata: Metadata,
): Promise<Uint8Array | undefined> {
  for (const set of head.signatures.sets.toReversed()) {
    for await (const entries of readSigTar(metadata.signatures(set), { only: path, maxSignatureBytes: 2 ** 30 })) {
      for (const entry of entries) if (entry.path === path) return entry.signature
    }
  }
  return undefined
}

async function* readChecked(
  signatures: SignatureSet,
  set: BackupSet,
  metadata: Metadata,
): AsyncGenerator<SigTarEntry[], void, undefined> {
  const manifest = await metadata.manifest(set, false)
  let isCopy = false
  const stream = metadata.signatures(signatures, () => (isCopy = true))
  const seen = new SeenSignatures()
  let reason: string | undefined
  let cause: unknown
  try {
    for await (const entries of readSigTar(stream, { maxSignatureBytes: heldSignatureBytes })) {
      seen.add(entries)
      yield entries
    }
    reason = seen.disagreementWith(manifest)
  } catch (error) {
    const isDamage = error instanceof FormatError || (error instanceof RepositoryError && error.code === 'unreadable')
    if (!isDamage) throw error
    reason = error.message
    cause = error
  }
  // Signatures of other content would give increments that restore wrong files: a manifest cannot tell, the ledger can.
  if (!isCopy) reason ??= metadata.disagreementOf(signatures)
  if (reason === undefined) return
  if (!isCopy) throw bad(signatures, reason, cause)
  metadata.distrust(signatures)
  throw bad(signatures, `${reason}, in the copy in the archive dir`, cause, 'now')
}

/** What the signature file of a set names, with signatures. @throws RepositoryError as {@link readChainState}. */
export async function* readNames(
  { set, signatures }: DatedSet,
  metadata: Metadata,
): AsyncGenerator<SigTarEntry[], void, undefined> {
  if (signatures === undefined) {
    const message = `Cannot read the signatures of "${set.manifest?.key}": they are not on the storage`
    throw new RepositoryError('bad-signatures', message)
  }
  yield* readChecked(signatures, set, metadata)
}

function bad(set: SignatureSet, reason: string, cause?: unknown, retry?: 'now'): RepositoryError {
  const message = `Cannot build on the signatures "${set.object.key}": ${reason}`
  return new RepositoryError('bad-signatures', message, { cause, retry })
}
