import { availableParallelism } from 'node:os'
import { deflateChunk } from './chunk-job.ts'
import { abortable, type ByteStream, rechunk, unlessAborted } from './stream.ts'

export interface DeflateOptions {
  /** 0 (stored only) to 9 (smallest); 4. */
  readonly level?: number
  /** Plain bytes per job, 1 to 64 Mi; 262,144. The output depends on it. */
  readonly chunkBytes?: number
  /** Jobs in flight; as many as there are cores. The output does not depend on it. */
  readonly parallel?: number
  /** Stops the work; the stream then rejects with its reason. */
  readonly signal?: AbortSignal
}

const WINDOW_BYTES = 32_768
const MAX_CHUNK_BYTES = 67_108_864

/** An empty block of fixed Huffman codes, marked as the final one. */
const FINAL_BLOCK = Uint8Array.of(0x03, 0x00)

/**
 * Deflates a stream on several cores into ONE raw deflate stream (RFC 1951), readable by any inflater.
 *
 * Chunks of the content become jobs on the libuv pool, each primed with the 32 KiB before its chunk and ended at a byte
 * boundary, so that joined they are one stream. A chunk that does not shrink becomes stored blocks. The output is the
 * same for the same bytes, level and chunk size, however the content is cut and whatever the timing.
 *
 * Nothing is read before the first pull. Chunk n + `parallel` is read only after the output of chunk n was taken, see
 * {@link deflateLagBytes}.
 *
 * @throws RangeError at once when an option is out of range. What the content throws comes through as it is.
 */
export function deflate(content: ByteStream, options: DeflateOptions = {}): ByteStream {
  return deflateChunks(content, resolveOptions(options))
}

/**
 * The most plain bytes that {@link deflate} holds back with these options: whenever it asks the content for more, fewer
 * than this many bytes of what it was given are not yet in the output that was taken.
 */
export function deflateLagBytes(options: DeflateOptions = {}): number {
  const { chunkBytes, parallel } = resolveOptions(options)
  return chunkBytes * parallel
}

type Resolved = ReturnType<typeof resolveOptions>

function resolveOptions(options: DeflateOptions) {
  const { level = 4, chunkBytes = 262_144, parallel = availableParallelism(), signal } = options
  if (!(Number.isInteger(level) && level >= 0 && level <= 9)) {
    throw new RangeError(`Cannot deflate at level ${level}: it has to be a whole number from 0 to 9`)
  }
  if (!(Number.isInteger(chunkBytes) && chunkBytes >= 1 && chunkBytes <= MAX_CHUNK_BYTES)) {
    throw new RangeError(`Cannot deflate in chunks of ${chunkBytes} bytes: 1 to ${MAX_CHUNK_BYTES} are possible`)
  }
  if (!(Number.isInteger(parallel) && parallel >= 1)) {
    throw new RangeError(`Cannot deflate with ${parallel} jobs in flight: it has to be a positive whole number`)
  }
  return { level, chunkBytes, parallel, signal }
}

async function* deflateChunks(content: ByteStream, { level, chunkBytes, parallel, signal }: Resolved): ByteStream {
  const jobs: Promise<Uint8Array>[] = []
  let before: Uint8Array = new Uint8Array(0)
  for await (const chunk of rechunk(abortable(content, signal), chunkBytes)) {
    const job = deflateChunk(chunk, before, level)
    // When the loop is left, nobody waits for the jobs in flight any more; a failed one is met below otherwise.
    job.catch(() => {})
    jobs.push(job)
    before = lastBytes(before, chunk)
    if (jobs.length >= parallel) yield await unlessAborted(jobs.shift()!, signal)
  }
  for (const job of jobs) yield await unlessAborted(job, signal)
  yield FINAL_BLOCK.slice()
}

/** The end of the stream so far, as much as a match can reach back to. */
function lastBytes(before: Uint8Array, chunk: Uint8Array): Uint8Array {
  if (chunk.length >= WINDOW_BYTES) return chunk.subarray(chunk.length - WINDOW_BYTES)
  const all = Buffer.concat([before, chunk])
  return all.length > WINDOW_BYTES ? all.subarray(all.length - WINDOW_BYTES) : all
}
