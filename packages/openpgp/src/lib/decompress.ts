import { ByteReader, type ByteStream } from '@coalmine/bytes'
import { inflate, InflateError } from '@coalmine/deflate'
import { bunzip2, Bzip2Error } from './bunzip2.ts'
import { cannotDecrypt } from './errors.ts'

/** The packets in a compressed data packet's body: an octet for the algorithm, then what it made. */
export async function* decompress(body: ByteStream): ByteStream {
  const reader = new ByteReader(body)
  const [algorithm] = await reader.readUpTo(1)
  try {
    yield* decompressor(algorithm)(reader.rest())
  } catch (error) {
    if (!(error instanceof InflateError || error instanceof Bzip2Error)) throw error
    throw cannotDecrypt('damaged', 'its compressed data does not decompress', error)
  }
}

function decompressor(algorithm: number | undefined): (stored: ByteStream) => ByteStream {
  switch (algorithm) {
    case 0:
      return (stored) => stored
    case 1:
      return (stored) => inflate(stored, { format: 'raw' })
    case 2:
      return (stored) => inflate(stored, { format: 'zlib' })
    case 3:
      return bunzip2
    default:
      throw cannotDecrypt('unsupported', `it is compressed by algorithm ${algorithm ?? 'none'}, which is not supported`)
  }
}
