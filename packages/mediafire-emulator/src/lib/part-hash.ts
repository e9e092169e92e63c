import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

/** The SHA-256 of a file that is still being written; it follows the bytes that are there to stay. */
export interface PartHash {
  /** So many bytes from the beginning on will not change any more: they are hashed, beside whatever else goes on. */
  follow(bytes: number): void
  /** Resolves when nothing is hashed any more, whether that went well or not. */
  idle(): Promise<void>
  /** The hash of the first `size` bytes. To be asked once. @throws what the file system throws, or has thrown before. */
  end(size: number): Promise<string>
}

const pieceBytes = 2 ** 21

export function createPartHash(path: string): PartHash {
  const hash = createHash('sha256')
  let at = 0
  let stable = 0
  let running: Promise<void> = Promise.resolve()

  const goOn = async (): Promise<void> => {
    if (at >= stable) return
    const file = await open(path, 'r')
    try {
      let [current, next] = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)]
      let reading = file.read(current, 0, pieceBytes, at)
      while (at < stable) {
        const { bytesRead } = await reading
        if (bytesRead === 0) throw new Error('What was received has become shorter')
        const piece = current.subarray(0, Math.min(bytesRead, stable - at))
        at += piece.length
        // The next piece is read while this one is hashed.
        if (at < stable) {
          ;[current, next] = [next, current]
          reading = file.read(current, 0, pieceBytes, at)
          // It is awaited in the next round; this keeps a failure until then from counting as unhandled.
          reading.catch(() => undefined)
        }
        hash.update(piece)
      }
    } finally {
      await file.close()
    }
  }
  const follow = (bytes: number): void => {
    stable = Math.max(stable, bytes)
    running = running.then(goOn)
    // Whoever asks for the end is told.
    running.catch(() => undefined)
  }
  return {
    follow,
    async idle() {
      await running.catch(() => undefined)
    },
    async end(size) {
      follow(size)
      await running
      return hash.digest('hex')
    },
  }
}
