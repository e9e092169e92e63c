import type { RawPath } from '@coalmine/bytes'
import {
  FormatError,
  groupSigTars,
  readSigTar,
  type SignatureSet,
  type SigTarEntry,
  type SigTarGroup,
} from '@coalmine/volume-format'
import type { DatedSet } from './dated-sets.ts'
import { type Aspect, aspectsOf } from './entry-changes.ts'
import { RepositoryError } from './errors.ts'
import type { Metadata } from './metadata.ts'

/** A state of one path, and the set that brought it. */
export interface Version {
  readonly set: DatedSet
  readonly change: 'new' | 'changed' | 'deleted'
  /** In what it differs from the one before; of `changed` only. */
  readonly aspects: readonly Aspect[]
  /** Absent when it was deleted. */
  readonly entry: SigTarEntry | undefined
}

/** All states of one path, the oldest first. */
export interface PathVersions {
  readonly path: RawPath
  readonly versions: readonly Version[]
}

/** What differs between two states of the whole tree. */
export interface PathDifference {
  readonly path: RawPath
  readonly change: 'new' | 'changed' | 'deleted'
  readonly aspects: readonly Aspect[]
  readonly before: SigTarEntry | undefined
  readonly after: SigTarEntry | undefined
}

// Longer signatures are not compared; so many bytes stand for a file of some gigabytes.
const heldSignatureBytes = 4 * 1_048_576

/**
 * The versions of every path that is wanted, in the order of paths, from the signatures of all sets, read side by side.
 * A set whose signatures are not there is taken for one without changes.
 *
 * @param sets - As `datedSets` gives them.
 */
export async function* readVersions(
  sets: readonly DatedSet[],
  isWanted: (path: RawPath) => boolean,
  metadata: Metadata,
): AsyncGenerator<PathVersions[], void, undefined> {
  const chains = Math.max(-1, ...sets.map(({ chain }) => chain)) + 1
  for await (const groups of readGroups(sets, metadata)) {
    const found: PathVersions[] = []
    for (const group of groups) {
      if (!isWanted(group.path)) continue
      const versions = versionsIn(group, sets, chains)
      if (versions.length > 0) found.push({ path: group.path, versions })
    }
    if (found.length > 0) yield found
  }
}

/**
 * What differs between two times, in the order of paths.
 *
 * @param before - The sets that give the state at the first time; those of the second may be some of them, or more.
 */
export async function* readDifferences(
  before: readonly DatedSet[],
  after: readonly DatedSet[],
  metadata: Metadata,
): AsyncGenerator<PathDifference[], void, undefined> {
  const all = [...new Set([...before, ...after])]
  const [inBefore, inAfter] = [before, after].map((some) => all.map((one) => some.includes(one)))
  for await (const groups of readGroups(all, metadata)) {
    const found: PathDifference[] = []
    for (const { path, entries } of groups) {
      const old = entries.find(({ file }) => inBefore![file])?.entry
      const now = entries.find(({ file }) => inAfter![file])?.entry
      const difference = old === now ? undefined : compare(present(old), present(now))
      if (difference !== undefined) found.push({ path, ...difference })
    }
    if (found.length > 0) yield found
  }
}

function readGroups(sets: readonly DatedSet[], metadata: Metadata): AsyncGenerator<SigTarGroup[], void, undefined> {
  return groupSigTars(sets.map(({ signatures }) => readEntries(signatures, metadata)))
}

async function* readEntries(
  signatures: SignatureSet | undefined,
  metadata: Metadata,
): AsyncGenerator<SigTarEntry[], void, undefined> {
  if (signatures === undefined) return
  try {
    yield* readSigTar(metadata.signatures(signatures), { maxSignatureBytes: heldSignatureBytes })
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const message = `Cannot read the signatures "${signatures.object.key}": ${error.message}`
    throw new RepositoryError('unreadable', message, { cause: error })
  }
}

/** Goes through the sets by their time: each shows the state of its chain, up to itself. */
function versionsIn({ entries }: SigTarGroup, sets: readonly DatedSet[], chains: number): Version[] {
  const bySet = new Map(entries.map(({ file, entry }) => [file, entry]))
  const ofChain: (SigTarEntry | undefined)[] = Array.from({ length: chains })
  const versions: Version[] = []
  // What a full set without signatures holds is not known: there, what increments name alone is.
  const known = new Set<number>()
  let last: SigTarEntry | undefined
  for (const [at, set] of sets.entries()) {
    const entry = bySet.get(at)
    if (set.signatures !== undefined && set.set.times.type === 'full') known.add(set.chain)
    if (entry !== undefined) ofChain[set.chain] = entry
    const now = present(ofChain[set.chain])
    if (now === last || (ofChain[set.chain] === undefined && !known.has(set.chain))) continue
    const difference = compare(last, now)
    last = now
    if (difference !== undefined) {
      versions.push({ set, change: difference.change, aspects: difference.aspects, entry: now })
    }
  }
  return versions
}

function present(entry: SigTarEntry | undefined): SigTarEntry | undefined {
  return entry?.action === 'deleted' ? undefined : entry
}

function compare(
  before: SigTarEntry | undefined,
  after: SigTarEntry | undefined,
): Omit<PathDifference, 'path'> | undefined {
  if (before === undefined) {
    return after === undefined ? undefined : { change: 'new', aspects: [], before, after }
  }
  if (after === undefined) return { change: 'deleted', aspects: [], before, after }
  const aspects = aspectsOf(before, after)
  return aspects.length === 0 ? undefined : { change: 'changed', aspects, before, after }
}
