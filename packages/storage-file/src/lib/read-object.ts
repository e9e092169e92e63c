import type { ByteStream } from '@coalmine/bytes'
import { type GetOptions, requireRange } from '@coalmine/storage'
import type { FileStorageEffects } from './effects.ts'
import { type Attempt, storageError } from './file-error.ts'

const pieceBytes = 524_288

/**
 * The bytes of a file, the next piece being read while the last one is used. The size is that of the moment it is
 * opened: what is added later is not read, and a file that has become shorter is an error.
 */
export async function* readObject(
  effects: FileStorageEffects,
  path: Buffer,
  attempt: Attempt & { readonly key: string },
  options: GetOptions,
): ByteStream {
  const { range, signal } = options
  const file = await effects.openFile(path)
  let ahead: Promise<Uint8Array> | undefined
  try {
    const { size, isFile } = await effects.factsOfFile(file)
    if (!isFile) throw storageError(attempt, 'failed', 'it is no regular file')
    const { start, end } = requireRange(range, size, attempt.key)
    let next = start
    const readNext = (): Promise<Uint8Array> | undefined => {
      if (next >= end) return undefined
      const at = next
      // One buffer per piece: whoever receives it keeps it.
      const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, end - at))
      next += buffer.length
      const reading = fill(effects, file, buffer, at).then((count) => {
        if (count === buffer.length) return buffer
        const reason = `the file ends after ${at + count} of ${size} bytes`
        throw storageError(attempt, 'short-body', reason)
      })
      // It is awaited when its turn comes; until then nobody listens.
      reading.catch(() => undefined)
      return reading
    }
    ahead = readNext()
    while (ahead !== undefined) {
      const piece: Uint8Array = await ahead
      signal?.throwIfAborted()
      ahead = readNext()
      yield piece
    }
  } finally {
    await ahead?.catch(() => undefined)
    await effects.closeFile(file)
  }
}

/** Reads until the buffer is full or the file ends; returns the bytes that came. */
async function fill(
  effects: FileStorageEffects,
  file: Awaited<ReturnType<FileStorageEffects['openFile']>>,
  buffer: Buffer,
  at: number,
): Promise<number> {
  let count = 0
  while (count < buffer.length) {
    const read = await effects.read(file, count === 0 ? buffer : buffer.subarray(count), at + count)
    if (read === 0) break
    count += read
  }
  return count
}
