import { blake2b } from './blake2b.ts'
import type { BlockScanner } from './block-scanner.ts'
import { type DeltaIndex, mayHold } from './delta-index.ts'
import { Md4 } from './md4.ts'
import { rabinKarpBase, rabinKarpPower, weakSum } from './weak-sums.ts'

/** The scanner without the kernel, for blocks of any length. */
export class PlainScanner implements BlockScanner {
  readonly lanes = 1
  weak = 0
  readonly #index: DeltaIndex
  readonly #strong: (view: DataView, start: number, end: number) => void
  readonly #digest = new DataView(new ArrayBuffer(32))
  readonly #digestBytes: Uint8Array
  #bytes: Uint8Array = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)

  constructor(index: DeltaIndex) {
    const { hash, strongBytes } = index.signature
    this.#index = index
    this.#digestBytes = new Uint8Array(this.#digest.buffer, 0, strongBytes)
    const digest = this.#digest
    if (hash === 'md4') {
      const md4 = new Md4()
      this.#strong = (view, start, end) => {
        md4.update(view, start, end)
        md4.finish(digest, 0)
      }
    } else {
      this.#strong = (view, start, end) => blake2b(view, start, end, digest, 0)
    }
  }

  begin(first: Uint8Array, second: Uint8Array): void {
    const length = first.length + second.length
    if (length > this.#bytes.length) {
      this.#bytes = new Uint8Array(length)
      this.#view = new DataView(this.#bytes.buffer)
    }
    this.#bytes.set(first)
    this.#bytes.set(second, first.length)
  }

  sign(at: number, length: number): Uint8Array {
    const { kind, blockBytes, strongBytes } = this.#index.signature
    const entryBytes = 4 + strongBytes
    const entries = new Uint8Array(Math.ceil(length / blockBytes) * entryBytes)
    let to = 0
    for (let start = at; start < at + length; start += blockBytes) {
      const end = Math.min(at + length, start + blockBytes)
      const weak = weakSum(kind, this.#bytes, start, end)
      entries[to] = weak >>> 24
      entries[to + 1] = weak >>> 16
      entries[to + 2] = weak >>> 8
      entries[to + 3] = weak
      entries.set(this.strong(start, end - start), to + 4)
      to += entryBytes
    }
    return entries
  }

  strong(at: number, length: number): Uint8Array {
    this.#strong(this.#view, at, at + length)
    return this.#digestBytes
  }

  scan(at: number, last: number, weak: number): number {
    return this.#index.signature.kind === 'rollsum'
      ? this.#scanRollsum(at, last, weak)
      : this.#scanRabinKarp(at, last, weak)
  }

  bytes(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end)
  }

  #scanRollsum(start: number, last: number, weak: number): number {
    const { filter } = this.#index
    const { blockBytes } = this.#index.signature
    const factor = blockBytes & 0xffff
    const bytes = this.#bytes
    let s1 = weak & 0xffff
    let s2 = weak >>> 16
    let at = start
    while (at < last) {
      const out = bytes[at]!
      s1 = (s1 + bytes[at + blockBytes]! - out) & 0xffff
      s2 = (s2 + s1 - factor * (out + 31)) & 0xffff
      at += 1
      if (mayHold(filter, (s2 << 16) | s1)) break
    }
    this.weak = ((s2 << 16) | s1) >>> 0
    return at
  }

  #scanRabinKarp(start: number, last: number, weak: number): number {
    const { filter } = this.#index
    const { blockBytes } = this.#index.signature
    const power = rabinKarpPower(blockBytes)
    const more = rabinKarpBase - 1
    const bytes = this.#bytes
    let hash = weak | 0
    let at = start
    while (at < last) {
      const gone = Math.imul(power, bytes[at]! + more)
      hash = (Math.imul(hash, rabinKarpBase) + bytes[at + blockBytes]! - gone) | 0
      at += 1
      if (mayHold(filter, hash)) break
    }
    this.weak = hash >>> 0
    return at
  }
}
