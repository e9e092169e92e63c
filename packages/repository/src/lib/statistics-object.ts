import { type ByteSource, collect, fromBytes } from '@coalmine/bytes'
import type { Storage } from '@coalmine/storage'
import { type Envelope, gzipEnvelope, type ObjectKind, type StoredObject } from '@coalmine/volume-format'
import type { ArchiveDir, PendingFile } from './archive-dir.ts'
import { errorCode, RepositoryError } from './errors.ts'
import type { RepositoryEvent } from './events.ts'
import type { SetNames } from './names.ts'
import type { Spool, SpoolFile } from './spool.ts'

/** Statistics are a page of text; what claims to be more is not read. */
const mostBytes = 1_048_576

export interface StatisticsParts {
  readonly names: SetNames
  readonly archiveDir: ArchiveDir | undefined
}

/**
 * Stores the statistics of a set that is there, sealed as signatures are, and leaves a copy of them, gzipped, in the archive
 * dir. Nothing is built on them, so they are in no ledger: one that is lost is no loss to tell.
 */
export async function storeStatistics(
  bytes: Uint8Array,
  parts: StatisticsParts & {
    readonly storage: Storage
    readonly envelope: Envelope
    readonly spool: Spool
    readonly signal: AbortSignal | undefined
    readonly onEvent: (event: RepositoryEvent) => void
  },
): Promise<void> {
  const { names, archiveDir, storage, envelope, spool, signal, onEvent } = parts
  const key = names.statistics(envelope)
  const file = spool.create()
  try {
    await file.writeAll(envelope.seal('signatures', fromBytes(bytes).open()))
    onEvent({ type: 'put', key, bytes: file.bytes })
    await storage.put(key, file.source(), { signal, digests: { sha1: file.sha1 } })
    onEvent({ type: 'stored', key, bytes: file.bytes })
  } finally {
    file.remove()
  }
  let copy: PendingFile | undefined
  try {
    copy = archiveDir?.begin(names.localStatistics())
    await copy?.writeAll(gzipEnvelope({}).seal('signatures', fromBytes(bytes).open()))
    copy?.commit()
  } catch (error) {
    if (!(error instanceof RepositoryError) && errorCode(error) === undefined) throw error
    copy?.discard()
    onEvent({ type: 'copy-not-kept', message: (error as Error).message })
  }
}

/** The statistics of a set, from the archive dir or the storage; `undefined` when there are none. */
export async function readStatistics(
  object: StoredObject | undefined,
  parts: StatisticsParts & {
    readonly fetch: (object: StoredObject) => Promise<SpoolFile>
    readonly open: (kind: ObjectKind, object: StoredObject, source: ByteSource) => AsyncIterable<Uint8Array>
  },
): Promise<Uint8Array | undefined> {
  const { names, archiveDir, fetch, open } = parts
  const copy = archiveDir?.source(names.localStatistics())
  if (copy !== undefined && copy.size <= mostBytes) {
    try {
      return await collect(gzipEnvelope({}).open('signatures', copy), { maxBytes: mostBytes })
    } catch {
      // A damaged copy is none: the storage has the original, if anybody has.
    }
  }
  if (object === undefined || object.size > mostBytes) return undefined
  const file = await fetch(object)
  try {
    return await collect(open('signatures', object, file.source()), { maxBytes: mostBytes })
  } finally {
    file.remove()
  }
}
