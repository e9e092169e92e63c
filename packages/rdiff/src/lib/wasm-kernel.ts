import { readFileSync } from 'node:fs'

// Where things lie in the kernel's memory. Below is what it keeps for itself.
const outputAt = 4096
const inputAt = 98_304
const pageBytes = 65_536

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
}

// Neither the types of Node nor those of the language know it.
interface WebAssemblyGlobal {
  validate(bytes: Uint8Array): boolean
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/**
 * The compiled kernel. Its memory is only a place of passage: nothing stays in it between two calls, so all encoders
 * share one.
 */
export class WasmKernel {
  readonly #exports: KernelExports
  #bytes: Uint8Array

  constructor(exports: KernelExports) {
    this.#exports = exports
    this.#bytes = new Uint8Array(exports.memory.buffer)
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
    this.#bytes.set(content, inputAt)
    return this.#bytes.slice(outputAt, this.#exports.signature(inputAt, length, blockBytes, strongBytes, outputAt))
  }

  /**
   * The entries of all blocks of the two pieces, which are one after the other and have at most `callBytes` together; the
   * last block may be short. The result lies in the kernel's memory: copy it before the next call.
   */
  sign(first: Uint8Array, second: Uint8Array, blockBytes: number, strongBytes: number): Uint8Array {
    const length = first.length + second.length
    this.#reserve(length)
    this.#bytes.set(first, inputAt)
    this.#bytes.set(second, inputAt + first.length)
    return this.#bytes.subarray(outputAt, this.#exports.sign(inputAt, length, blockBytes, strongBytes, outputAt))
  }

  #reserve(length: number): void {
    const missing = inputAt + length - this.#bytes.length
    if (missing <= 0) return
    const { memory } = this.#exports
    memory.grow(Math.ceil(missing / pageBytes))
    this.#bytes = new Uint8Array(memory.buffer)
  }
}

/** The kernel in the file at `url`; `undefined` if there is none, or if this engine cannot run it. */
export function loadKernel(url: URL): WasmKernel | undefined {
  const { WebAssembly } = globalThis as unknown as { WebAssembly?: WebAssemblyGlobal }
  if (WebAssembly === undefined) return undefined
  let code: Uint8Array
  try {
    code = readFileSync(url)
  } catch {
    // Not built, or left out by a bundler: the plain signer gives the same bytes, only slower.
    return undefined
  }
  // An engine or a processor without SIMD does not hold it for valid.
  if (!WebAssembly.validate(code)) return undefined
  return new WasmKernel(new WebAssembly.Instance(new WebAssembly.Module(code)).exports as KernelExports)
}

let shared: WasmKernel | undefined | 'not yet' = 'not yet'

/** The kernel of this package, loaded at the first call. */
export function sharedKernel(): WasmKernel | undefined {
  // The same address from src/lib and from dist/lib.
  if (shared === 'not yet') shared = loadKernel(new URL('../../dist/wasm/rdiff.wasm', import.meta.url))
  return shared
}
