import { open, stat } from 'node:fs/promises'
import { type ByteSource, resolveRange } from './stream.ts'

export interface FileSourceOptions {
  /** Bytes read at a time; 256 KiB. */
  readonly chunkBytes?: number
  /** Known size in bytes; asked of the file system otherwise. */
  readonly size?: number
}

/**
 * A source over a local file.
 *
 * The size is taken once. A file that is shorter when it is read fails with a sentence, a longer one is cut.
 */
export async function fromFile(path: string | Buffer, options: FileSourceOptions = {}): Promise<ByteSource> {
  const { chunkBytes = 262_144, size = (await stat(path)).size } = options
  return {
    size,
    localPath: path,
    open(range) {
      const { start, end } = resolveRange(range, size)
      return readFile(path, start, end, chunkBytes)
    },
  }
}

async function* readFile(path: string | Buffer, start: number, end: number, chunkBytes: number) {
  const file = await open(path, 'r')
  try {
    let at = start
    while (at < end) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - at))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) throw new Error(`Cannot read "${path.toString()}" to byte ${end}: the file ends at ${at}`)
      yield buffer.subarray(0, bytesRead) as Uint8Array
      at += bytesRead
    }
  } finally {
    await file.close()
  }
}
