/**
 * - `truncated`: the stored bytes end before the compressed data does
 * - `corrupt`: they are not what a compressor writes, or a checksum does not match
 * - `trailing`: bytes follow the compressed data
 * - `too-large`: there are more plain bytes than `maxBytes`
 */
export type InflateErrorCode = 'truncated' | 'corrupt' | 'trailing' | 'too-large'

/** Compressed data that could not be inflated. Trying again with the same bytes cannot help. */
export class InflateError extends Error {
  override readonly name = 'InflateError'
  readonly code: InflateErrorCode

  constructor(code: InflateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
