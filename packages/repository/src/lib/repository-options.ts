import type { Storage } from '@coalmine/storage'
import type { Envelope, Prefixes, SetTimes } from '@coalmine/volume-format'
import type { RepositoryEvent } from './events.ts'
import type { LocalEffects } from './local-effects.ts'
import type { TryLock } from './lock.ts'

export interface RepositoryOptions {
  readonly storage: Storage
  /** Seals new sets, and opens stored objects unless `openerFor` says otherwise. */
  readonly envelope: Envelope
  /** Chooses what opens a stored object, by what its name says. */
  readonly openerFor?: (stored: StoredForm) => Envelope | Promise<Envelope>
  /** Folder for the spool; a folder of our own is made in it and removed by {@link Repository.close}. */
  readonly tempDir: string
  /** The archive dir of this repository, as the real program would name it; without it nothing is kept locally. */
  readonly archiveDir?: string
  /** Take the archive dir's lock, so that sets may be written. */
  readonly lock?: boolean
  /**
   * Leave copies of manifests and signatures that are read from the storage in the archive dir. Without the lock it is
   * taken for the moment in which a copy gets its name; while another run holds it, nothing is left.
   */
  readonly keepCopies?: boolean
  readonly prefixes?: Prefixes
  /** How long a listing may be that is held, for a storage that never ends it: 2,000,000 objects (some 400 TB of volumes). */
  readonly maxListedObjects?: number
  /** Tries for a volume whose hash is wrong; 5. */
  readonly tries?: number
  readonly signal?: AbortSignal
  readonly onEvent?: (event: RepositoryEvent) => void
  /** Everything that is done to the files of this machine; those of `node:fs` by default. */
  readonly effects?: LocalEffects
  /** Waits; of Node's timers by default. */
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>
  /** For tests: gives the lock call of the platform, or `undefined`. */
  readonly loadLock?: () => TryLock | undefined
}

/** How an object is stored, as its name says. */
export interface StoredForm {
  readonly encrypted: boolean
  readonly compressed: boolean
}

/** What a new set needs to be told. */
export interface NewSet {
  readonly times: SetTimes
  /** Stored size at which volumes are cut, in bytes. */
  readonly volumeBytes: number
  /** Volumes being put at a time; what the storage likes by default. */
  readonly parallel?: number
  /**
   * Note what is stored in a journal in the archive dir, so that a later run can go on when this one is interrupted. What
   * has to be the same then, by what it is called; only with the lock.
   */
  readonly conditions?: Readonly<Record<string, string>>
  /** Seal something into the journal by which a later run proves its passphrase; where that costs nothing. */
  readonly probe?: boolean
  /** Go on with the set that {@link Repository.interrupted} gave, whose times these are. */
  readonly resume?: boolean
}
