/** What is the case with bytes that are not what duplicity's format allows. */
export type FormatErrorCode = 'corrupt' | 'unsafe-name' | 'unsupported' | 'too-large'

/**
 * Something read from outside does not follow the format, or is larger than the reader is ready to hold.
 *
 * `corrupt`: damaged or never valid. `unsafe-name`: a name that could lead out of the tree. `unsupported`: valid
 * somewhere else, but no duplicity writes it. `too-large`: over a limit. Trying again with the same bytes never helps.
 */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  readonly code: FormatErrorCode

  constructor(code: FormatErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
  }
}
