import type { ByteStream } from '@coalmine/bytes'
import { DeltaEncoder } from './delta-encoder.ts'
import type { DeltaIndex } from './delta-index.ts'
import { Gatherer } from './gatherer.ts'
import type { Signature } from './signature-decoder.ts'

export interface DeltaOptions {
  readonly signal?: AbortSignal
}

/**
 * The delta that makes `content` of the basis that was signed, as `rdiff delta` would make it, or shorter.
 *
 * Nothing is read before the first pull. It holds about three blocks and a MiB, beside the index of the signature.
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
  const output = new Gatherer()
  for await (const chunk of content) {
    signal?.throwIfAborted()
    for (const part of encoder.push(chunk)) for (const ready of output.add(part)) yield ready
  }
  for (const part of encoder.finish()) for (const ready of output.add(part)) yield ready
  for (const ready of output.flush()) yield ready
}
