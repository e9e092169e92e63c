import { readFileSync } from 'node:fs'
import type { Signature } from './signature-decoder.ts'
import { rabinKarpPower } from './weak-sums.ts'

// Where things lie in the kernel's memory. Below is what it keeps for itself. The input comes behind the filter.
const outputAt = 4096
const filterAt = 98_304
const weakAt = 1184
const pageBytes = 65_536

/** Bytes of the filter that the shared kernel has room for. */
const sharedFilterBytes = 131_072

/** Input of one call, unless four blocks are longer: it and its output stay in the processor's cache. */
const callBytes = 262_144
/** Blocks of one call: with 20 bytes each, their entries lie between output and input. */
const callBlocks = 4096
/** Longer blocks would need a larger memory than their four lanes are worth; it is 4 MiB here. */
export const maxLaneBytes = 1_048_576

interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  signature(input: number, length: number, blockBytes: number, strongBytes: number, output: number): number
  sign(input: number, length: number, blockBytes: number, strongBytes: number, output: number): number
  entries(
    input: number,
    length: number,
    blockBytes: number,
    strongBytes: number,
    rabin: boolean,
    blake: boolean,
    output: number,
  ): number
  strong(input: number, length: number, blake: boolean): number
  scanRollsum(at: number, last: number, block: number, weak: number, filter: number, wordMask: number): number
  scanRabinKarp(
    at: number,
    last: number,
    block: number,
    weak: number,
    filter: number,
    wordMask: number,
    power: number,
  ): number
}

// Neither the types of Node nor those of the language know it.
interface WebAssemblyGlobal {
  validate(bytes: Uint8Array): boolean
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/**
 * The compiled kernel. Its memory is only a place of passage: nothing that matters stays in it between two calls, so all
 * encoders share one.
 */
export class WasmKernel {
  readonly #module: object
  readonly #exports: KernelExports
  readonly #inputAt: number
  #bytes: Uint8Array
  #view: DataView
  /** The filter that is in the memory at the moment. */
  #filter: Uint32Array | undefined

  /** @param filterBytes - The room for a filter. */
  constructor(module: object, filterBytes = sharedFilterBytes) {
    this.#module = module
    this.#exports = new wasm!.Instance(module).exports as KernelExports
    this.#inputAt = filterAt + filterBytes
    this.#bytes = new Uint8Array(this.#exports.memory.buffer)
    this.#view = new DataView(this.#exports.memory.buffer)
  }

  /** Another one, with a memory of its own, for a filter that the shared one has no room for. */
  withRoomFor(filterBytes: number): WasmKernel {
    return filterBytes <= sharedFilterBytes ? this : new WasmKernel(this.#module, filterBytes)
  }

  /** Bytes of input that {@link WasmKernel.sign} takes at most: a multiple of four blocks. */
  callBytes(blockBytes: number): number {
    const groups = Math.floor(Math.min(callBytes, callBlocks * blockBytes) / (4 * blockBytes))
    return Math.max(1, groups) * 4 * blockBytes
  }

  /** The whole signature of `content`, or `undefined` if that does not go into one call. */
  signature(content: Uint8Array, blockBytes: number, strongBytes: number): Uint8Array | undefined {
    const length = content.length
    if (length > callBytes || length > callBlocks * blockBytes) return undefined
    this.#bytes.set(content, this.#inputAt)
    return this.#bytes.slice(
      outputAt,
      this.#exports.signature(this.#inputAt, length, blockBytes, strongBytes, outputAt),
    )
  }

  /**
   * The entries of all blocks of the two pieces, which are one after the other and have at most `callBytes` together; the
   * last block may be short. The result lies in the kernel's memory: copy it before the next call.
   */
  sign(first: Uint8Array, second: Uint8Array, blockBytes: number, strongBytes: number): Uint8Array {
    this.load(first, second)
    const length = first.length + second.length
    return this.#bytes.subarray(outputAt, this.#exports.sign(this.#inputAt, length, blockBytes, strongBytes, outputAt))
  }

  /** Takes two pieces, one after the other, and a filter, for calls of the methods below; positions count from the first. */
  load(first: Uint8Array, second: Uint8Array, filter?: Uint32Array): void {
    this.#reserve(this.#inputAt + first.length + second.length)
    this.#bytes.set(first, this.#inputAt)
    this.#bytes.set(second, this.#inputAt + first.length)
    if (filter === undefined || filter === this.#filter) return
    this.#bytes.set(new Uint8Array(filter.buffer, filter.byteOffset, filter.byteLength), filterAt)
    this.#filter = filter
  }

  /** What was loaded, as a view of the memory. */
  loaded(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(this.#inputAt + start, this.#inputAt + end)
  }

  /** The entries of at most {@link callBlocks} / 2 blocks of what was loaded, of any kind; in the memory, too. */
  entries(at: number, length: number, { kind, hash, blockBytes, strongBytes }: Signature): Uint8Array {
    const [rabin, blake] = [kind === 'rabinkarp', hash === 'blake2']
    const input = this.#inputAt + at
    const end = this.#exports.entries(input, length, blockBytes, strongBytes, rabin, blake, outputAt)
    return this.#bytes.subarray(outputAt, end)
  }

  /** The strong sum of a part of what was loaded; in the memory, too. */
  strong(at: number, length: number, hash: Signature['hash']): Uint8Array {
    const from = this.#exports.strong(this.#inputAt + at, length, hash === 'blake2')
    return this.#bytes.subarray(from, from + 32)
  }

  /** As {@link BlockScanner.scan}: the position. The weak sum there is {@link WasmKernel.weak}. */
  scan(at: number, last: number, weak: number, signature: Signature, filter: Uint32Array): number {
    const from = this.#inputAt + at
    const to = this.#inputAt + last
    const { kind, blockBytes } = signature
    const wordMask = (filter.length - 1) << 2
    const found =
      kind === 'rollsum'
        ? this.#exports.scanRollsum(from, to, blockBytes, weak, filterAt, wordMask)
        : this.#exports.scanRabinKarp(from, to, blockBytes, weak, filterAt, wordMask, rabinKarpPower(blockBytes))
    return found - this.#inputAt
  }

  get weak(): number {
    return this.#view.getUint32(weakAt, true)
  }

  #reserve(bytes: number): void {
    const missing = bytes - this.#bytes.length
    if (missing <= 0) return
    const { memory } = this.#exports
    memory.grow(Math.ceil(missing / pageBytes))
    this.#bytes = new Uint8Array(memory.buffer)
    this.#view = new DataView(memory.buffer)
  }
}

const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly?: WebAssemblyGlobal }

/** The kernel in the file at `url`; `undefined` if there is none, or if this engine cannot run it. */
export function loadKernel(url: URL): WasmKernel | undefined {
  if (wasm === undefined) return undefined
  let code: Uint8Array
  try {
    code = readFileSync(url)
  } catch {
    // Not built, or left out by a bundler: the plain signer gives the same bytes, only slower.
    return undefined
  }
  // An engine or a processor without SIMD does not hold it for valid.
  if (!wasm.validate(code)) return undefined
  return new WasmKernel(new wasm.Module(code))
}

let shared: WasmKernel | undefined | 'not yet' = 'not yet'

/** The kernel of this package, loaded at the first call. */
export function sharedKernel(): WasmKernel | undefined {
  // The same address from src/lib and from dist/lib.
  if (shared === 'not yet') shared = loadKernel(new URL('../../dist/wasm/rdiff.wasm', import.meta.url))
  return shared
}
