/**
 * What is wrong with a signature or a delta:
 *
 * - `unsupported`: another kind of file, or a kind this package does not read
 * - `truncated`: the bytes end inside it
 * - `trailing`: there are bytes behind its end
 * - `corrupt`: it says something that cannot be
 * - `too-large`: it is, or it makes, more than the limits allow
 * - `basis`: the delta copies bytes that the basis does not have
 * - `segments`: deltas to be applied at once have more segments than may be held; one by one they may be fine
 */
export type RdiffErrorCode = 'unsupported' | 'truncated' | 'trailing' | 'corrupt' | 'too-large' | 'basis' | 'segments'

/** A signature or a delta that cannot be used. Trying again with the same bytes fails in the same way. */
export class RdiffError extends Error {
  override readonly name = 'RdiffError'
  readonly code: RdiffErrorCode

  constructor(code: RdiffErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
