import { concat } from '@coalmine/bytes'
import { RdiffError } from './rdiff-error.ts'

/** What a delta says to do next: put these bytes, or bytes of the basis. */
export type DeltaCommand =
  | { readonly literal: Uint8Array; /** Where in the delta these bytes begin. */ readonly at: number }
  | { readonly literal?: undefined; readonly start: number; readonly length: number }

const magic = 0x72730236

/**
 * Reads the commands of a delta. Literals are views of the chunks, in as many parts as the chunks cut them into; copies
 * that go on where the last one ended are one command. Nothing declared is allocated.
 */
export class DeltaDecoder {
  readonly #basisBytes: number
  readonly #maxBytes: number
  #held: Uint8Array = new Uint8Array(0)
  #begun = false
  #ended = false
  #literalLeft = 0
  #copy: { start: number; length: number } | undefined
  #read = 0
  #made = 0

  /**
   * @param basisBytes - How many bytes there are to copy from.
   * @param maxBytes - What the delta may make at most; looked at when a command comes, before its bytes.
   */
  constructor(basisBytes: number, maxBytes: number) {
    this.#basisBytes = basisBytes
    this.#maxBytes = maxBytes
  }

  /** @throws RdiffError `unsupported`, `corrupt`, `basis`, `too-large` or `trailing`. */
  push(chunk: Uint8Array): DeltaCommand[] {
    const commands: DeltaCommand[] = []
    const bytes = this.#held.length === 0 ? chunk : concat([this.#held, chunk])
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    // The offset of bytes[0] in the delta.
    const base = this.#read - this.#held.length
    this.#read += chunk.length
    let at = 0
    while (at < bytes.length) {
      if (this.#literalLeft > 0) {
        const end = Math.min(bytes.length, at + this.#literalLeft)
        commands.push({ literal: bytes.subarray(at, end), at: base + at })
        this.#literalLeft -= end - at
        at = end
        continue
      }
      const next = this.#command(view, at, base, commands)
      if (next === undefined) break
      at = next
    }
    // At most 16 bytes of a command that goes on in the next chunk; a Buffer's slice would be no copy.
    this.#held = new Uint8Array(bytes.subarray(at))
    return commands
  }

  /** @throws RdiffError `truncated`. */
  finish(): void {
    if (this.#ended) return
    const place =
      this.#literalLeft > 0 ? `${this.#literalLeft} bytes of a literal were due` : 'the end command is missing'
    throw new RdiffError('truncated', `Cannot apply a delta: it ends after ${this.#read} bytes, and ${place}`)
  }

  /** Reads the magic or one command; where the next one begins, or `undefined` if it is not all there. */
  #command(view: DataView, at: number, base: number, commands: DeltaCommand[]): number | undefined {
    if (this.#ended) {
      throw new RdiffError('trailing', `Cannot apply a delta: there are bytes behind its end at ${base + at}`)
    }
    if (!this.#begun) {
      if (view.byteLength - at < 4) return undefined
      if (view.getUint32(at) !== magic) {
        const text = view.getUint32(at).toString(16).padStart(8, '0')
        throw new RdiffError('unsupported', `Cannot apply a delta: it begins with "${text}" and not with "72730236"`)
      }
      this.#begun = true
      return at + 4
    }
    const code = view.getUint8(at)
    if (code === 0) {
      this.#flushCopy(commands)
      this.#ended = true
      return at + 1
    }
    if (code <= 0x40) {
      this.#startLiteral(code, base + at, commands)
      return at + 1
    }
    if (code > 0x54) {
      const facts = `the command at ${base + at} is "${code.toString(16)}", which is not in use`
      throw new RdiffError('corrupt', `Cannot apply a delta: ${facts}`)
    }
    const firstBytes = code <= 0x44 ? 1 << (code - 0x41) : 1 << ((code - 0x45) >> 2)
    const secondBytes = code <= 0x44 ? 0 : 1 << ((code - 0x45) & 3)
    const end = at + 1 + firstBytes + secondBytes
    if (end > view.byteLength) return undefined
    const first = readUnsigned(view, at + 1, firstBytes)
    if (secondBytes === 0) this.#startLiteral(first, base + at, commands)
    else this.#startCopy(first, readUnsigned(view, at + 1 + firstBytes, secondBytes), base + at, commands)
    return end
  }

  #startLiteral(length: number, offset: number, commands: DeltaCommand[]): void {
    this.#flushCopy(commands)
    this.#count(length, offset, 'literal')
    this.#literalLeft = length
  }

  #startCopy(start: number, length: number, offset: number, commands: DeltaCommand[]): void {
    this.#count(length, offset, 'copy')
    // Subtracted, not added: both numbers may be near 2^64.
    if (start > this.#basisBytes || length > this.#basisBytes - start) {
      const facts = `the copy at ${offset} wants ${length} bytes from ${start}, the basis has ${this.#basisBytes}`
      throw new RdiffError('basis', `Cannot apply a delta: ${facts}`)
    }
    const last = this.#copy
    if (last !== undefined && last.start + last.length === start) {
      last.length += length
      return
    }
    this.#flushCopy(commands)
    this.#copy = { start, length }
  }

  #flushCopy(commands: DeltaCommand[]): void {
    if (this.#copy === undefined) return
    commands.push(this.#copy)
    this.#copy = undefined
  }

  #count(length: number, offset: number, what: string): void {
    if (length === 0) throw new RdiffError('corrupt', `Cannot apply a delta: the ${what} at ${offset} has 0 bytes`)
    if (length > this.#maxBytes - this.#made) {
      const facts = `with the ${what} at ${offset} it makes more than ${this.#maxBytes} bytes`
      throw new RdiffError('too-large', `Cannot apply a delta: ${facts}`)
    }
    this.#made += length
  }
}

/** A big-endian number. Above 2^53 it is not exact any more, and larger than any file. */
function readUnsigned(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at)
  if (bytes === 2) return view.getUint16(at)
  if (bytes === 4) return view.getUint32(at)
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
}
