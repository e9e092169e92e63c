import { open, stat } from 'node:fs/promises'
import { UnexpectedEndError } from './byte-reader.ts'
import { displayPath } from './display-path.ts'
import { rawFromBytes, rawFromText } from './raw-path.ts'
import { type ByteSource, type ByteStream, requireChunkBytes, resolveRange } from './stream.ts'

export interface FileSourceOptions {
  /** Bytes read at a time; 256 KiB. */
  readonly chunkBytes?: number
  /** Known size in bytes; asked of the file system otherwise. */
  readonly size?: number
}

/**
 * A source over a local file.
 *
 * The size is taken once. A file that is shorter when it is read fails with an {@link UnexpectedEndError}, one that is
 * longer is cut there. Each stream opens the file at its first pull and closes it when its loop ends or is left.
 *
 * @throws what the file system throws (`code`: `ENOENT`, `EACCES`…), from here or on the first pull.
 * @throws Error when it is something without a size, such as a folder, a fifo or a device, and no size is given.
 */
export async function fromFile(path: string | Buffer, options: FileSourceOptions = {}): Promise<ByteSource> {
  const { chunkBytes = 262_144, size = await sizeOf(path) } = options
  requireChunkBytes(chunkBytes)
  if (!(Number.isSafeInteger(size) && size >= 0))
    throw new RangeError(`Cannot read ${quoted(path)}: its size is ${size}`)
  return {
    size,
    localPath: path,
    open(range) {
      const { start, end } = resolveRange(range, size)
      return readFile(path, start, end, chunkBytes)
    },
  }
}

async function sizeOf(path: string | Buffer): Promise<number> {
  const stats = await stat(path)
  if (!stats.isFile()) throw new Error(`Cannot read ${quoted(path)}: it is not a regular file`)
  return stats.size
}

async function* readFile(path: string | Buffer, start: number, end: number, chunkBytes: number): ByteStream {
  const file = await open(path, 'r')
  try {
    let at = start
    while (at < end) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - at))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) {
        const message = `Cannot read ${quoted(path)} to byte ${end}: the file ends at ${at}`
        throw new UnexpectedEndError(end - start, at - start, message)
      }
      yield new Uint8Array(buffer.buffer, 0, bytesRead)
      at += bytesRead
    }
  } finally {
    await file.close()
  }
}

function quoted(path: string | Buffer): string {
  return `"${displayPath(typeof path === 'string' ? rawFromText(path) : rawFromBytes(path))}"`
}
