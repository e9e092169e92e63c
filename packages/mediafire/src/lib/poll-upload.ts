import type { PollResult } from './api-upload.ts'
import { MediaFireError } from './media-fire-error.ts'
import type { UploadJob } from './upload-job.ts'
import { fileError, forgottenCodes } from './upload-errors.ts'

/** The file is there. */
export interface Stored extends PollResult {
  readonly quickKey: string
}

// Just after the last unit the service may not have counted it yet, or not know the key everywhere.
const patienceMs = 10_000

/**
 * Asks until there is a quick key, at growing intervals. `lost`: the service has forgotten what was sent, or wants more.
 *
 * @throws MediaFireError `stalled` when nothing changes for too long; what keeps the file from being stored.
 */
export async function pollUpload(job: UploadJob, key: string): Promise<Stored | 'lost'> {
  const { api, engine, attempted, options, report, source } = job
  const { signal, assembleTimeoutMs = 600_000 } = options
  const startMs = engine.now()
  let changedMs = startMs
  let status: number | undefined
  report('assembling', source.size)
  for (let pauseMs = 500; ; pauseMs = Math.min(pauseMs * 1.5, 5000)) {
    const polled = await api.poll(key, { attempted, signal }).catch((error: unknown) => {
      if (error instanceof MediaFireError && error.uploadCode !== undefined && forgottenCodes.has(error.uploadCode)) {
        return undefined
      }
      throw error
    })
    if (polled?.fileError === 13) return 'lost'
    if (polled !== undefined && polled.fileError !== 0) throw fileError(polled.fileError, attempted)
    if (polled?.quickKey !== undefined) return { ...polled, quickKey: polled.quickKey }
    // Final, and without a key.
    if (polled?.status === 98 || polled?.status === 99) return 'lost'
    if ((polled === undefined || polled.status === 17) && engine.now() - startMs >= patienceMs) return 'lost'
    if (polled?.status !== status) {
      status = polled?.status
      changedMs = engine.now()
    }
    if (engine.now() - changedMs >= assembleTimeoutMs) {
      const seconds = Math.round(assembleTimeoutMs / 1000)
      const what = `MediaFire has not gone on with putting the file together for ${seconds} s (its status ${status ?? 'none'})`
      throw new MediaFireError('stalled', what, { attempted, outcome: 'unknown' })
    }
    await engine.sleep(pauseMs, signal)
  }
}
