import type { SetTimes } from '@coalmine/volume-format'

/** What a repository tells while it works. Called and forgotten; a listener must not throw. */
export type RepositoryEvent =
  | { readonly type: 'put'; readonly key: string; readonly bytes: number }
  | { readonly type: 'stored'; readonly key: string; readonly bytes: number }
  | { readonly type: 'volume-stored'; readonly number: number; readonly bytes: number }
  | { readonly type: 'get'; readonly key: string; readonly bytes: number }
  | { readonly type: 'deleted'; readonly key: string }
  /** A fetched volume was not what the manifest says; it is fetched again. */
  | { readonly type: 'hash-retry'; readonly key: string; readonly attempt: number }
  /** Less of an object came than the storage lists; it is fetched again. */
  | { readonly type: 'short-read'; readonly key: string; readonly attempt: number }
  /** The spool has room for fewer volumes on their way than the storage would take at a time. */
  | { readonly type: 'spool-short'; readonly folder: string; readonly parallel: number; readonly wanted: number }
  /** A failed set could not be taken back: these objects stay on the storage and belong to no set. */
  | { readonly type: 'left-behind'; readonly keys: readonly string[] }
  /** The set is stored, but its copies could not be left in the archive dir; it will be read from the storage. */
  | { readonly type: 'copies-not-kept'; readonly message: string }
  /** What was stored could not be noted in the ledger: later checks will know less of it. */
  | { readonly type: 'ledger-not-kept'; readonly message: string }
  /** There is a ledger that cannot be read: as long as it is there, nothing is known of what was stored, and nothing noted. */
  | { readonly type: 'ledger-unreadable'; readonly message: string }
  /** A copy of what was read could not be left in the archive dir; it will be read from the storage again. */
  | { readonly type: 'copy-not-kept'; readonly message: string }
  /** The storage no longer has these sets, by their manifests; the copies in the archive dir stay. */
  | { readonly type: 'sets-lost'; readonly keys: readonly string[] }
  /** A set that failed stays as far as it is stored: the next run can go on with it. */
  | { readonly type: 'interrupted'; readonly volumes: number }
  /** Nobody can go on with the set of an interrupted run; what is stored of it belongs to no set. */
  | { readonly type: 'journal-dropped'; readonly times: SetTimes; readonly reason: string }
  /** The newest manifest does not open though other objects of the same passphrase do. */
  | { readonly type: 'damaged-manifest'; readonly key: string; readonly message: string }
  /** The archive dir is not shared with the real program: its lock cannot be taken on this machine. */
  | { readonly type: 'own-archive-dir'; readonly folder: string }
