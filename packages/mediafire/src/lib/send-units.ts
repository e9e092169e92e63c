import { fromChunks } from '@coalmine/bytes'
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { digestRange } from './digest.ts'
import type { CallContent } from './engine.ts'
import { readLocal } from './local-bytes.ts'
import { MediaFireError } from './media-fire-error.ts'
import { badSource, sourceBytes } from './source-bytes.ts'
import type { Resumable } from './units.ts'
import { storeOf, type UploadJob } from './upload-job.ts'
import { nameHeader } from './upload-content.ts'
import { reasonOf } from './waiting.ts'

/** Units up to here are held in memory; larger ones are read twice when their hash is not known. */
const mostHeldBytes = 16_777_216

/**
 * Sends the units that the service lacks, some at a time. The first failure ends all.
 *
 * Returns the key to poll; `undefined` when the service does not say that it has all of them.
 */
export async function sendUnits(job: UploadJob, resumable: Resumable): Promise<string | undefined> {
  const { options, source, report, sent } = job
  const { unitSize, missing } = resumable
  const stop = new AbortController()
  // Every unit on its way listens to it.
  setMaxListeners(0, stop.signal)
  const onAbort = (): void => stop.abort(reasonOf(options.signal!))
  options.signal?.addEventListener('abort', onAbort, { once: true })
  const lengthOf = (unit: number): number => Math.min(unitSize, source.size - unit * unitSize)
  // Bytes of the units on their way; of the others all or nothing counts.
  const onTheWay = new Map<number, number>()
  let done = source.size - missing.reduce((sum, unit) => sum + lengthOf(unit), 0)
  const tell = (): void =>
    report(
      'sending',
      [...onTheWay.values()].reduce((sum, bytes) => sum + bytes, done),
    )
  let next = 0
  let key: string | undefined
  // Of units that have arrived: what is on its way, or was when the service refused, is not written to.
  const free: Buffer[] = []
  const worker = async (): Promise<void> => {
    while (next < missing.length && !stop.signal.aborted) {
      const unit = missing[next++]!
      const onSent = (bytes: number): void => {
        onTheWay.set(unit, bytes)
        tell()
      }
      const part = { unit, start: unit * unitSize, length: lengthOf(unit), unitSize }
      const answer = await sendUnit(job, part, free, stop.signal, onSent)
      onTheWay.delete(unit)
      done += lengthOf(unit)
      sent.bytes += lengthOf(unit)
      sent.units += 1
      tell()
      if (answer.resumable?.allUnitsReady === true) key = answer.key ?? answer.resumable.uploadKey
    }
  }
  try {
    tell()
    const workers = Array.from({ length: Math.min(options.parallel ?? 3, missing.length) }, () =>
      worker().catch((error: unknown) => {
        if (!stop.signal.aborted) stop.abort(error)
      }),
    )
    await Promise.all(workers)
  } finally {
    options.signal?.removeEventListener('abort', onAbort)
  }
  if (stop.signal.aborted) throw stop.signal.reason
  return key
}

interface Part {
  readonly unit: number
  readonly start: number
  readonly length: number
  /** Of all units but the last one. */
  readonly unitSize: number
}

async function sendUnit(
  job: UploadJob,
  part: Part,
  free: Buffer[],
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Promise<{ key?: string; resumable?: Resumable }> {
  const { source, name, sha256, digests, attempted } = job
  const { unit } = part
  const range = { start: part.start, end: part.start + part.length }
  const reading = { attempted, signal }
  const known = digests?.unitSize === part.unitSize ? digests.unitHashes[unit] : undefined
  const isHeld = part.unitSize <= mostHeldBytes && (known === undefined || source.localPath !== undefined)
  const held = isHeld ? await heldUnit(job, part, free, known === undefined, signal) : undefined
  const unitHash = known ?? held?.hash ?? (await digestRange(source, range, reading))
  const content: CallContent = {
    headers: {
      'content-type': 'application/octet-stream',
      ...nameHeader(name),
      'x-filesize': String(source.size),
      'x-filehash': sha256,
      'x-unit-id': String(unit),
      'x-unit-size': String(part.length),
      'x-unit-hash': unitHash,
    },
    size: part.length,
    open: held === undefined ? () => sourceBytes(source, range, reading) : () => fromChunks(held.chunks),
    onSent,
  }
  try {
    const answer = await job.api.unit({ ...storeOf(job), unit, unitSize: part.length, unitHash, content, signal })
    if (held?.memory !== undefined) free.push(held.memory)
    return answer
  } catch (error) {
    if (!(error instanceof MediaFireError) || error.code !== 'mismatch') throw error
    if ((await digestRange(source, range, reading)) === unitHash) throw error
    throw badSource(`its bytes ${range.start} to ${range.end} are others than before`, { attempted })
  }
}

interface HeldUnit {
  readonly chunks: readonly Uint8Array[]
  readonly hash?: string
  /** To be used for another unit, later. */
  readonly memory?: Buffer
}

/** The bytes of a unit, in memory. */
async function heldUnit(
  { source, attempted }: UploadJob,
  { start, length, unitSize }: Part,
  free: Buffer[],
  isHashed: boolean,
  signal: AbortSignal,
): Promise<HeldUnit> {
  const hash = createHash('sha256')
  const chunks: Uint8Array[] = []
  const onPiece = (piece: Uint8Array): void => {
    if (isHashed) hash.update(piece)
    chunks.push(piece)
  }
  let memory: Buffer | undefined
  if (source.localPath === undefined) {
    for await (const piece of sourceBytes(source, { start, end: start + length }, { attempted, signal })) onPiece(piece)
  } else {
    memory = free.pop() ?? Buffer.allocUnsafeSlow(Math.min(unitSize, source.size))
    await readLocal(source.localPath, start, memory.subarray(0, length), { attempted, signal, onPiece })
  }
  return { chunks, hash: isHashed ? hash.digest('hex') : undefined, memory }
}
