import { createCipheriv } from 'node:crypto'
import type { ByteRange, ByteSource, ByteStream } from '@coalmine/bytes'

/** Bytes that look like chance and are the same each time, so that a shifted or swapped piece shows. */
export function noise(size: number, seed: number): Uint8Array {
  const key = Buffer.alloc(16)
  key.writeUInt32LE(seed, 0)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

/** A source that counts the streams it gave and those that were let go of. */
export function countedSource(bytes: Uint8Array, size = bytes.length) {
  const count = { opened: 0, closed: 0 }
  const source: ByteSource = {
    size,
    open(range) {
      const piece = cut(bytes, range, size)
      return (async function* () {
        count.opened += 1
        try {
          for (let at = 0; at < piece.length; at += 65_536) yield piece.subarray(at, at + 65_536)
        } finally {
          count.closed += 1
        }
      })()
    },
  }
  return { source, count }
}

/** What a range of a source holds, also when it has other bytes than its size says. */
function cut(bytes: Uint8Array, range: ByteRange | undefined, size: number): Uint8Array {
  const end = range?.end ?? size
  return end >= size ? bytes.subarray(range?.start ?? 0) : bytes.subarray(range?.start ?? 0, end)
}

/** A source that gives the bytes before `at`, then fails. */
export function failingSource(bytes: Uint8Array, at: number, error: Error): ByteSource {
  return gatedSource(bytes, at, () => Promise.reject(error))
}

/** A source that gives the bytes before `at`, and the others once the gate lets them through. */
export function gatedSource(bytes: Uint8Array, at: number, gate: () => Promise<void>): ByteSource {
  return {
    size: bytes.length,
    open(range): ByteStream {
      const start = range?.start ?? 0
      const end = range?.end ?? bytes.length
      return (async function* () {
        for (let from = start; from < end;) {
          if (from >= at) await gate()
          const to = Math.min(from + 65_536, end, from < at ? at : end)
          yield bytes.subarray(from, to)
          from = to
        }
      })()
    },
  }
}

/** A gate that stays shut until it is opened, and tells when somebody stands before it. */
export function createGate() {
  let open: () => void = () => undefined
  let arrive: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const reached = new Promise<void>((resolve) => (arrive = resolve))
  const gate = (): Promise<void> => {
    arrive()
    return opened
  }
  return { gate, open, reached }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
