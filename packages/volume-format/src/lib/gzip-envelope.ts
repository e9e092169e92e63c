import { crc32 } from 'node:zlib'
import { concat, type ByteStream } from '@coalmine/bytes'
import { deflate, deflateLagBytes, inflate } from '@coalmine/deflate'
import type { Envelope } from './envelope.ts'

export interface GzipOptions {
  /** 0 (stored only) to 9; 4 by default. */
  level?: number
  /** Plain bytes of one deflate job; 262,144. */
  chunkBytes?: number
  /** How many chunks are deflated at a time; as many as there are cores by default. */
  parallel?: number
  /** The time in the header, epoch seconds; by default the time when an object is begun. 0 says none. */
  mtime?: number
  signal?: AbortSignal
}

/**
 * Volumes and signatures as gzip files, manifests as they are: what `--no-encryption` writes. Files of several members
 * are read as gzip(1) does. What is damaged throws an `InflateError` of `@coalmine/deflate`.
 *
 * @throws RangeError at once when an option is out of range.
 */
export function gzipEnvelope(options: GzipOptions = {}): Envelope {
  const { level, chunkBytes, parallel, mtime, signal } = options
  if (mtime !== undefined && !(Number.isInteger(mtime) && mtime >= 0 && mtime < 2 ** 32)) {
    throw new RangeError(`Cannot write the time ${mtime} into a gzip header: it is no whole second since 1970`)
  }
  return {
    suffixOf: (kind) => (kind === 'manifest' ? '' : '.gz'),
    seal: (kind, plain) => (kind === 'manifest' ? plain : gzip(plain, options)),
    open: (kind, stored) => (kind === 'manifest' ? stored.open() : inflate(stored.open(), { format: 'gzip', signal })),
    lagBytes: deflateLagBytes({ level, chunkBytes, parallel }),
  }
}

async function* gzip(plain: ByteStream, { level, chunkBytes, parallel, mtime, signal }: GzipOptions): ByteStream {
  let checksum = 0
  let length = 0
  async function* measured(): ByteStream {
    for await (const chunk of plain) {
      checksum = crc32(chunk, checksum)
      length += chunk.length
      yield chunk
    }
  }
  let header: Uint8Array | undefined = gzipHeader(mtime ?? Math.floor(Date.now() / 1000))
  for await (const chunk of deflate(measured(), { level, chunkBytes, parallel, signal })) {
    yield header === undefined ? chunk : concat([header, chunk])
    header = undefined
  }
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(checksum, 0)
  trailer.writeUInt32LE(length % 2 ** 32, 4)
  yield trailer
}

/** As Python's gzip module writes it for a nameless file: deflate, no flags, an unknown system. */
function gzipHeader(mtime: number): Uint8Array {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
  header.writeUInt32LE(mtime, 4)
  return header
}
