import type { BlockScanner } from './block-scanner.ts'
import { CommandWriter } from './command-writer.ts'
import { DeltaIndex } from './delta-index.ts'
import type { Signature } from './signature-decoder.ts'
import { sharedKernel } from './wasm-kernel.ts'
import { createScanner } from './wasm-scanner.ts'
import { nextSuffix, weakSum } from './weak-sums.ts'

/** Smaller pieces are gathered, larger ones cut: so much is worked on at once, or a quarter of a block, beside a block. */
const gatherBytes = 65_536
const stepBytes = 262_144
/**
 * For each byte of content, so many may be hashed in vain; with a basis of very many gigabytes, more. Noise takes none,
 * other content that is only similar and mostly zeros up to a hundred.
 */
const leastPatience = 128
const mostPatience = 256
/** Blocks that are signed ahead at most, once block after block was found. */
const mostAhead = 64

const nothing = new Uint8Array(0)

export interface DeltaEncoderOptions {
  /** Whether to use the WebAssembly kernel where there is one; `true`. Without it the delta is the same, but slower. */
  readonly kernel?: boolean
}

/**
 * Makes a delta of content that comes in pieces, against the signature of its basis: blocks of the basis are found
 * wherever they are in the content, by their sums.
 *
 * What comes out depends on the content alone, not on its pieces. It holds about three blocks, half a MiB of content and
 * what was not taken yet of the delta.
 *
 * @throws RangeError when the signature contradicts itself.
 */
export class DeltaEncoder {
  readonly #index: DeltaIndex
  readonly #scanner: BlockScanner
  readonly #writer = new CommandWriter()
  readonly #blockBytes: number
  readonly #enoughBytes: number
  #held: Uint8Array = nothing
  #heldBytes = 0
  #finished = false
  /** The position in the bytes at hand; all before it was written. */
  #at = 0
  /** Of these bytes there are so many. */
  #available = 0
  /** The weak sum of the block at the position, which is known not to be in the basis; -1 if nothing is known. */
  #missed = -1
  /** The block behind the one that was found right before the position; -1 behind a literal. */
  #expected = -1
  #ahead: number
  /** Content bytes before those at hand. */
  #before = 0
  /** Where in the content the last block that was found ends. */
  #foundEnd = 0
  /** For each byte of content, so many may be hashed for blocks that turn out not to be in the basis. */
  readonly #patience: number
  /** Bytes that were hashed for such blocks. */
  #wasted = 0

  constructor(basis: Signature | DeltaIndex, options: DeltaEncoderOptions = {}) {
    const { kernel = true } = options
    const index = basis instanceof DeltaIndex ? basis : new DeltaIndex(basis)
    this.#index = index
    this.#blockBytes = index.signature.blockBytes
    this.#enoughBytes = this.#blockBytes + Math.max(gatherBytes, this.#blockBytes >>> 2)
    this.#scanner = createScanner(index, kernel ? sharedKernel() : undefined)
    this.#ahead = this.#scanner.lanes
    // In a basis of many gigabytes, weak sums are equal by chance that often.
    this.#patience = Math.min(mostPatience, leastPatience + (4 * index.blocks * this.#blockBytes) / 2 ** 32)
  }

  /** Bytes hashed so far for blocks that were not in the basis, though their weak sum was: what chance, or malice, cost. */
  get wastedBytes(): number {
    return this.#wasted
  }

  /**
   * The next bytes of the delta, perhaps none. `chunk` is not kept.
   *
   * @throws TypeError after {@link DeltaEncoder.finish}.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    if (this.#finished) throw new TypeError('Cannot encode more bytes: the delta is finished')
    if (this.#index.blocks === 0) {
      this.#writer.literal(chunk)
      return this.#writer.take()
    }
    const step = Math.max(stepBytes, this.#blockBytes >>> 2)
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + step)
      at += piece.length
      if (this.#heldBytes + piece.length < this.#enoughBytes) this.#hold(piece)
      else this.#work(piece)
    }
    return this.#writer.take()
  }

  /**
   * The last bytes of the delta.
   *
   * @throws TypeError the second time.
   */
  finish(): Uint8Array[] {
    if (this.#finished) throw new TypeError('Cannot finish the delta: it is finished')
    this.#finished = true
    if (this.#heldBytes > 0) {
      this.#begin(nothing)
      this.#encode()
      this.#encodeEnd()
      this.#held = nothing
    }
    this.#writer.end()
    return this.#writer.take()
  }

  #hold(piece: Uint8Array): void {
    const needed = this.#heldBytes + piece.length
    if (needed > this.#held.length) {
      const larger = new Uint8Array(Math.min(this.#enoughBytes, Math.max(4096, 2 * needed)))
      larger.set(this.#held.subarray(0, this.#heldBytes))
      this.#held = larger
    }
    this.#held.set(piece, this.#heldBytes)
    this.#heldBytes = needed
  }

  /** Encodes what is held and the piece, as far as there are whole blocks; holds the rest. */
  #work(piece: Uint8Array): void {
    this.#begin(piece)
    this.#encode()
    this.#before += this.#at
    this.#heldBytes = 0
    this.#hold(this.#scanner.bytes(this.#at, this.#available))
  }

  #begin(piece: Uint8Array): void {
    this.#scanner.begin(this.#held.subarray(0, this.#heldBytes), piece)
    this.#available = this.#heldBytes + piece.length
    this.#at = 0
  }

  #encode(): void {
    const last = this.#available - this.#blockBytes
    while (this.#at <= last) {
      if (this.#missed === -1) this.#follow()
      else if (this.#at === last) return
      else this.#search(last)
    }
  }

  /** Behind a block that was found, and at the beginning, another one is likely: several are signed at once. */
  #follow(): void {
    const block = this.#blockBytes
    const index = this.#index
    const count = Math.min(this.#ahead, Math.floor((this.#available - this.#at) / block))
    const entries = this.#scanner.sign(this.#at, count * block)
    const entryBytes = 4 + index.signature.strongBytes
    for (let at = 0; at < count * entryBytes; at += entryBytes) {
      const weak = ((entries[at]! << 24) | (entries[at + 1]! << 16) | (entries[at + 2]! << 8) | entries[at + 3]!) >>> 0
      const expected = this.#expected
      const follows = expected >= 0 && expected < index.blocks && index.matches(expected, weak, entries, at + 4)
      const found = follows ? expected : index.find(weak, entries, at + 4)
      if (found < 0) {
        this.#missed = weak
        this.#ahead = this.#scanner.lanes
        return
      }
      this.#found(found, block)
    }
    this.#ahead = Math.min(mostAhead, 2 * this.#ahead)
  }

  /** Byte by byte, to the next block whose weak sum is that of a block of the basis. */
  #search(last: number): void {
    const from = this.#at
    let at = from
    let weak = this.#missed
    do {
      at = this.#scanner.scan(at, last, weak)
      weak = this.#scanner.weak
    } while (at < last && !this.#index.has(weak))
    this.#literal(from, at)
    this.#at = at
    this.#missed = weak
    if (at === last && !this.#index.has(weak)) return
    const block = this.#blockBytes
    if (!this.#mayHash(block)) return
    const found = this.#index.find(weak, this.#scanner.strong(at, block), 0)
    if (found < 0) this.#wasted += block
    else this.#found(found, block)
  }

  /** What is left is shorter than a block, or a block that is not in the basis: it may end with the last one of that. */
  #encodeEnd(): void {
    const { blocks, signature } = this.#index
    const { kind } = signature
    const lastWeak = signature.weak[blocks - 1]!
    const from = this.#at
    const end = this.#available
    const bytes = this.#scanner.bytes(0, end)
    let weak = this.#missed
    if (weak === -1) weak = weakSum(kind, bytes, from, end)
    if (this.#missed !== -1 || weak !== lastWeak) this.#at = nextSuffix(kind, bytes, from, end, weak, lastWeak)
    while (this.#at < end) {
      if (this.#mayHash(end - this.#at) && this.#isLast(lastWeak, end - this.#at)) {
        const length = end - this.#at
        this.#literal(from, this.#at)
        return this.#found(blocks - 1, length)
      }
      this.#at = nextSuffix(kind, bytes, this.#at, end, lastWeak, lastWeak)
    }
    this.#literal(from, end)
  }

  /**
   * Whether to hash so many bytes at the position, which may be in vain. Else whoever chooses the weak sums of a signature,
   * or content with few symbols in it, could have every byte hashed a block's length of times. It depends on the content
   * alone. Where a change was made in place, the next block that is as it was is a number of whole blocks behind the last.
   */
  #mayHash(length: number): boolean {
    const at = this.#before + this.#at
    if ((at - this.#foundEnd) % this.#blockBytes === 0) return true
    return this.#wasted <= this.#patience * (at + length) + 2 ** 20
  }

  /** Whether the bytes at the position are the last block of the basis. */
  #isLast(weak: number, length: number): boolean {
    const isLast = this.#index.matches(this.#index.blocks - 1, weak, this.#scanner.strong(this.#at, length), 0)
    if (!isLast) this.#wasted += length
    return isLast
  }

  #found(block: number, length: number): void {
    this.#writer.copy(block * this.#blockBytes, length)
    this.#at += length
    this.#foundEnd = this.#before + this.#at
    this.#missed = -1
    this.#expected = block + 1
  }

  #literal(start: number, end: number): void {
    if (end > start) this.#writer.literal(this.#scanner.bytes(start, end))
    this.#expected = -1
  }
}
