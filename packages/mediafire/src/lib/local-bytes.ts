import { open } from 'node:fs/promises'
import type { ByteRange, ByteSource, ByteStream } from '@coalmine/bytes'
import { badSource, type ReadOptions, sourceBytes } from './source-bytes.ts'

const pieceBytes = 1_048_576

/**
 * Fills `target` with the bytes of a local file from `start` on. Buffers count against Node's heap: a new one for each megabyte
 * of a file makes it collect garbage for a fifth of the time of an upload.
 *
 * @throws MediaFireError `bad-source` when the file ends before; what the file system throws.
 */
export async function readLocal(
  path: string | Buffer,
  start: number,
  target: Uint8Array,
  options: ReadOptions & { readonly onPiece?: (piece: Uint8Array) => void },
): Promise<void> {
  const file = await open(path, 'r')
  try {
    for (let got = 0; got < target.length;) {
      options.signal?.throwIfAborted()
      const { bytesRead } = await file.read(target, got, Math.min(pieceBytes, target.length - got), start + got)
      if (bytesRead === 0) throw badSource(`it ends after ${start + got} bytes`, options)
      options.onPiece?.(target.subarray(got, got + bytesRead))
      got += bytesRead
    }
  } finally {
    await file.close()
  }
}

/** As {@link sourceBytes}, but a chunk is good until the next one is asked for only: its memory is used again. */
export async function* borrowedBytes(
  source: ByteSource,
  range: ByteRange | undefined,
  options: ReadOptions,
): ByteStream {
  if (source.localPath === undefined) {
    yield* sourceBytes(source, range, options)
    return
  }
  const { start = 0, end = source.size } = range ?? {}
  const file = await open(source.localPath, 'r')
  try {
    let [current, next] = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)]
    const read = (at: number) => file.read(current, 0, Math.min(pieceBytes, end - at), at)
    let reading = read(start)
    for (let at = start; at < end;) {
      const { bytesRead } = await reading
      if (bytesRead === 0) throw badSource(`it ends after ${at} bytes`, options)
      const piece = current.subarray(0, bytesRead)
      at += bytesRead
      if (at < end) {
        // The next piece is read while this one is used.
        ;[current, next] = [next, current]
        reading = read(at)
        // It is awaited in the next round; this keeps a failure until then from counting as unhandled.
        reading.catch(() => undefined)
      }
      yield piece
    }
    await reading
  } finally {
    await file.close()
  }
}
