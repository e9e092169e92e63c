export type { Address } from './lib/address.ts'
export type { Ownership } from './lib/attributes.ts'
export { type FileEffects, type FileFacts, nodeEffects } from './lib/effects.ts'
export type { EntryKind, OpenableEntry, Tree, TreeBatch, TreeEntry, TreeProblem, WalkOptions } from './lib/entry.ts'
export { FileTreeError } from './lib/errors.ts'
export { type OwnerOptions, ownerNames, type Owners } from './lib/owners.ts'
export type { ScratchFile } from './lib/scratch-file.ts'
export type { Candidate, CreateSelector, Select, Selection, Selector, Verdict } from './lib/select.ts'
export { openTreeWriter, type OpenTreeWriterOptions } from './lib/threaded-writer.ts'
export { createTreeWriter, type TreeWriterOptions } from './lib/tree-writer.ts'
export { openTree, type OpenTreeOptions, walk } from './lib/tree.ts'
export {
  type AsyncTreeWriter,
  type FileSink,
  isFatal,
  type TreeWriter,
  type WriteEntry,
  type WriteProblem,
} from './lib/write-entry.ts'
