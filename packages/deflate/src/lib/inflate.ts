import { createInflate, createInflateRaw } from 'node:zlib'
import { inflateGzip } from './gzip-member.ts'
import { inflateBody, joinNeighbours, ENGINE_OPTIONS } from './inflate-body.ts'
import { InflateError } from './inflate-error.ts'
import { Input } from './input.ts'
import { abortable, type ByteStream } from './stream.ts'

export interface InflateOptions {
  /** `raw` deflate (RFC 1951), `zlib` (RFC 1950) or `gzip` (RFC 1952). */
  readonly format: 'raw' | 'zlib' | 'gzip'
  /** Plain bytes at most; what comes from outside should have a limit, somewhere. None. */
  readonly maxBytes?: number
  /**
   * What happens with stored bytes behind the compressed data:
   * - `refuse`: they are an error (the default)
   * - `ignore`: they are read to the end and dropped, so that a check that the stored stream makes at its end is made
   * - a function: gets them, once, when all plain bytes were taken. The stream it gets has to be read or left; until
   *   then the stored stream stays open. It is empty when nothing follows.
   *
   * For `gzip`, more members belong to the data, and zeros behind them are padding, which is not refused.
   */
  readonly trailing?: 'refuse' | 'ignore' | ((rest: ByteStream) => void)
  /** Stops the work; the stream then rejects with its reason. */
  readonly signal?: AbortSignal
}

/**
 * Inflates compressed data in constant memory, in chunks of mostly 64 to 256 KiB, on the libuv pool.
 *
 * What was yielded before an error is the right beginning of the content. The stored stream is read to its end, unless
 * there is an error or `trailing` is a function.
 *
 * @throws InflateError when the data is truncated, corrupt, followed by other bytes, or inflates to more than `maxBytes`.
 * What the stored stream throws comes through as it is.
 */
export function inflate(stored: ByteStream, options: InflateOptions): ByteStream {
  const { format, maxBytes = Number.POSITIVE_INFINITY } = options
  if (format !== 'raw' && format !== 'zlib' && format !== 'gzip') {
    throw new TypeError(`Cannot inflate "${String(format)}" data: the formats are raw, zlib and gzip`)
  }
  if (!(maxBytes >= 0)) throw new RangeError(`Cannot inflate up to ${maxBytes} bytes: a limit is 0 or more`)
  return inflateWithin(stored, maxBytes, options)
}

async function* inflateWithin(stored: ByteStream, maxBytes: number, options: InflateOptions): ByteStream {
  const { format, trailing = 'refuse', signal } = options
  const input = new Input(abortable(stored, signal))
  let bytes = 0
  try {
    for await (const piece of joinNeighbours(plainPieces(input, format))) {
      signal?.throwIfAborted()
      bytes += piece.length
      if (bytes > maxBytes) {
        throw new InflateError('too-large', `Cannot inflate the ${format} data: it has more than ${maxBytes} bytes`)
      }
      yield piece
    }
    if (typeof trailing === 'function') trailing(input.release())
    else await readTrailing(input.release(), format, trailing)
  } catch (error) {
    // What went wrong first is what tells; a stream that cannot even be left has nothing to add.
    await input.close().catch(() => {})
    throw error
  } finally {
    await input.close()
  }
}

function plainPieces(input: Input, format: InflateOptions['format']): ByteStream {
  if (format === 'gzip') return inflateGzip(input)
  const engine = format === 'raw' ? createInflateRaw(ENGINE_OPTIONS) : createInflate(ENGINE_OPTIONS)
  return inflateBody(input, engine, format)
}

async function readTrailing(rest: ByteStream, format: InflateOptions['format'], trailing: 'refuse' | 'ignore') {
  for await (const piece of rest) {
    if (trailing === 'ignore') continue
    if (format === 'gzip' && piece.every((value) => value === 0)) continue
    throw new InflateError('trailing', `Cannot inflate the ${format} data: other bytes follow it`)
  }
}
