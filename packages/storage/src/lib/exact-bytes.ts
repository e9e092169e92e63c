import type { ByteRange, ByteSource, ByteStream } from '@coalmine/bytes'
import { quoteKey } from './keys.ts'
import { StorageError } from './storage-error.ts'
import { untilAborted } from './waiting.ts'

export interface SourceBytesOptions {
  /** Of the put that reads the source. */
  readonly key: string
  readonly range?: ByteRange
  readonly signal?: AbortSignal
}

/**
 * For backends: the bytes of what `put` was given, exactly as many as the source (or the range) has. Rejects with the
 * signal's reason also while the source makes it wait, and lets go of the source in any case.
 *
 * @throws StorageError `bad-source` when fewer or more bytes come. The source's own errors come out as they are.
 */
export function sourceBytes(source: ByteSource, options: SourceBytesOptions): ByteStream {
  const { key, range, signal } = options
  const start = range?.start ?? 0
  const due = (range?.end ?? source.size) - start
  return exactly(
    () => source.open(range),
    due,
    signal,
    (got, ended) => {
      const message = `Cannot put ${quoteKey(key)}: its source has ${countOf(due, got, ended)}`
      return new StorageError('bad-source', message, { operation: 'put', key })
    },
  )
}

export interface BodyBytesOptions {
  /** Of the get that reads the body. */
  readonly key: string
  readonly signal?: AbortSignal
}

/**
 * For backends: the body of an object as a service sends it, exactly as many bytes as it announced.
 *
 * @throws StorageError `short-body` when fewer come, `mismatch` when more do.
 */
export function bodyBytes(body: ByteStream, size: number, options: BodyBytesOptions): ByteStream {
  const { key, signal } = options
  return exactly(
    () => body,
    size,
    signal,
    (got, ended) => {
      const message = `Cannot get ${quoteKey(key)}: its body has ${countOf(size, got, ended)}`
      return new StorageError(ended ? 'short-body' : 'mismatch', message, { operation: 'get', key })
    },
  )
}

function countOf(due: number, got: number, ended: boolean): string {
  return ended ? `${got} bytes where ${due} were due` : `more than the ${due} bytes that were due`
}

async function* exactly(
  open: () => ByteStream,
  due: number,
  signal: AbortSignal | undefined,
  wrong: (got: number, ended: boolean) => StorageError,
): ByteStream {
  signal?.throwIfAborted()
  const iterator = open()[Symbol.asyncIterator]()
  let got = 0
  let over = false
  try {
    for (;;) {
      const next = await untilAborted(iterator.next(), signal)
      if (next.done === true) {
        over = true
        break
      }
      got += next.value.length
      if (got > due) throw wrong(got, false)
      if (next.value.length > 0) yield next.value
    }
    if (got < due) throw wrong(got, true)
  } finally {
    if (!over) await letGo(iterator, signal)
  }
}

/**
 * Ends an iteration early. After an abort nothing is waited for: a pull may still be under way, and a generator does not
 * return before it has come back.
 */
async function letGo(iterator: AsyncIterator<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
  const returned = iterator.return?.()
  if (signal?.aborted !== true) {
    await returned
    return
  }
  // The reason of the abort is what the caller hears; a stream that fails while it is let go of adds nothing to that.
  returned?.catch(() => undefined)
}
