export type RepositoryErrorCode =
  /** No backup chain, or none for the asked time. */
  | 'no-backup'
  /** A set's manifest or signatures cannot be read. */
  | 'unreadable'
  /** The copy of a manifest in the archive dir is not what is on the storage. */
  | 'copies-differ'
  /** A signature file is damaged or does not belong to its set: nothing can be built on it. */
  | 'bad-signatures'
  /** A volume that the manifest names is not on the storage. */
  | 'missing-volume'
  /** What is stored is not what the manifest says. */
  | 'hash-mismatch'
  /** The passphrase opens nothing of what is there. */
  | 'wrong-passphrase'
  /** It is for keys that are not at hand, or gpg cannot use them. */
  | 'no-key'
  /** A signature in it is wrong. */
  | 'bad-signature'
  /** A key has to have signed it, and it is not proven that it has. */
  | 'not-signed'
  /** Another program holds the archive dir. */
  | 'locked'
  /** A set of this time exists already. */
  | 'exists'
  /** While a set was written, another machine committed or removed sets: it is not committed. */
  | 'head-moved'
  /** What was put of a set is no longer what the storage has. */
  | 'disturbed'
  /** The spool or the archive dir cannot be written: the disk is full. */
  | 'no-space'
  /** The same: not allowed, or no such folder. */
  | 'denied'

/** What a repository cannot do. `code` is for programs, the message for people. */
export class RepositoryError extends Error {
  override readonly name = 'RepositoryError'
  readonly code: RepositoryErrorCode
  /** Trying again at once can help: what was wrong will not be used again. */
  readonly retry: 'now' | undefined
  constructor(code: RepositoryErrorCode, message: string, options: { cause?: unknown; retry?: 'now' } = {}) {
    super(message, options)
    this.code = code
    this.retry = options.retry
  }
}

/** The `code` of an error of Node's or of ours. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** A failed local write as our own error; anything else stays as it is. */
export function localWriteError(error: unknown, attempted: string): unknown {
  const code = errorCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new RepositoryError('no-space', `Cannot ${attempted}: no space is left on the device`, { cause: error })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new RepositoryError('denied', `Cannot ${attempted}: permission denied (${code})`, { cause: error })
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const what = code === 'ENOENT' ? 'there is no such folder' : 'a part of the path is no folder'
    return new RepositoryError('denied', `Cannot ${attempted}: ${what}`, { cause: error })
  }
  return error
}
