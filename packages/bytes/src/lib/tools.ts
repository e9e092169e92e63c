import { type ByteStream, requireChunkBytes } from './stream.ts'

/** More bytes came than the reader was ready to hold. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError'
  readonly code = 'too-large'
  readonly limitBytes: number

  constructor(limitBytes: number) {
    super(`Cannot hold the stream: it has more than ${limitBytes} bytes`)
    this.limitBytes = limitBytes
  }
}

/** One array with the bytes of all; a single chunk is returned as it is. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!
  let length = 0
  for (const chunk of chunks) length += chunk.length
  // A large one is not filled with zeros first: every byte is written below.
  const all = length < 4096 ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

/**
 * The whole stream as one array.
 *
 * @param options.maxBytes - What to hold at most; for bytes from outside always say it.
 * @throws TooLargeError when more comes.
 */
export async function collect(stream: ByteStream, options: { maxBytes?: number } = {}): Promise<Uint8Array> {
  const { maxBytes = Number.POSITIVE_INFINITY } = options
  if (!(maxBytes >= 0)) throw new RangeError(`Cannot hold at most ${maxBytes} bytes: a limit is 0 or more`)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length > maxBytes) throw new TooLargeError(maxBytes)
    chunks.push(chunk)
  }
  return concat(chunks)
}

/** The same bytes in chunks of exactly `size`, the last one shorter. Chunks that fit already are passed on uncopied. */
export async function* rechunk(stream: ByteStream, size: number): ByteStream {
  requireChunkBytes(size)
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of stream) {
    let at = 0
    if (heldBytes > 0) {
      const wanted = Math.min(size - heldBytes, chunk.length)
      held.push(chunk.subarray(0, wanted))
      heldBytes += wanted
      at = wanted
      if (heldBytes < size) continue
      yield concat(held)
      held = []
      heldBytes = 0
    }
    for (; chunk.length - at >= size; at += size) yield chunk.subarray(at, at + size)
    if (at < chunk.length) {
      held.push(chunk.subarray(at))
      heldBytes = chunk.length - at
    }
  }
  if (heldBytes > 0) yield concat(held)
}

/**
 * The first `count` bytes of the stream, or all if there are fewer. Nothing is pulled after them, or at all when
 * `count` is 0.
 *
 * @throws RangeError when `count` is negative or not a number.
 */
export async function* take(stream: ByteStream, count: number): ByteStream {
  if (!(count >= 0)) throw new RangeError(`Cannot take ${count} bytes: it takes 0 or more`)
  let left = count
  if (left === 0) return
  for await (const chunk of stream) {
    if (chunk.length >= left) {
      yield chunk.subarray(0, left)
      return
    }
    left -= chunk.length
    yield chunk
  }
}

/** Whether both hold the same bytes. Not for secrets: the time it takes tells where they differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
