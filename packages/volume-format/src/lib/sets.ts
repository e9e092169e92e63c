import { parseName, type NameOptions, type ParsedName, type SetTimes } from './names.ts'

/** An object of a listing. */
export interface StoredObject {
  key: string
  /** In bytes. */
  size: number
  /** When it was stored, in milliseconds since 1970, if the storage tells. */
  modifiedMs?: number
}

/** What one run left. It exists only with a manifest: that is what a run writes last. */
export interface BackupSet {
  times: SetTimes
  encrypted: boolean
  compressed: boolean
  manifest?: StoredObject
  volumes: Map<number, StoredObject>
  /** What 2.1 and later leave beside a set. */
  statistics?: StoredObject
  /** Only an unfinished local manifest (`.part`) vouches for it. */
  partial: boolean
  /** Of a full set both are its time. */
  startSeconds: number
  endSeconds: number
}

/** The signatures of one run. */
export interface SignatureSet {
  times: SetTimes
  object: StoredObject
  encrypted: boolean
  compressed: boolean
  startSeconds: number
  endSeconds: number
}

export interface GroupedSets {
  complete: BackupSet[]
  incomplete: BackupSet[]
  signatures: SignatureSet[]
  duplicates: StoredObject[]
  foreign: number
}

interface Draft {
  times: SetTimes
  objects: { name: ParsedName; object: StoredObject }[]
}

/** Sorts a listing into sets. The order of the listing does not matter. */
export function groupSets(
  objects: Iterable<StoredObject>,
  options: NameOptions & { partialSets?: 'incomplete' | 'complete' },
): GroupedSets {
  const { partialSets = 'incomplete' } = options
  const grouped: GroupedSets = { complete: [], incomplete: [], signatures: [], duplicates: [], foreign: 0 }
  const drafts = new Map<string, Draft>()
  const signatures = new Map<string, SignatureSet>()
  const inOrder = [...objects].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  for (const object of inOrder) {
    const name = parseName(object.key, options)
    if (name === undefined) {
      grouped.foreign += 1
    } else if (name.object === 'signatures') {
      if (name.partial && partialSets === 'incomplete') continue
      const key = keyOf(name.set)
      if (signatures.has(key)) grouped.duplicates.push(object)
      else signatures.set(key, signatureSet(name, object))
    } else {
      const key = keyOf(name.set)
      const draft = drafts.get(key)
      if (draft === undefined) drafts.set(key, { times: name.set, objects: [{ name, object }] })
      else draft.objects.push({ name, object })
    }
  }
  for (const draft of drafts.values()) {
    // Statistics alone are no set.
    if (draft.objects.every(({ name }) => name.object === 'statistics')) continue
    const set = settle(draft, grouped.duplicates)
    const complete = set.manifest !== undefined && (!set.partial || partialSets === 'complete')
    if (complete) grouped.complete.push(set)
    else grouped.incomplete.push(set)
  }
  grouped.complete.sort(byEnd)
  grouped.incomplete.sort(byEnd)
  grouped.signatures = [...signatures.values()].sort(byEnd)
  return grouped
}

/** By end; at equal ends fulls first, then the one that reaches back farther. */
export function byEnd(a: Spanned, b: Spanned): number {
  if (a.endSeconds !== b.endSeconds) return a.endSeconds - b.endSeconds
  if (a.times.type !== b.times.type) return a.times.type === 'full' ? -1 : 1
  return a.startSeconds - b.startSeconds
}

export interface Spanned {
  times: SetTimes
  startSeconds: number
  endSeconds: number
}

function keyOf(set: SetTimes): string {
  return set.type === 'full' ? `${set.timeSeconds}` : `${set.startSeconds}-${set.endSeconds}`
}

function spanOf(times: SetTimes): { startSeconds: number; endSeconds: number } {
  return times.type === 'full'
    ? { startSeconds: times.timeSeconds, endSeconds: times.timeSeconds }
    : { startSeconds: times.startSeconds, endSeconds: times.endSeconds }
}

function signatureSet(name: ParsedName, object: StoredObject): SignatureSet {
  const { set: times, encrypted, compressed } = name
  return { times, object, encrypted, compressed, ...spanOf(times) }
}

/**
 * Makes a set of its objects. Of two manifests the finished one counts; of two files for one volume the one in the
 * manifest's dress (encrypted or not), as a run writes all of them alike. What loses is told as a duplicate.
 */
function settle(draft: Draft, duplicates: StoredObject[]): BackupSet {
  const { times, objects } = draft
  let manifest: Draft['objects'][number] | undefined
  for (const candidate of objects) {
    if (candidate.name.object !== 'manifest') continue
    if (manifest === undefined) {
      manifest = candidate
    } else if (manifest.name.partial && !candidate.name.partial) {
      duplicates.push(manifest.object)
      manifest = candidate
    } else {
      duplicates.push(candidate.object)
    }
  }
  const finished = manifest !== undefined && !manifest.name.partial
  const volumes = new Map<number, Draft['objects'][number]>()
  for (const candidate of objects) {
    const number = candidate.name.volume
    if (number === undefined) continue
    const taken = volumes.get(number)
    if (taken === undefined) {
      volumes.set(number, candidate)
      continue
    }
    const better =
      finished &&
      taken.name.encrypted !== manifest!.name.encrypted &&
      candidate.name.encrypted === manifest!.name.encrypted
    duplicates.push(better ? taken.object : candidate.object)
    if (better) volumes.set(number, candidate)
  }
  const statistics = objects.find(({ name }) => name.object === 'statistics')
  const inOrder = [...volumes].sort(([a], [b]) => a - b)
  const first = inOrder[0]?.[1].name
  return {
    times,
    encrypted: finished ? manifest!.name.encrypted : (first?.encrypted ?? false),
    compressed: first?.compressed ?? false,
    manifest: manifest?.object,
    volumes: new Map(inOrder.map(([number, { object }]) => [number, object])),
    ...(statistics === undefined ? {} : { statistics: statistics.object }),
    partial: manifest !== undefined && !finished,
    ...spanOf(times),
  }
}
