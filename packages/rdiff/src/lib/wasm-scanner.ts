import type { BlockScanner } from './block-scanner.ts'
import type { DeltaIndex } from './delta-index.ts'
import { PlainScanner } from './plain-scanner.ts'
import { maxLaneBytes, type WasmKernel } from './wasm-kernel.ts'

/** Kernels with a memory of their own, one for each index whose filter the shared one has no room for. */
const ownKernels = new WeakMap<DeltaIndex, WasmKernel>()

// The kernel reads words in the other order, whatever the processor's.
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Whoever scans best: the kernel if there is one, unless blocks are too long for it. */
export function createScanner(index: DeltaIndex, kernel: WasmKernel | undefined): BlockScanner {
  if (kernel === undefined || !littleEndian || index.signature.blockBytes > maxLaneBytes) return new PlainScanner(index)
  let own = ownKernels.get(index)
  if (own === undefined) {
    own = kernel.withRoomFor(index.filter.byteLength)
    ownKernels.set(index, own)
  }
  return new WasmScanner(index, own)
}

class WasmScanner implements BlockScanner {
  readonly lanes: number
  weak = 0
  readonly #index: DeltaIndex
  readonly #kernel: WasmKernel

  constructor(index: DeltaIndex, kernel: WasmKernel) {
    this.#index = index
    this.#kernel = kernel
    this.lanes = index.signature.hash === 'md4' ? 4 : 1
  }

  begin(first: Uint8Array, second: Uint8Array): void {
    this.#kernel.load(first, second, this.#index.filter)
  }

  sign(at: number, length: number): Uint8Array {
    return this.#kernel.entries(at, length, this.#index.signature)
  }

  strong(at: number, length: number): Uint8Array {
    return this.#kernel.strong(at, length, this.#index.signature.hash)
  }

  scan(at: number, last: number, weak: number): number {
    const { signature, filter } = this.#index
    const found = this.#kernel.scan(at, last, weak, signature, filter)
    this.weak = this.#kernel.weak
    return found
  }

  bytes(start: number, end: number): Uint8Array {
    return this.#kernel.loaded(start, end)
  }
}
