import type { ByteSource } from '@coalmine/bytes'
import type { FileApi } from './api-file.ts'
import type { CheckRequest, StoreRequest, UploadApi } from './api-upload.ts'
import type { SignalOption } from './api-user.ts'
import type { Digests } from './digest.ts'
import type { Engine } from './engine.ts'

export interface UploadProgress {
  /**
   * `hashing` before anything is sent, `sending` (what the service had already counts), `assembling` while the service puts
   * the file together, `verified` when size and hash have been compared.
   */
  readonly phase: 'hashing' | 'sending' | 'assembling' | 'verified'
  readonly bytes: number
  readonly total: number
}

export interface UploadOptions extends SignalOption {
  /** Key of the folder; the root by default. */
  readonly folderKey?: string
  /**
   * What to do when the folder has a file of that name with other bytes: fail with `exists` (`refuse`, the default), put the
   * new one in its place, keep both under different names, or leave it as it is (`skip`).
   */
  readonly onDuplicate?: 'refuse' | 'replace' | 'keep' | 'skip'
  /** SHA-256 of the source, where it is known already: it is not read for that then. */
  readonly sha256?: string
  readonly mtime?: Date
  /** Units on their way at a time; 3. */
  readonly parallel?: number
  /** How long the service may take to put the file together without any progress, in milliseconds; 10 minutes. */
  readonly assembleTimeoutMs?: number
  readonly onProgress?: (progress: UploadProgress) => void
}

export interface UploadResult {
  /** `unchanged`: the folder had this file already. `instant`: the service had the bytes. `skipped`: see `onDuplicate`. */
  readonly outcome: 'uploaded' | 'instant' | 'unchanged' | 'skipped'
  /** The quick key. */
  readonly key: string
  /** As it is stored: another one than was asked for with `keep` only. */
  readonly name: string
  readonly size: number
  readonly sha256: string
  /** What had to be sent, in bytes and units. */
  readonly sentBytes: number
  readonly sentUnits: number
}

/** An upload that is under way. */
export interface UploadJob {
  readonly api: UploadApi
  readonly files: FileApi
  readonly engine: Engine
  readonly source: ByteSource
  readonly name: string
  readonly attempted: string
  readonly options: UploadOptions
  readonly folderKey: string
  readonly sha256: string
  /** When the source was read for its hash. */
  readonly digests?: Digests
  readonly sent: { bytes: number; units: number }
  readonly report: (phase: UploadProgress['phase'], bytes: number) => void
}

/** What a check asks about. */
export function requestOf(job: UploadJob): CheckRequest {
  const { name: filename, source, sha256: hash, folderKey, attempted } = job
  return { filename, size: source.size, hash, folderKey, attempted }
}

/** What a transfer says. */
export function storeOf(job: UploadJob): StoreRequest {
  const { onDuplicate = 'refuse', mtime } = job.options
  return { ...requestOf(job), onDuplicate: onDuplicate === 'refuse' ? ('skip' as const) : onDuplicate, mtime }
}
