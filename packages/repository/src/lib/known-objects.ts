import { type BackupSet, parseName, type Prefixes, type SetTimes } from '@coalmine/volume-format'
import type { ArchiveDir } from './archive-dir.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerEntry } from './ledger-line.ts'
import type { Listing } from './listing.ts'
import { lostCopies, type LostCopies } from './lost-sets.ts'
import type { Metadata } from './metadata.ts'
import { SetNames } from './names.ts'
import { type CheckReport, checkStorage, compareWithLedger, differenceOf, type Finding } from './storage-check.ts'

export interface KnownObjectsParts {
  /** None without an archive dir. */
  readonly ledger: Ledger | undefined
  readonly archiveDir: ArchiveDir | undefined
  readonly listing: Listing
  readonly metadata: Pick<Metadata, 'manifest' | 'comparedOriginal'>
  readonly prefixes: Prefixes | undefined
  /** Asks the storage for the manifest of a set, by its name. */
  readonly hasManifest: (times: SetTimes) => Promise<boolean>
}

/** What this machine knows of the storage, by its ledger and its copies, compared with what is there. */
export class KnownObjects {
  readonly #parts: KnownObjectsParts

  constructor(parts: KnownObjectsParts) {
    this.#parts = parts
  }

  /**
   * How an object differs from what this machine has put or verified; `undefined` where nothing is known of it.
   *
   * @param sha1 - Of the stored bytes, when they were read.
   */
  disagreement(key: string, sha1: string | undefined): string | undefined {
    const { ledger, listing } = this.#parts
    const entry = ledger?.entries.get(key)
    if (entry === undefined) return undefined
    if (sha1 !== undefined && sha1 !== entry.sha1) return `its SHA-1 is ${sha1}, but the ledger says ${entry.sha1}`
    const listed = listing.objects.get(key)
    const difference = listed && differenceOf(listed, entry)
    return difference === undefined ? undefined : `it is not what this machine had stored: ${difference}`
  }

  async losses(): Promise<Finding[]> {
    return compareWithLedger(await this.#compared())
  }

  async check(): Promise<CheckReport> {
    const { ledger, metadata } = this.#parts
    const manifest = (set: BackupSet, vouched: boolean) => {
      return vouched ? metadata.manifest(set, false) : metadata.comparedOriginal(set)
    }
    const { torn = 0, problem: ledgerProblem } = ledger ?? {}
    return checkStorage({ ...(await this.#compared()), torn, ledgerProblem, manifest })
  }

  /** Removes copies that newer full sets make needless. Names those of sets that the storage has lost. */
  async compareCopies(): Promise<string[]> {
    const { ledger, archiveDir, hasManifest } = this.#parts
    const { superseded, lost } = await this.#lostCopies()
    for (const name of superseded) archiveDir?.remove(name)
    const keys: string[] = []
    for (const { name, times } of lost) {
      // Of these the ledger tells.
      if (ledger?.entries.has(name) || ledger?.entries.has(`${name}.gpg`)) continue
      if (!(await hasManifest(times))) keys.push(name)
    }
    return keys
  }

  /** Expects nothing any more of what is lost or changed. How many objects that were. */
  async accept(): Promise<number> {
    const { ledger, archiveDir, prefixes } = this.#parts
    const keys = new Set((await this.losses()).flatMap((one) => one.keys))
    for (const key of keys) ledger?.forget(key)
    ledger?.sync()
    for (const { name, times } of (await this.#lostCopies()).lost) {
      for (const local of new SetNames(times, prefixes).localNames()) archiveDir?.remove(local)
      keys.add(name)
    }
    return keys.size
  }

  async #compared() {
    const { listing, ledger, prefixes } = this.#parts
    const collection = await listing.collect()
    const placeOf = (key: string) => {
      const name = parseName(key, { prefixes })
      if (name === undefined) return undefined
      const endSeconds = name.set.type === 'full' ? name.set.timeSeconds : name.set.endSeconds
      return { endSeconds, isManifest: name.object === 'manifest' }
    }
    const entries: ReadonlyMap<string, LedgerEntry> = ledger?.entries ?? new Map()
    return { collection, listed: listing.objects, ledger: entries, placeOf }
  }

  async #lostCopies(): Promise<LostCopies> {
    const { archiveDir, listing, prefixes } = this.#parts
    return lostCopies(archiveDir?.names() ?? [], await listing.collect(), prefixes)
  }
}
