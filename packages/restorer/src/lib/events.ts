import type { EntryKind } from '@coalmine/filetree'
import type { RawPath } from '@coalmine/bytes'

/** What a restore tells while it works. Called and forgotten; a listener must not throw. */
export type RestoreEvent =
  | { readonly type: 'entry'; readonly path: RawPath; readonly kind: EntryKind }
  | { readonly type: 'volume'; readonly number: number; readonly done: number; readonly total: number }
  | { readonly type: 'progress'; readonly bytes: number }
  /** A device or pipe that was not to be restored. */
  | { readonly type: 'special-left-out'; readonly path: RawPath; readonly kind: EntryKind }
  /** An object cannot be read; what it holds, and what builds on it, is left out (`keepGoing`). */
  | { readonly type: 'lost'; readonly key: string; readonly message: string }
  /** The beginning of a file is missing in the volumes; it is left out and counted. */
  | { readonly type: 'incomplete'; readonly path: RawPath; readonly message: string }
