/** Bytes in order. Chunks are not empty; whoever yields one never touches it again, whoever receives one never writes to it. */
export type ByteStream = AsyncIterable<Uint8Array>

/**
 * The same bytes in chunks of exactly `size`, the last one shorter. A chunk is cut from what came without copying
 * where it lies in one piece. Nothing is pulled while a whole chunk is at hand.
 */
export async function* rechunk(stream: ByteStream, size: number): ByteStream {
  let held: Uint8Array[] = []
  let missing = size
  for await (const piece of stream) {
    let at = 0
    while (piece.length - at >= missing) {
      const part = piece.subarray(at, at + missing)
      at += missing
      missing = size
      if (held.length === 0) {
        yield part
      } else {
        held.push(part)
        const whole = Buffer.concat(held)
        held = []
        yield whole
      }
    }
    if (at < piece.length) {
      held.push(at === 0 ? piece : piece.subarray(at))
      missing -= piece.length - at
    }
  }
  if (held.length > 0) yield Buffer.concat(held)
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it aborts. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason)
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    // Both ways are handled here, so what fails after the abort is no unhandled rejection.
    promise
      .finally(() => {
        signal.removeEventListener('abort', abort)
      })
      .then(resolve, reject)
  })
}

/**
 * The same stream; when the signal aborts, a waiting pull rejects with its reason at once, even if the stream itself
 * knows nothing of the signal.
 */
export function abortable(stream: ByteStream, signal: AbortSignal | undefined): ByteStream {
  return signal === undefined ? stream : pullUntilAborted(stream, signal)
}

async function* pullUntilAborted(stream: ByteStream, signal: AbortSignal): ByteStream {
  const iterator = stream[Symbol.asyncIterator]()
  let state: 'between' | 'pulling' | 'over' = 'between'
  try {
    for (;;) {
      signal.throwIfAborted()
      state = 'pulling'
      const pull = iterator.next()
      const next = await unlessAborted(pull, signal)
      state = next.done === true ? 'over' : 'between'
      if (next.done === true) return
      yield next.value
    }
  } catch (error) {
    if (signal.aborted) {
      // The stream may still be busy with the last pull, so its answer is not waited for, and what it says no longer
      // matters: the abort does.
      iterator.return?.().then(undefined, () => {})
      state = 'over'
    } else if (state === 'pulling') {
      // It failed by itself: there is nothing left to stop.
      state = 'over'
    }
    throw error
  } finally {
    if (state !== 'over') await iterator.return?.()
  }
}

/**
 * The same bytes as a plain array: a `Buffer` has methods that mean something else, `slice()` for one. It is a view,
 * unless that would keep a buffer alive of which it needs less than a quarter.
 */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.length * 4 < bytes.buffer.byteLength ? view.slice() : view
}
