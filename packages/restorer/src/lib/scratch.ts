import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { type ByteRange, type ByteSource, type ByteStream, concat, displayPath, rawFromBytes } from '@coalmine/bytes'
import { RestoreError } from './errors.ts'

// A file below this is patched in memory.
const memoryBytes = 32 << 20
const readBytes = 1 << 20

/**
 * Holds one state of a file while the next is made from it. Small ones stay in memory; larger ones lie in a file without
 * a name, in the folder that is restored into, so that plain content is nowhere where it would not be anyway.
 */
export class Scratch {
  readonly #folder: Buffer
  readonly #limitBytes: number
  #pieces: Uint8Array[] = []
  #descriptor: number | undefined
  #bytes = 0

  /**
   * @param folder - Exists when more than fits in memory comes.
   * @param limitBytes - What fits in memory.
   */
  constructor(folder: Buffer, limitBytes = memoryBytes) {
    this.#folder = folder
    this.#limitBytes = limitBytes
  }

  /** @throws RestoreError `scratch` when the folder does not take it. */
  async fill(content: ByteStream): Promise<ByteSource> {
    for await (const chunk of content) this.#write(chunk)
    return this.#source()
  }

  close(): void {
    this.#pieces = []
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #write(chunk: Uint8Array): void {
    if (this.#descriptor === undefined && this.#bytes + chunk.length <= this.#limitBytes) {
      this.#pieces.push(chunk)
    } else {
      try {
        this.#descriptor ??= this.#moveToFile()
        writeAll(this.#descriptor, chunk)
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        const what = `Cannot keep a large file for patching in "${displayPath(rawFromBytes(this.#folder))}"`
        throw new RestoreError('scratch', `${what}: ${reason}`, { cause: error })
      }
    }
    this.#bytes += chunk.length
  }

  #moveToFile(): number {
    const name = Buffer.from(`/.coalmine-${randomBytes(8).toString('hex')}`)
    const path = Buffer.concat([this.#folder, name])
    const descriptor = openSync(path, 'wx+', 0o600)
    try {
      unlinkSync(path)
      for (const piece of this.#pieces) writeAll(descriptor, piece)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
    this.#pieces = []
    return descriptor
  }

  #source(): ByteSource {
    const size = this.#bytes
    const descriptor = this.#descriptor
    if (descriptor === undefined) {
      const whole = concat(this.#pieces)
      // Held once, not twice.
      this.#pieces = []
      return { size, open: (range) => inMemory(whole, range) }
    }
    return { size, open: (range) => onDisk(descriptor, size, range) }
  }
}

async function* inMemory(bytes: Uint8Array, { start = 0, end = bytes.length }: ByteRange = {}): ByteStream {
  if (end > start) yield bytes.subarray(start, end)
}

async function* onDisk(descriptor: number, size: number, { start = 0, end = size }: ByteRange = {}): ByteStream {
  for (let at = start; at < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, end - at))
    const count = readSync(descriptor, buffer, 0, buffer.length, at)
    if (count === 0) throw new Error(`Cannot read the scratch file to byte ${end}: it ends at ${at}`)
    yield buffer.subarray(0, count)
    at += count
  }
}

function writeAll(descriptor: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length;) at += writeSync(descriptor, chunk, at)
}
