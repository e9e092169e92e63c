export { backupFull, type BackupResult, type FullBackupOptions, surveyFull } from './lib/backup.ts'
export type { SignatureOptions } from './lib/encode.ts'
export type { BackupEvent } from './lib/events.ts'
export type { BackupStatistics } from './lib/statistics.ts'
