import { constants, createDeflateRaw } from 'node:zlib'
import { plainBytes } from './stream.ts'
import { encodeStoredBlocks, storedLength } from './stored-blocks.ts'

const SAMPLE_BYTES = 16_384
const WINDOW_BYTES = 32_768

/**
 * One chunk of a deflate stream: blocks that are not final, ending at a byte boundary. What they look like depends on
 * the three arguments alone, so that a stream is the same whatever the timing.
 *
 * @param before - Up to 32 KiB that precede the chunk in the stream; matches may reach into them.
 */
export async function deflateChunk(chunk: Uint8Array, before: Uint8Array, level: number): Promise<Uint8Array> {
  if (level === 0 || (looksDense(chunk) && !(await sampleShrinks(chunk, before)))) return encodeStoredBlocks(chunk)
  const blocks = await deflateBlocks(chunk, before, level)
  return blocks.length < storedLength(chunk.length) ? blocks : encodeStoredBlocks(chunk)
}

/**
 * Deflates on the libuv pool in one trip: one write that ends with a sync flush.
 *
 * `zlib.deflateRaw()` would do it with `finishFlush`, in two trips, and copies; measured on 256 KiB chunks this takes
 * 5 % less processor time and half the time of the main thread.
 */
function deflateBlocks(chunk: Uint8Array, before: Uint8Array, level: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const options = {
      level,
      flush: constants.Z_SYNC_FLUSH,
      dictionary: before.length > 0 ? before : undefined,
      // One output buffer for all but what does not shrink, and a stream that holds all of it, so that nothing waits.
      chunkSize: Math.max(chunk.length, 1024),
      readableHighWaterMark: 2 * chunk.length + 65_536,
    }
    const engine = createDeflateRaw(options)
    const pieces: Uint8Array[] = []
    const collect = () => {
      for (let piece: Buffer | null; (piece = engine.read() as Buffer | null) !== null;) pieces.push(piece)
    }
    engine.on('error', reject)
    engine.on('readable', collect)
    engine.write(chunk, () => {
      collect()
      engine.destroy()
      resolve(plainBytes(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)))
    })
  })
}

/**
 * Whether the bytes are spread so evenly that Huffman coding alone would save less than about half a percent: then
 * only repeated strings can make the chunk smaller, and that is worth a sample before all of it is deflated, which
 * takes three times as long for such bytes as for text.
 *
 * The measure is chi-squared over 16 KiB, taken in 16 places: about 255 for random bytes and most compressed files,
 * above 100,000 for text and programs. Small chunks are not worth the question.
 */
function looksDense(chunk: Uint8Array): boolean {
  if (chunk.length < 2 * SAMPLE_BYTES) return false
  const counts = new Uint32Array(256)
  const places = 16
  const run = SAMPLE_BYTES / places
  const step = Math.floor(chunk.length / places)
  for (let place = 0; place < places; place++) {
    const start = place * step
    for (let i = start; i < start + run; i++) counts[chunk[i]!]! += 1
  }
  const expected = SAMPLE_BYTES / 256
  let chiSquared = 0
  for (const count of counts) chiSquared += (count - expected) ** 2 / expected
  return chiSquared < 1000
}

/** Whether 16 KiB from the middle shrink by one percent or more at the fastest level, given the 32 KiB before them. */
async function sampleShrinks(chunk: Uint8Array, before: Uint8Array): Promise<boolean> {
  const start = (chunk.length - SAMPLE_BYTES) >> 1
  const window = start > 0 ? chunk.subarray(Math.max(0, start - WINDOW_BYTES), start) : before
  const blocks = await deflateBlocks(chunk.subarray(start, start + SAMPLE_BYTES), window, 1)
  return blocks.length < SAMPLE_BYTES * 0.99
}
