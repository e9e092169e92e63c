import { type ByteSource, type ByteStream, UnexpectedEndError } from '@coalmine/bytes'
import type { LocalEffects } from './local-effects.ts'

const readBytes = 1 << 20

/** An open file that streams read from; whoever opened it closes it when nobody reads any more. */
export interface Readable {
  readonly size: number
  readonly path: string
  /** The descriptor, for the time of one stream. */
  take(): number
  /** The stream is over. */
  giveBack(descriptor: number): void
}

/** The bytes of a local file, as often and in what ranges they are asked for. */
export function localSource(effects: LocalEffects, file: Readable): ByteSource {
  return {
    size: file.size,
    localPath: file.path,
    open({ start = 0, end = file.size } = {}) {
      if (
        !(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= file.size)
      ) {
        throw new RangeError(`Cannot open bytes ${start} to ${end} of "${file.path}": it has ${file.size}`)
      }
      return stream(effects, file, start, end)
    },
  }
}

async function* stream(effects: LocalEffects, file: Readable, start: number, end: number): ByteStream {
  const descriptor = file.take()
  try {
    for (let at = start; at < end;) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, end - at))
      const count = await effects.read(descriptor, buffer, at)
      if (count === 0) {
        const message = `Cannot read "${file.path}" to byte ${end}: the file ends at ${at}`
        throw new UnexpectedEndError(end - start, at - start, message)
      }
      yield new Uint8Array(buffer.buffer, 0, count)
      at += count
    }
  } finally {
    file.giveBack(descriptor)
  }
}
