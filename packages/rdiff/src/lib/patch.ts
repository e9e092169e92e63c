import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { BasisReader } from './basis-reader.ts'
import { DeltaDecoder } from './delta-decoder.ts'
import { Gatherer } from './gatherer.ts'

export interface PatchOptions {
  /**
   * What the delta may make at most, in bytes. A delta of ten bytes can ask for the whole basis, a thousand times: say
   * it wherever deltas come from outside. Unlimited by default.
   */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

/** Bytes of the delta decoded at a time: at most a third as many commands are in memory. */
const stepBytes = 65_536

/**
 * Applies an rdiff delta: the content that it describes, made from the basis it was computed against.
 *
 * Nothing is read before the first pull. It holds a chunk of the delta and at most 256 KiB of the basis, whatever the
 * lengths that the delta declares. Whether the basis is the right one, the format cannot tell.
 *
 * @param basis - The old content; opened for ranges, as the delta asks for them.
 * @param delta - The whole delta, to its end.
 * @throws RdiffError on a delta that is damaged, makes too much, or copies what the basis does not have. What was yielded
 * before is then worth nothing.
 * @example
 * const next = await collect(patch(fromBytes(old), fromChunks([delta]), { maxBytes: 1_000_000 }))
 */
export async function* patch(basis: ByteSource, delta: ByteStream, options: PatchOptions = {}): ByteStream {
  const { maxBytes = Number.POSITIVE_INFINITY, signal } = options
  if (!(maxBytes >= 0)) throw new RangeError(`Cannot make at most ${maxBytes} bytes: not a limit`)
  const decoder = new DeltaDecoder(basis.size, maxBytes)
  const reader = new BasisReader(basis)
  const output = new Gatherer()
  for await (const chunk of delta) {
    for (let at = 0; at < chunk.length; at += stepBytes) {
      for (const command of decoder.push(chunk.subarray(at, at + stepBytes))) {
        signal?.throwIfAborted()
        const piece = command.literal ?? reader.held(command.start, command.length)
        if (piece !== undefined) {
          for (const ready of output.add(piece)) yield ready
        } else if (command.literal === undefined) {
          for await (const part of reader.read(command.start, command.length)) {
            signal?.throwIfAborted()
            for (const ready of output.add(part)) yield ready
          }
        }
      }
    }
  }
  decoder.finish()
  for (const ready of output.flush()) yield ready
}
