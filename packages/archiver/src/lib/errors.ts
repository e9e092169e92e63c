export type BackupErrorCode =
  /** The source has no entry that could be stored: it is gone, unreadable as a whole, or a socket. */
  | 'nothing-to-store'
  /** The source gives entries out of order, or one of them twice. */
  | 'unsorted'

/** What a backup cannot do. `code` is for programs, the message for people. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
  readonly code: BackupErrorCode
  constructor(code: BackupErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
