import { concat } from '@coalmine/bytes'
import { LaneSigner } from './lane-signer.ts'
import { PlainSigner } from './plain-signer.ts'
import { checkLengths, encodeHeader, type SignatureOptions } from './signature-format.ts'
import { maxLaneBytes, sharedKernel, type WasmKernel } from './wasm-kernel.ts'

/**
 * Makes the signature of content that comes in pieces: rolling sum and MD4 of each block, as `rdiff signature -H md4 -R
 * rollsum` and duplicity write it.
 *
 * It holds less than four blocks, and nothing at all of blocks above 1 MiB.
 *
 * @throws RangeError when a length is out of its bounds.
 */
export class SignatureEncoder {
  readonly #signer: LaneSigner | PlainSigner
  #header: Uint8Array | undefined
  #finished = false

  constructor(options: SignatureOptions) {
    const { blockBytes, strongBytes = 8 } = options
    checkLengths(blockBytes, strongBytes)
    this.#signer = createSigner(blockBytes, strongBytes, sharedKernel())
    this.#header = encodeHeader(blockBytes, strongBytes)
  }

  /**
   * The next bytes of the signature, perhaps none. `chunk` is not kept.
   *
   * @throws TypeError after {@link SignatureEncoder.finish}.
   */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#finished) throw new TypeError('Cannot sign more bytes: the signature is finished')
    return this.#withHeader(this.#signer.push(chunk))
  }

  /**
   * The last bytes of the signature.
   *
   * @throws TypeError the second time.
   */
  finish(): Uint8Array {
    if (this.#finished) throw new TypeError('Cannot finish the signature: it is finished')
    this.#finished = true
    return this.#withHeader(this.#signer.finish())
  }

  #withHeader(entries: Uint8Array): Uint8Array {
    const header = this.#header
    if (header === undefined) return entries
    this.#header = undefined
    return concat([header, entries])
  }
}

/**
 * The signature of content that is in memory, in one go: the fast way for small files.
 *
 * @throws RangeError when a length is out of its bounds.
 */
export function signature(content: Uint8Array, options: SignatureOptions): Uint8Array {
  const { blockBytes, strongBytes = 8 } = options
  checkLengths(blockBytes, strongBytes)
  const whole = sharedKernel()?.signature(content, blockBytes, strongBytes)
  if (whole !== undefined) return whole
  const encoder = new SignatureEncoder(options)
  return concat([encoder.push(content), encoder.finish()])
}

/** Whoever signs best: the kernel if there is one, unless blocks are too long for it. */
export function createSigner(
  blockBytes: number,
  strongBytes: number,
  kernel: WasmKernel | undefined,
): LaneSigner | PlainSigner {
  return kernel === undefined || blockBytes > maxLaneBytes
    ? new PlainSigner(blockBytes, strongBytes)
    : new LaneSigner(kernel, blockBytes, strongBytes)
}
