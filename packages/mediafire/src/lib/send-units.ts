import { fromChunks } from '@coalmine/bytes'
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { badSource, digestRange, sourceBytes } from './digest.ts'
import type { CallContent } from './engine.ts'
import { MediaFireError } from './media-fire-error.ts'
import type { Resumable } from './units.ts'
import { storeOf, type UploadJob } from './upload-job.ts'
import { nameHeader } from './upload-content.ts'
import { reasonOf } from './waiting.ts'

/** Units up to here are held in memory when their hash is not known; larger ones are read twice. */
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
  const worker = async (): Promise<void> => {
    while (next < missing.length && !stop.signal.aborted) {
      const unit = missing[next++]!
      const onSent = (bytes: number): void => {
        onTheWay.set(unit, bytes)
        tell()
      }
      const answer = await sendUnit(
        job,
        unit,
        { start: unit * unitSize, length: lengthOf(unit) },
        unitSize,
        stop.signal,
        onSent,
      )
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

async function sendUnit(
  job: UploadJob,
  unit: number,
  part: { readonly start: number; readonly length: number },
  unitSize: number,
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Promise<{ key?: string; resumable?: Resumable }> {
  const { source, name, sha256, digests, attempted } = job
  const range = { start: part.start, end: part.start + part.length }
  const reading = { attempted, signal }
  let unitHash = digests?.unitSize === unitSize ? digests.unitHashes[unit] : undefined
  let open = () => sourceBytes(source, range, reading)
  if (unitHash === undefined && part.length <= mostHeldBytes) {
    const hash = createHash('sha256')
    const chunks: Uint8Array[] = []
    for await (const chunk of open()) {
      hash.update(chunk)
      chunks.push(chunk)
    }
    unitHash = hash.digest('hex')
    open = () => fromChunks(chunks)
  }
  unitHash ??= await digestRange(source, range, reading)
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
    open,
    onSent,
  }
  try {
    return await job.api.unit({ ...storeOf(job), unit, unitSize: part.length, unitHash, content, signal })
  } catch (error) {
    if (!(error instanceof MediaFireError) || error.code !== 'mismatch') throw error
    if ((await digestRange(source, range, reading)) === unitHash) throw error
    throw badSource(`its bytes ${range.start} to ${range.end} are others than before`, { attempted })
  }
}
