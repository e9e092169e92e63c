import { type ByteRange, type ByteSource, type ByteStream, concat } from '@coalmine/bytes'
import type { ScratchFile } from '@coalmine/filetree'

// A file below this is patched in memory.
const memoryBytes = 32 << 20
const readBytes = 1 << 20

/**
 * Holds one state of a file while the next is made from it. Small ones stay in memory; larger ones lie in a file without
 * a name, on the disk that is restored to, so that plain content is nowhere where it would not be anyway.
 */
export class Scratch {
  readonly #openFile: () => ScratchFile
  readonly #limitBytes: number
  #pieces: Uint8Array[] = []
  #file: ScratchFile | undefined
  #bytes = 0

  /**
   * @param openFile - Called when more than fits in memory comes; what it throws comes out.
   * @param limitBytes - What fits in memory.
   */
  constructor(openFile: () => ScratchFile, limitBytes = memoryBytes) {
    this.#openFile = openFile
    this.#limitBytes = limitBytes
  }

  async fill(content: ByteStream): Promise<ByteSource> {
    for await (const chunk of content) this.#write(chunk)
    return this.#source()
  }

  close(): void {
    this.#pieces = []
    this.#file?.close()
    this.#file = undefined
  }

  #write(chunk: Uint8Array): void {
    if (this.#file === undefined && this.#bytes + chunk.length <= this.#limitBytes) {
      this.#pieces.push(chunk)
    } else {
      if (this.#file === undefined) this.#moveToFile()
      this.#file!.write(chunk)
    }
    this.#bytes += chunk.length
  }

  #moveToFile(): void {
    this.#file = this.#openFile()
    for (const piece of this.#pieces) this.#file.write(piece)
    this.#pieces = []
  }

  #source(): ByteSource {
    const size = this.#bytes
    const file = this.#file
    if (file === undefined) {
      const whole = concat(this.#pieces)
      // Held once, not twice.
      this.#pieces = []
      return { size, open: (range) => inMemory(whole, range) }
    }
    return { size, open: (range) => onDisk(file, size, range) }
  }
}

async function* inMemory(bytes: Uint8Array, { start = 0, end = bytes.length }: ByteRange = {}): ByteStream {
  if (end > start) yield bytes.subarray(start, end)
}

async function* onDisk(file: ScratchFile, size: number, { start = 0, end = size }: ByteRange = {}): ByteStream {
  for (let at = start; at < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, end - at))
    const count = file.read(buffer, at)
    if (count === 0) throw new Error(`Cannot read the scratch file to byte ${end}: it ends at ${at}`)
    yield buffer.subarray(0, count)
    at += count
  }
}
