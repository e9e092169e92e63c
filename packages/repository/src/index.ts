export { openRepository, Repository } from './lib/repository.ts'
export type { NewSet, RepositoryOptions, StoredForm } from './lib/repository-options.ts'
export type { ChainHead } from './lib/chain-state.ts'
export { type ManifestHead, type ResumePoint, SetWriter, type SetSummary } from './lib/set-writer.ts'
export { type FactsBlock, type FileFacts, FileIndexDecoder } from './lib/file-index.ts'
export type { FileNotes, KnownFiles } from './lib/known-files.ts'
export type { Interrupted } from './lib/interrupted.ts'
export type { Mark, Member } from './lib/volume-writer.ts'
export type { CheckedVolume } from './lib/volume-reader.ts'
export { RepositoryError, type RepositoryErrorCode } from './lib/errors.ts'
export type { RepositoryEvent } from './lib/events.ts'
export { type LocalEffects, type LocalFacts, nodeLocalEffects, type ProcessFacts } from './lib/local-effects.ts'
export {
  chainsBeforeLast,
  chainsEndedBefore,
  extraneous,
  inBoth,
  type Extraneous,
  objectsToDelete,
  type OldChains,
  type Removal,
  removalOf,
  splitByAge,
} from './lib/removal.ts'
export { type DatedSet, datedSets } from './lib/dated-sets.ts'
export type { Aspect } from './lib/entry-changes.ts'
export type { PathDifference, PathVersions, Version } from './lib/history.ts'
export { createNamePattern } from './lib/name-pattern.ts'
export type { CheckedSet, CheckReport, Finding, FindingKind } from './lib/storage-check.ts'
