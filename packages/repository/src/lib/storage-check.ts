import type { Digests } from '@coalmine/storage'
import type { BackupSet, Collection, Manifest, StoredObject } from '@coalmine/volume-format'
import { type DatedSet, datedSets } from './dated-sets.ts'
import { RepositoryError } from './errors.ts'
import type { LedgerEntry } from './ledger-line.ts'

/** An object as the storage lists it. */
export interface ListedObject extends StoredObject {
  readonly digests?: Digests
}

export type FindingKind =
  /** The ledger has it, and the storage has not. */
  | 'lost'
  /** It is not what the ledger says. */
  | 'changed'
  /** The ledger has it; a newer full backup makes it needless, or its set was never finished, and somebody has removed it. */
  | 'removed'
  | 'missing-volume'
  /** Of an object of which nobody knows more than that it is there. */
  | 'empty'
  | 'unreadable-manifest'
  /** A manifest that names no volume, leaves one out, or whose volumes are not in order. */
  | 'wrong-manifest'
  | 'copies-differ'
  /** A volume that its manifest does not name. */
  | 'unnamed-volume'
  | 'no-signatures'
  | 'orphaned-set'
  | 'orphaned-signatures'
  | 'incomplete-set'
  | 'replaced-set'
  | 'duplicate'
  | 'torn-ledger'
  | 'unreadable-ledger'

export interface Finding {
  readonly kind: FindingKind
  /** Whether something that was backed up is, or may be, lost by it. */
  readonly damage: boolean
  /** The objects that it is about. */
  readonly keys: readonly string[]
  /** The set that it is about, by its time. */
  readonly setSeconds?: number
  readonly message: string
}

/** What is known of a set without reading it. */
export interface CheckedSet {
  readonly seconds: number
  readonly type: 'full' | 'incremental'
  readonly chain: number
  readonly objects: number
  /**
   * `ledger`: all its objects are what this machine has put or verified. `partly`: some are. `presence`: nothing is known
   * but that there are objects of these names.
   */
  readonly known: 'ledger' | 'partly' | 'presence'
  readonly damaged: boolean
}

export interface CheckReport {
  readonly sets: readonly CheckedSet[]
  readonly findings: readonly Finding[]
}

export interface CheckParts {
  readonly collection: Collection
  readonly listed: ReadonlyMap<string, ListedObject>
  readonly ledger: ReadonlyMap<string, LedgerEntry>
  /** Lines of the ledger that could not be read. */
  readonly torn: number
  /** Why nothing is known of what was stored, when there is a ledger that cannot be read. */
  readonly ledgerProblem?: string
  /** @param vouched - The manifest on the storage is the one that this machine has put: a copy of it will do. */
  readonly manifest: (set: BackupSet, vouched: boolean) => Promise<Manifest>
  /** When the set of a name ended, and what the object is of it; `undefined` for names that are none. */
  readonly placeOf: (key: string) => { readonly endSeconds: number; readonly isManifest: boolean } | undefined
}

/** Compares names, numbers, sizes and digests: what can be told without reading a volume. */
export async function checkStorage(parts: CheckParts): Promise<CheckReport> {
  const { collection, ledger, listed, torn, ledgerProblem } = parts
  const findings: Finding[] = compareWithLedger(parts)
  const wrong = new Set(findings.filter(({ damage }) => damage).flatMap(({ keys }) => keys))
  const sets: CheckedSet[] = []
  for (const dated of datedSets(collection)) {
    const { set, signatures, seconds, chain } = dated
    const objects = [...set.volumes.values(), set.manifest!, ...(signatures === undefined ? [] : [signatures.object])]
    const known = objects.filter(({ key }) => isAsKnown(listed.get(key), ledger.get(key)))
    const found = [...(await checkSet(dated, parts)), ...emptyOnes(dated, objects)]
    findings.push(...found)
    sets.push({
      seconds,
      type: set.times.type === 'full' ? 'full' : 'incremental',
      chain,
      objects: objects.length,
      known: known.length === objects.length ? 'ledger' : known.length > 0 ? 'partly' : 'presence',
      damaged: found.some(({ damage }) => damage) || objects.some(({ key }) => wrong.has(key)),
    })
  }
  findings.push(...leftOver(collection))
  if (torn > 0)
    findings.push(finding('torn-ledger', false, [], `${torn} lines of the ledger are torn, and not counted`))
  if (ledgerProblem !== undefined) {
    findings.push(finding('unreadable-ledger', false, [], `nothing is known of what was stored: ${ledgerProblem}`))
  }
  return { sets, findings }
}

/** What the storage has lost or changed of what this machine knows. */
export function compareWithLedger({
  collection,
  listed,
  ledger,
  placeOf,
}: Pick<CheckParts, 'collection' | 'listed' | 'ledger' | 'placeOf'>): Finding[] {
  const newestFull = Math.max(Number.NEGATIVE_INFINITY, ...collection.chains.map(({ startSeconds }) => startSeconds))
  const places = new Map([...ledger.keys()].map((key) => [key, placeOf(key)]))
  // A set without its manifest never was one: others may clear it away.
  const committed = new Set([...places.values()].filter((one) => one?.isManifest).map((one) => one!.endSeconds))
  const findings: Finding[] = []
  for (const entry of ledger.values()) {
    const { key } = entry
    const object = listed.get(key)
    const end = places.get(key)?.endSeconds
    const about = end === undefined ? {} : { setSeconds: end }
    if (object === undefined && end !== undefined && (end < newestFull || !committed.has(end))) {
      findings.push({ ...finding('removed', false, [key], `"${key}" was removed, not by this machine`), ...about })
    } else if (object === undefined) {
      const message = `"${key}" is no longer on the storage; it has ${entry.size} bytes`
      findings.push({ ...finding('lost', true, [key], message), ...about })
    } else {
      const what = differenceOf(object, entry)
      if (what === undefined) continue
      findings.push({ ...finding('changed', true, [key], `"${key}" is not what it was: ${what}`), ...about })
    }
  }
  return findings
}

function isAsKnown(object: ListedObject | undefined, entry: LedgerEntry | undefined): boolean {
  return object !== undefined && entry !== undefined && differenceOf(object, entry) === undefined
}

/** How an object, as it is listed, differs from what this machine knows of it. */
export function differenceOf(object: ListedObject, entry: LedgerEntry): string | undefined {
  if (object.size !== entry.size) return `it has ${object.size} bytes instead of ${entry.size}`
  const wanted: Digests = { sha1: entry.sha1, ...entry.digests }
  for (const [name, digest] of Object.entries(object.digests ?? {})) {
    const expected = wanted[name as keyof Digests]
    if (expected !== undefined && expected.toLowerCase() !== digest.toLowerCase()) return `its ${name} is ${digest}`
  }
  return undefined
}

async function checkSet({ set, signatures, seconds }: DatedSet, parts: CheckParts): Promise<Finding[]> {
  const { listed, ledger } = parts
  const { key } = set.manifest!
  const found: Finding[] = []
  const say = (kind: FindingKind, damage: boolean, keys: readonly string[], message: string) =>
    found.push({ ...finding(kind, damage, keys, message), setSeconds: seconds })
  if (signatures === undefined) {
    say('no-signatures', false, [key], `"${key}" has no signatures: nothing can be built on it, nor listed`)
  }
  let manifest: Manifest
  try {
    manifest = await parts.manifest(set, isAsKnown(listed.get(key), ledger.get(key)))
  } catch (error) {
    if (!(error instanceof RepositoryError)) throw error
    if (error.code !== 'unreadable' && error.code !== 'copies-differ') throw error
    say(error.code === 'unreadable' ? 'unreadable-manifest' : 'copies-differ', true, [key], error.message)
    return found
  }
  const wrong = wrongIn(manifest)
  if (wrong !== undefined) say('wrong-manifest', true, [key], `"${key}" ${wrong}`)
  for (const [number, { hashes }] of manifest.volumes) {
    const object = set.volumes.get(number)
    if (object === undefined) {
      say('missing-volume', true, [key], `volume ${number} of "${key}" is not on the storage`)
      continue
    }
    const entry = ledger.get(object.key)
    const hash = hashes.find(({ name }) => name.toUpperCase() === 'SHA1')?.hex.toLowerCase()
    if (entry !== undefined && hash !== undefined && entry.sha1 !== hash) {
      say('changed', true, [key, object.key], `"${key}" is not what it was: it names another "${object.key}"`)
    }
  }
  for (const [number, object] of set.volumes) {
    if (manifest.volumes.has(number)) continue
    // A sealed manifest, or one with its list of files, is whole: the volume was left behind. Else its end may be lost.
    const isCut = !set.encrypted && manifest.fileCount === undefined
    say('unnamed-volume', isCut, [object.key], `"${object.key}" is not named by its manifest`)
  }
  return found
}

/** Volumes are numbered from 1 without gaps. */
function wrongIn({ volumes }: Manifest): string | undefined {
  if (volumes.size === 0) return 'names no volume'
  for (let number = 1; number <= volumes.size; number++) if (!volumes.has(number)) return `leaves out volume ${number}`
  return undefined
}

function emptyOnes({ seconds }: DatedSet, objects: readonly StoredObject[]): Finding[] {
  const empty = objects.filter(({ size, key }) => size === 0 && !key.endsWith('.sigtar'))
  return empty.map(({ key }) => ({ ...finding('empty', true, [key], `"${key}" is empty`), setSeconds: seconds }))
}

function leftOver({
  orphanedSets,
  incompleteSets,
  replacedSets,
  orphanedSignatures,
  duplicates,
}: Collection): Finding[] {
  const ofSets = (kind: FindingKind, damage: boolean, sets: readonly BackupSet[], why: string) =>
    sets.map((set) => {
      const keys = [...(set.manifest === undefined ? [] : [set.manifest]), ...set.volumes.values()].map(
        ({ key }) => key,
      )
      return { ...finding(kind, damage, keys, `the set of "${keys[0] ?? ''}" ${why}`), setSeconds: set.endSeconds }
    })
  return [
    ...ofSets('orphaned-set', true, orphanedSets, 'builds on a set that is not there'),
    ...ofSets('incomplete-set', false, incompleteSets, 'has no manifest: it was interrupted, or has lost it'),
    ...ofSets('replaced-set', false, replacedSets, 'was replaced by a later one of the same beginning'),
    ...orphanedSignatures.map(({ object: { key } }) =>
      finding('orphaned-signatures', false, [key], `"${key}" belongs to no chain of signatures`),
    ),
    ...duplicates.map(({ key }) => finding('duplicate', false, [key], `"${key}" is there beside another one for it`)),
  ]
}

function finding(kind: FindingKind, damage: boolean, keys: readonly string[], message: string): Finding {
  return { kind, damage, keys, message }
}
