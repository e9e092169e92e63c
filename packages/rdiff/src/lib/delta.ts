import type { ByteStream } from '@coalmine/bytes'
import { DeltaEncoder } from './delta-encoder.ts'
import type { DeltaIndex } from './delta-index.ts'
import type { Signature } from './signature-decoder.ts'

export interface DeltaOptions {
  readonly signal?: AbortSignal
}

/**
 * The delta that makes `content` of the basis that was signed, as `rdiff delta` would make it, or shorter.
 *
 * Nothing is read before the first pull. It holds about three blocks, 64 KiB of content and a literal of 32 KiB, beside
 * the index of the signature.
 *
 * @param content - The new content, in order.
 * @param basis - The signature of the old content, or an index of it, which several deltas may share.
 * @throws RangeError when the signature contradicts itself.
 * @example
 * const basis = await readSignature(fromChunks([signed]))
 * const difference = await collect(delta(fromBytes(next).open(), basis))
 */
export async function* delta(
  content: ByteStream,
  basis: Signature | DeltaIndex,
  options: DeltaOptions = {},
): ByteStream {
  const { signal } = options
  signal?.throwIfAborted()
  const encoder = new DeltaEncoder(basis)
  for await (const chunk of content) {
    signal?.throwIfAborted()
    yield* encoder.push(chunk)
  }
  yield* encoder.finish()
}
