import type { RawPath } from '@coalmine/bytes'
import { type Repository, RepositoryError } from '@coalmine/repository'
import type { BackupSet, Manifest } from '@coalmine/volume-format'
import { RestoreError } from './errors.ts'
import { missingNumber, unnamedNumber } from './plan.ts'

/** A part of a set that cannot be read. */
export interface Loss {
  readonly set: BackupSet
  /** The object that cannot be read. */
  readonly key: string
  readonly message: string
  /** What it holds lies from one path to the other, both included; to the end of the set without `to`. */
  readonly from: RawPath
  readonly to: RawPath | undefined
}

/** What of a set can be read: volumes, in order, and what is known to be lost. */
export interface Readable {
  readonly manifest: Manifest
  readonly losses: readonly Loss[]
}

/** The data of a file breaks off: the rest of it is lost. */
export class LostData extends Error {
  override readonly name = 'LostData'
}

// What no other try will mend, and is about the object itself.
const lostCodes = new Set(['unreadable', 'hash-mismatch', 'missing-volume', 'bad-signature', 'not-signed'])

/** Whether the error says that one object cannot be read, and others may be. */
export function isLoss(error: unknown, signal: AbortSignal | undefined): error is Error {
  if (signal?.aborted === true || !(error instanceof Error)) return false
  if (error instanceof RepositoryError) return lostCodes.has(error.code)
  if (error instanceof RestoreError) return error.code === 'damaged'
  return error.name === 'StorageError' || error.name === 'FormatError'
}

/**
 * The manifest of a set, or what can be said without one.
 *
 * @param options.keepGoing - Tell what is wrong with it as losses.
 * @param options.original - The one on the storage, whatever copy there is.
 * @throws RestoreError `damaged` when it leaves out volumes; the repository's errors when it cannot be read.
 */
export async function readableOf(
  repository: Repository,
  set: BackupSet,
  { keepGoing, original = false, signal }: { keepGoing: boolean; original?: boolean; signal: AbortSignal | undefined },
): Promise<Readable> {
  const key = set.manifest!.key
  let manifest: Manifest
  try {
    manifest = original
      ? await repository.originalManifest(set, { compared: false })
      : await repository.manifest(set, { files: false })
  } catch (error) {
    if (!keepGoing || !isLoss(error, signal)) throw error
    return {
      manifest: { volumes: new Map() },
      losses: [{ set, key, message: error.message, from: root, to: undefined }],
    }
  }
  const wrong = wrongIn(set, manifest)
  if (wrong === undefined) return { manifest, losses: [] }
  const message = `Cannot restore from "${key}": ${wrong.what}`
  if (!keepGoing) throw new RestoreError('damaged', message)
  // What comes before the gap is in its place; behind it nothing is known for sure.
  const volumes = new Map([...manifest.volumes].filter(([number]) => number < wrong.number))
  const from = manifest.volumes.get(wrong.number - 1)?.end.path ?? root
  return { manifest: { ...manifest, volumes }, losses: [{ set, key, message, from, to: undefined }] }
}

const root = '' as RawPath

function wrongIn(set: BackupSet, manifest: Manifest): { number: number; what: string } | undefined {
  // Every set has a volume. Taken at its word, an increment whose manifest names none would count as no change at all.
  if (manifest.volumes.size === 0) return { number: 1, what: 'the manifest names no volume' }
  const missing = missingNumber(manifest)
  if (missing !== undefined) return { number: missing, what: `the manifest leaves out volume ${missing}` }
  const unnamed = unnamedNumber(set, manifest)
  if (unnamed === undefined) return undefined
  const what = `the manifest is cut off before volume ${unnamed}, which is on the storage`
  return { number: unnamed, what }
}
