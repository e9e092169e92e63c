import { displayPath, type RawPath } from '@coalmine/bytes'
import {
  type BackupChain,
  type BackupSet,
  FormatError,
  type Manifest,
  mergeSigTars,
  readSigTar,
  type SignatureChain,
  type SignatureSet,
  type SigTarEntry,
} from '@coalmine/volume-format'
import { RepositoryError } from './errors.ts'
import type { Metadata } from './metadata.ts'

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
  const seen = new Seen()
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
  if (reason === undefined) return
  if (!isCopy) throw bad(signatures, reason, cause)
  metadata.distrust(signatures)
  throw bad(signatures, `${reason}, in the copy in the archive dir`, cause, 'now')
}

function bad(set: SignatureSet, reason: string, cause?: unknown, retry?: 'now'): RepositoryError {
  const message = `Cannot build on the signatures "${set.object.key}": ${reason}`
  return new RepositoryError('bad-signatures', message, { cause, retry })
}

/** What is remembered of a signature file to compare it with its manifest. */
class Seen {
  #first: RawPath | undefined
  #last: RawPath | undefined
  #signatures = 0
  #deleted = 0

  add(entries: readonly SigTarEntry[]): void {
    if (entries.length === 0) return
    this.#first ??= entries[0]!.path
    this.#last = entries.at(-1)!.path
    for (const { action } of entries) {
      if (action === 'signature') this.#signatures += 1
      else if (action === 'deleted') this.#deleted += 1
    }
  }

  /** A set without any change has no entries, and says that it goes from the root to the root. */
  disagreementWith({ volumes, fileCount = 0 }: Manifest): string | undefined {
    const numbers = [...volumes.keys()].sort((a, b) => a - b)
    const from = volumes.get(numbers[0] ?? 0)?.start.path ?? ('' as RawPath)
    const to = volumes.get(numbers.at(-1) ?? 0)?.end.path ?? ('' as RawPath)
    if ((this.#first ?? '') !== from) return `they begin with ${shown(this.#first)}, the set with ${shown(from)}`
    if ((this.#last ?? '') !== to) return `they end with ${shown(this.#last)}, the set with ${shown(to)}`
    // A manifest need not list files. Of what is deleted, it lists what was a file.
    const [least, most] = [this.#signatures, this.#signatures + this.#deleted]
    if (fileCount === 0 || (fileCount >= least && fileCount <= most)) return undefined
    return `they have ${least} files, the manifest lists ${fileCount}`
  }
}

function shown(path: RawPath | undefined): string {
  return path === undefined ? 'nothing' : `"${displayPath(path) || '.'}"`
}
