import { LowestFirst } from './lowest-first.ts'
import type { NameOptions } from './names.ts'
import { byEnd, groupSets, type BackupSet, type SignatureSet, type Spanned, type StoredObject } from './sets.ts'

/** A full set and the increments that build on it, each on the one before. */
export interface BackupChain {
  full: BackupSet
  incs: BackupSet[]
  /** The full set and then the increments. */
  sets: BackupSet[]
  startSeconds: number
  endSeconds: number
}

/** The same of signatures. */
export interface SignatureChain {
  full: SignatureSet
  incs: SignatureSet[]
  sets: SignatureSet[]
  startSeconds: number
  endSeconds: number
}

/** What a listing holds. Each object of a known name is in exactly one place, statistics apart. */
export interface Collection {
  /** By end; chains that end together by start. */
  chains: BackupChain[]
  /** Increments that build on nothing that is there. */
  orphanedSets: BackupSet[]
  /** Sets without a finished manifest: never to be restored. */
  incompleteSets: BackupSet[]
  /** Increments in whose place a later one of the same start came. */
  replacedSets: BackupSet[]
  signatureChains: SignatureChain[]
  orphanedSignatures: SignatureSet[]
  /** Second objects for what is there already: another volume of the same number, another manifest. */
  duplicates: StoredObject[]
  /** How many names are not of this format. */
  foreign: number
}

export interface CollectOptions extends NameOptions {
  /**
   * What a set is for which only an unfinished local manifest vouches, and whether unfinished signatures count:
   * `incomplete` (default) keeps both out of chains; `complete` takes them in, as duplicity does to restart a backup.
   */
  partialSets?: 'incomplete' | 'complete'
}

/**
 * Sorts a listing into sets and chains by the rules of duplicity. Nothing is read: a set with a manifest is complete,
 * whatever volumes are missing.
 *
 * The result does not depend on the order of the listing. What stops duplicity (two files for one volume, several
 * chains of one end) is told in the result instead.
 */
export function collectSets(objects: Iterable<StoredObject>, options: CollectOptions = {}): Collection {
  const { complete, incomplete, signatures, duplicates, foreign } = groupSets(objects, options)
  const backups = link(complete, 'newest')
  const signed = link(
    signatures.sort((a, b) => a.startSeconds - b.startSeconds || byEnd(a, b)),
    'first',
  )
  return {
    chains: backups.chains,
    orphanedSets: backups.orphans,
    incompleteSets: incomplete,
    replacedSets: backups.replaced,
    signatureChains: signed.chains,
    orphanedSignatures: signed.orphans,
    duplicates,
    foreign,
  }
}

interface Chain<S> {
  full: S
  incs: S[]
  sets: S[]
  startSeconds: number
  endSeconds: number
}

/** A chain of the given sets, the full one first. */
export function chainOf<S extends Spanned>(full: S, incs: S[]): Chain<S> {
  const last = incs.at(-1) ?? full
  return { full, incs, sets: [full, ...incs], startSeconds: full.startSeconds, endSeconds: last.endSeconds }
}

/**
 * Links sets to chains: each increment joins the oldest chain that it fits. It fits one that ends where it starts; and,
 * under `newest`, one whose last increment has the same start, in whose place it then comes.
 *
 * Chains are found by what they end with, so that a listing of nothing but chains costs no more than its length.
 */
function link<S extends Spanned>(sets: readonly S[], siblings: 'newest' | 'first') {
  const drafts: { full: S; incs: S[]; endSeconds: number }[] = []
  const orphans: S[] = []
  const replaced: S[] = []
  const endingAt = new Map<number, LowestFirst>()
  const lastStartingAt = new Map<number, LowestFirst>()

  const enter = (index: Map<number, LowestFirst>, at: number, draft: number) => {
    const known = index.get(at)
    if (known !== undefined) return known.add(draft)
    const fresh = new LowestFirst()
    fresh.add(draft)
    index.set(at, fresh)
  }
  // Chains leave an index late: when they come up and no longer belong there.
  const oldest = (index: Map<number, LowestFirst>, at: number, valueOf: (draft: number) => number | undefined) => {
    const found = index.get(at)
    if (found === undefined) return undefined
    while (found.lowest !== undefined && valueOf(found.lowest) !== at) found.drop()
    return found.lowest
  }
  const startOfLast = (draft: number) => drafts[draft]!.incs.at(-1)?.startSeconds

  const fulls = siblings === 'first' ? sets.filter(isFull) : []
  for (const set of siblings === 'first' ? [...fulls, ...sets.filter((set) => !isFull(set))] : sets) {
    if (isFull(set)) {
      enter(endingAt, set.endSeconds, drafts.push({ full: set, incs: [], endSeconds: set.endSeconds }) - 1)
      continue
    }
    const follows = oldest(endingAt, set.startSeconds, (draft) => drafts[draft]!.endSeconds)
    const sibling = siblings === 'newest' ? oldest(lastStartingAt, set.startSeconds, startOfLast) : undefined
    const found = follows === undefined || (sibling !== undefined && sibling < follows) ? sibling : follows
    if (found === undefined) {
      orphans.push(set)
      continue
    }
    const draft = drafts[found]!
    if (found !== follows) replaced.push(draft.incs.pop()!)
    draft.incs.push(set)
    draft.endSeconds = set.endSeconds
    enter(endingAt, set.endSeconds, found)
    enter(lastStartingAt, set.startSeconds, found)
  }
  const chains = drafts.map(({ full, incs }) => chainOf(full, incs))
  chains.sort((a, b) => a.endSeconds - b.endSeconds || a.startSeconds - b.startSeconds)
  return { chains, orphans, replaced }
}

function isFull(set: Spanned): boolean {
  return set.times.type === 'full'
}
