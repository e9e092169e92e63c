export { restore, type RestoreOptions, type RestoreSummary } from './lib/restore.ts'
export { volumesFor } from './lib/plan.ts'
export { RestoreError, type RestoreErrorCode } from './lib/errors.ts'
export type { RestoreEvent } from './lib/events.ts'
