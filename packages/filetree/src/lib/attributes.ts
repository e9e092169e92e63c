import type { FileEffects } from './effects.ts'
import type { Owners } from './owners.ts'
import type { Reporter } from './reporter.ts'
import type { WriteEntry } from './write-entry.ts'

/** Who gets what is written: the user of that name here, else the number; the number; or whoever runs this. */
export type Ownership = 'by-name' | 'numeric' | 'none'

/** How the attributes of one thing are set. */
export interface AttributeCalls {
  chown(uid: number, gid: number): void
  chmod?(mode: number): void
  utimes(atime: number, mtime: number): void
}

/** The largest id there is; 2^32-1 is none, but the system's word for "leave it as it is". */
const largestId = 0xffff_fffe

/**
 * Sets owner, mode and times, in this order: chown clears setuid bits. One that fails does not keep the others from being
 * set. The setuid and setgid bits are set only when the owner was asked for and is the right one: otherwise they would
 * lend the rights of whoever restores.
 */
export class Attributes {
  readonly #ownership: Ownership
  readonly #owners: Owners
  readonly #reporter: Reporter

  constructor(ownership: Ownership, owners: Owners, reporter: Reporter) {
    this.#ownership = ownership
    this.#owners = owners
    this.#reporter = reporter
  }

  apply(entry: WriteEntry, calls: AttributeCalls): void {
    const owned =
      this.#ownership !== 'none' &&
      this.#reporter.attempt(entry, 'owner', () => this.#chown(entry, calls)) !== undefined
    if (calls.chmod !== undefined) {
      this.#reporter.attempt(entry, 'mode', () => calls.chmod?.(owned ? entry.mode & 0o7777 : entry.mode & 0o1777))
    }
    this.#reporter.attempt(entry, 'time', () => {
      const { mtimeSeconds } = entry
      // node:fs would take it for "now".
      if (!Number.isFinite(mtimeSeconds)) throw invalid(`the time ${mtimeSeconds} is none`)
      calls.utimes(mtimeSeconds, mtimeSeconds)
    })
  }

  #chown(entry: WriteEntry, calls: AttributeCalls): void {
    const { uid, gid } = this.#wanted(entry)
    for (const id of [uid, gid]) {
      if (!(Number.isInteger(id) && id >= 0 && id <= largestId)) throw invalid(`nobody can have the id ${id}`)
    }
    calls.chown(uid, gid)
  }

  #wanted(entry: WriteEntry): { uid: number; gid: number } {
    if (this.#ownership === 'numeric') return entry
    const { userName, groupName } = entry
    return {
      uid: (userName === '' ? undefined : this.#owners.uid(userName)) ?? entry.uid,
      gid: (groupName === '' ? undefined : this.#owners.gid(groupName)) ?? entry.gid,
    }
  }
}

/** The calls for something that is held open. */
export function callsFor(effects: FileEffects, descriptor: number): AttributeCalls {
  return {
    chown: (uid, gid) => effects.fchown(descriptor, uid, gid),
    chmod: (mode) => effects.fchmod(descriptor, mode),
    utimes: (atime, mtime) => effects.futimes(descriptor, atime, mtime),
  }
}

function invalid(reason: string): Error {
  return Object.assign(new Error(reason), { code: 'EINVAL' })
}
