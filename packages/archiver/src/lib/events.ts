import type { RawPath } from '@coalmine/bytes'

/** What a backup tells while it works. Called and forgotten; a listener must not throw. */
export type BackupEvent =
  /** Stored whole: it is new, or another kind of thing than before, or no file. */
  | { readonly type: 'new'; readonly path: RawPath; readonly bytes: number }
  /** A file of which the difference was stored. */
  | { readonly type: 'changed'; readonly path: RawPath; readonly bytes: number }
  | { readonly type: 'deleted'; readonly path: RawPath }
  /** The archived signature of a changed file is of no use: the file is stored whole. */
  | { readonly type: 'no-basis'; readonly path: RawPath; readonly message: string }
  /** An interrupted set goes on, behind what of it is stored; `block` when that is within a file. */
  | { readonly type: 'resumed'; readonly volumes: number; readonly path: RawPath; readonly block?: number }
  /** The file within which the stored volumes end has changed: it is stored again from the volume in which it began. */
  | { readonly type: 'split-file-changed'; readonly path: RawPath }
  /** A copy in the archive dir proved to be of no use: all begins again, with what the storage has. */
  | { readonly type: 'again'; readonly message: string }
  | { readonly type: 'socket-skipped'; readonly path: RawPath }
  /**
   * The entry is left out, and its archived state stays; or (`cut`) it is stored only up to where it could be read.
   * Counted as an error.
   */
  | { readonly type: 'unreadable'; readonly path: RawPath; readonly message: string; readonly cut: boolean }
  /** A folder could not be listed. In a full backup it is stored empty, in an increment what it held stays. Counted. */
  | { readonly type: 'unlisted'; readonly path: RawPath; readonly message: string }
  /** A time before 1970 is stored as 1970: the format's readers fail on a negative one. */
  | { readonly type: 'time-before-1970'; readonly path: RawPath; readonly seconds: number }
  /** Bytes of source content dealt with so far: read, or known to be unchanged. */
  | { readonly type: 'progress'; readonly bytes: number }
