export type RestoreErrorCode =
  /** The path is not in the backup. */
  | 'path-not-found'
  /** What the volumes hold contradicts itself. */
  | 'damaged'

/** What a restore cannot do. `code` is for programs, the message for people. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError'
  readonly code: RestoreErrorCode
  constructor(code: RestoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
