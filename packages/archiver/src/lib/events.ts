import type { RawPath } from '@coalmine/bytes'

/** What a backup tells while it works. Called and forgotten; a listener must not throw. */
export type BackupEvent =
  | { readonly type: 'new'; readonly path: RawPath; readonly bytes: number }
  | { readonly type: 'socket-skipped'; readonly path: RawPath }
  /** The entry is left out, or (`cut`) stored only up to where it could be read. Counted as an error. */
  | { readonly type: 'unreadable'; readonly path: RawPath; readonly message: string; readonly cut: boolean }
  /** A folder could not be listed; it is stored empty. Counted as an error. */
  | { readonly type: 'unlisted'; readonly path: RawPath; readonly message: string }
  /** A time before 1970 is stored as 1970: the format's readers fail on a negative one. */
  | { readonly type: 'time-before-1970'; readonly path: RawPath; readonly seconds: number }
  /** Bytes of source content read so far. */
  | { readonly type: 'progress'; readonly bytes: number }
