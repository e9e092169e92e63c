import type { Sleep, Storage } from '@coalmine/storage'

/** What the cases need to know about a storage under test. Only `open` is needed. */
export interface StorageHarness {
  /**
   * Opens the storage. Every call is over the same place, which may hold other objects: the cases touch only keys of
   * their own, and delete them.
   */
  open(): Promise<Storage>
  /** The beginning of all keys; `.coalmine-check-` and a random number by default. */
  readonly keyPrefix?: string
  /** Size of the large object; 20 MiB by default. */
  readonly largeBytes?: number
  /** Objects to list; 25 by default. Take more than fit on a page of the service. */
  readonly manyObjects?: number
  /** How long, in milliseconds, a call may take to hear an abort; 10 s by default. */
  readonly patienceMs?: number
  readonly sleep?: Sleep

  // What can only be done behind the storage's back. The cases that need it are left out otherwise.

  /** Puts something into the place that is no object, such as a folder or a name that is no key; returns how many. */
  plantForeign?(): Promise<number>
  /** Takes away the end of a stored object, of some megabytes, that is just being read. */
  cutBody?(key: string): Promise<void>
  /** Makes the service fail from now on; returns what repairs it. */
  breakDown?(): Promise<() => Promise<void>>
}

export type Hook = 'plantForeign' | 'cutBody' | 'breakDown'
