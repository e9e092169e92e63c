export interface BlockLengthOptions {
  /** Whose rule: duplicity's since 3.0.3 (the default), or the one it had until 3.0.2. */
  readonly rule?: '3.0.3' | '0.8'
  /**
   * The longest block, duplicity's `--max-blocksize`. 3.0.3 rounds it up to a multiple of 512 and has no limit by
   * default; 0.8 takes it as it is, 2048 by default.
   */
  readonly maxBytes?: number
}

/**
 * The block length, in bytes, for the signature of a file of `sizeBytes`, as duplicity chooses it.
 *
 * Any length works for whoever reads the signature: it carries its own. So a file that grows while it is read is fine.
 *
 * @throws RangeError when a number is not one that a size can be.
 */
export function blockLengthFor(sizeBytes: number, options: BlockLengthOptions = {}): number {
  const { rule = '3.0.3', maxBytes = rule === '0.8' ? 2048 : Number.POSITIVE_INFINITY } = options
  if (!(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)) {
    throw new RangeError(`Cannot choose a block length for ${sizeBytes} bytes: not a size`)
  }
  if (!(maxBytes === Number.POSITIVE_INFINITY || (Number.isSafeInteger(maxBytes) && maxBytes > 0))) {
    throw new RangeError(`Cannot choose a block length of at most ${maxBytes} bytes: not a positive integer`)
  }
  if (rule === '0.8') {
    return sizeBytes < 1_024_000 ? 512 : Math.min(512 * Math.floor(sizeBytes / 1_024_000), maxBytes)
  }
  return Math.min(Math.max(512, roundUp(integerRoot(sizeBytes))), roundUp(maxBytes))
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 512) * 512
}

/** The largest integer whose square is at most `value`. */
function integerRoot(value: number): number {
  const root = Math.floor(Math.sqrt(value))
  // Near 2^53 the rounded root can be one too large; it is never too small.
  return root * root > value ? root - 1 : root
}
