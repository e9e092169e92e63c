import type { Inflate, InflateRaw } from 'node:zlib'
import { InflateError } from './inflate-error.ts'
import type { Input } from './input.ts'
import { type ByteStream, plainBytes } from './stream.ts'

/** The size of an engine's output buffer: larger ones cost memory traffic, smaller ones trips to the pool. */
export const ENGINE_OPTIONS = { chunkSize: 262_144 }
const JOIN_BYTES = 65_536

/**
 * Inflates up to the end of the compressed data and puts what was read too far back into the input.
 *
 * The engine works on the pool; two pieces of input are given to it ahead, so that it need not wait while the next
 * is pulled, and it makes at most one buffer of output before that is taken.
 */
export async function* inflateBody(input: Input, engine: Inflate | InflateRaw, format: string): ByteStream {
  let failure: Error | undefined
  let over = false
  let inputOver = false
  let waiting = 0
  // The pieces that the engine was given and may not have used up, and how much came before them.
  const given: Uint8Array[] = []
  let usedBytes = 0
  const dropUsed = () => {
    while (given.length > 0 && usedBytes + given[0]!.length <= engine.bytesWritten) usedBytes += given.shift()!.length
  }
  let wake = () => {}
  engine.on('error', (error) => {
    failure = error
    wake()
  })
  engine.on('end', () => {
    over = true
    wake()
  })
  engine.on('readable', () => {
    wake()
  })
  const written = () => {
    waiting -= 1
    wake()
  }
  try {
    for (;;) {
      const piece = engine.read() as Buffer | null
      if (piece !== null) {
        yield piece
      } else if (failure !== undefined) {
        throw inflateError(failure, format)
      } else if (over) {
        break
      } else if (waiting < 2 && !inputOver) {
        const chunk = await input.next()
        if (chunk === undefined) {
          inputOver = true
          engine.end()
        } else {
          waiting += 1
          dropUsed()
          given.push(chunk)
          engine.write(chunk, written)
        }
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    dropUsed()
    const [partly, ...untouched] = given
    if (partly !== undefined) input.unread([partly.subarray(engine.bytesWritten - usedBytes), ...untouched])
  } finally {
    engine.destroy()
  }
}

function inflateError(failure: NodeJS.ErrnoException, format: string): Error {
  switch (failure.code) {
    case 'Z_BUF_ERROR':
      return new InflateError('truncated', `Cannot inflate the ${format} data: it ends too early`, { cause: failure })
    case 'Z_DATA_ERROR':
    case 'Z_NEED_DICT':
      return new InflateError('corrupt', `Cannot inflate the ${format} data: ${failure.message}`, { cause: failure })
    default:
      // Out of memory and the like: not the data's fault.
      return failure
  }
}

/**
 * Joins pieces that lie side by side in one buffer, without copying, up to 64 KiB or more. Many small pieces of an
 * engine's output become few large ones, each at the latest when its buffer is full.
 */
export async function* joinNeighbours(pieces: ByteStream): ByteStream {
  let held: Uint8Array | undefined
  for await (const piece of pieces) {
    if (held === undefined) {
      held = piece
    } else if (held.buffer === piece.buffer && held.byteOffset + held.length === piece.byteOffset) {
      held = new Uint8Array(held.buffer, held.byteOffset, held.length + piece.length)
    } else {
      yield plainBytes(held)
      held = piece
    }
    if (held.length >= JOIN_BYTES) {
      yield plainBytes(held)
      held = undefined
    }
  }
  if (held !== undefined) yield plainBytes(held)
}
