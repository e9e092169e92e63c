export {
  backupFull,
  backupIncremental,
  type BackupResult,
  type EntrySource,
  type FullBackupOptions,
  type IncrementalBackupOptions,
  surveyFull,
  surveyIncremental,
} from './lib/backup.ts'
export type { SignatureOptions } from './lib/encode.ts'
export { BackupError, type BackupErrorCode } from './lib/errors.ts'
export type { BackupEvent } from './lib/events.ts'
export type { BackupStatistics } from './lib/statistics.ts'
