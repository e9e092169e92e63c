/**
 * What a backup did, in the real program's terms. Sizes are bytes.
 */
export interface BackupStatistics {
  /** Entries of any kind that were taken in. */
  sourceFiles: number
  /** Bytes read of new and changed files, and the file system's sizes of everything else. */
  sourceFileSize: number
  newFiles: number
  /** The file system's sizes of the new entries. */
  newFileSize: number
  deletedFiles: number
  changedFiles: number
  changedFileSize: number
  deltaEntries: number
  /** Bytes of file content put into the volumes, before compression. */
  rawDeltaSize: number
  /** Entries that could not be read, wholly or in part. */
  errors: number
}

export function emptyStatistics(): BackupStatistics {
  return {
    sourceFiles: 0,
    sourceFileSize: 0,
    newFiles: 0,
    newFileSize: 0,
    deletedFiles: 0,
    changedFiles: 0,
    changedFileSize: 0,
    deltaEntries: 0,
    rawDeltaSize: 0,
    errors: 0,
  }
}
