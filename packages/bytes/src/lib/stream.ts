/**
 * Bytes in order. Chunks are never empty; whoever yields one never touches it again, whoever receives one never
 * writes to it. Nothing happens before the first pull; leaving the loop early lets go of what is held.
 */
export type ByteStream = AsyncIterable<Uint8Array>

/** A half-open range of byte offsets; `end` is exclusive. What is left out reaches to the edge. */
export interface ByteRange {
  readonly start?: number
  readonly end?: number
}

/** Bytes that may have to be sent twice: their size is known, and they can be opened again, whole or in part. */
export interface ByteSource {
  /** In bytes. */
  readonly size: number
  /** Where the same bytes lie as a local file, so that they can be copied or cloned instead of read. */
  readonly localPath?: string | Buffer
  /** @throws RangeError when the range does not lie within 0..size. */
  open(range?: ByteRange): ByteStream
}

/** The edges of a range within `size` bytes. */
export function resolveRange(range: ByteRange | undefined, size: number): { start: number; end: number } {
  const start = range?.start ?? 0
  const end = range?.end ?? size
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size)) {
    throw new RangeError(`Cannot open bytes ${start} to ${end}: the source has ${size}`)
  }
  return { start, end }
}

/** @throws RangeError when nothing could be read in chunks of this size. */
export function requireChunkBytes(chunkBytes: number): void {
  if (!(Number.isSafeInteger(chunkBytes) && chunkBytes > 0)) {
    throw new RangeError(`Cannot make chunks of ${chunkBytes} bytes: it takes a positive whole number`)
  }
}

/**
 * A source over bytes in memory. Chunks are views of `bytes` of at most `chunkBytes`.
 *
 * @throws RangeError when `chunkBytes` is not a positive whole number.
 */
export function fromBytes(bytes: Uint8Array, chunkBytes = 65_536): ByteSource {
  requireChunkBytes(chunkBytes)
  return {
    size: bytes.length,
    open(range) {
      const { start, end } = resolveRange(range, bytes.length)
      return (async function* () {
        for (let at = start; at < end; at += chunkBytes) yield bytes.subarray(at, Math.min(at + chunkBytes, end))
      })()
    },
  }
}

/** A stream of the given chunks; empty ones are left out. */
export async function* fromChunks(chunks: Iterable<Uint8Array>): ByteStream {
  for (const chunk of chunks) if (chunk.length > 0) yield chunk
}
