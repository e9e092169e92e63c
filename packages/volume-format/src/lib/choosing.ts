import { chainOf, type BackupChain, type Collection, type SignatureChain } from './chains.ts'
import type { BackupSet, SignatureSet } from './sets.ts'

/** What the next increment builds on. */
export interface MatchedChains {
  /** The latest chain, without what had to be discarded. */
  chain?: BackupChain
  signatures?: SignatureChain
  /** The last set of the latest chain, when its signatures are missing and those of the set before it are there. */
  discarded?: BackupSet
}

/**
 * Finds the signatures that belong to the latest backup chain: those that end where it ends, or else where its last
 * set but one ends; the last set is then as good as incomplete. Without a pair no increment can be made.
 */
export function matchChains(collection: Pick<Collection, 'chains' | 'signatureChains'>): MatchedChains {
  const latest = collection.chains.at(-1)
  if (latest === undefined) return {}
  const lastButOne = latest.sets.at(-2)
  for (const signatures of collection.signatureChains.toReversed()) {
    if (signatures.endSeconds === latest.endSeconds) return { chain: latest, signatures }
    if (lastButOne !== undefined && signatures.endSeconds === lastButOne.endSeconds) {
      const chain = chainOf(latest.full, latest.incs.slice(0, -1))
      return { chain, signatures, discarded: latest.incs.at(-1)! }
    }
  }
  return {}
}

/** What is restored for a time: the full set, and the increments up to that time. */
export interface SetsForTime {
  chain: BackupChain
  sets: BackupSet[]
}

export interface SignaturesForTime {
  chain: SignatureChain
  sets: SignatureSet[]
}

/**
 * The sets that give the state at a time: of the chains that had begun by then, the one whose newest set up to then is
 * the latest.
 *
 * @param timeSeconds - Epoch seconds.
 * @returns `undefined` when nothing had been backed up by then; {@link firstSeconds} says when that was. (duplicity
 * would restore the first full set, of a time after the one asked for.)
 */
export function setsForTime(collection: Pick<Collection, 'chains'>, timeSeconds: number): SetsForTime | undefined {
  return choose(collection.chains, timeSeconds)
}

/** The signatures that describe the state at a time, by the same rule. */
export function signaturesForTime(
  collection: Pick<Collection, 'signatureChains'>,
  timeSeconds: number,
): SignaturesForTime | undefined {
  return choose(collection.signatureChains, timeSeconds)
}

/** The time of the first set that can be restored; `undefined` when there is none. */
export function firstSeconds(collection: Pick<Collection, 'chains'>): number | undefined {
  let first: number | undefined
  for (const { startSeconds } of collection.chains) {
    if (first === undefined || startSeconds < first) first = startSeconds
  }
  return first
}

interface Spans<S> {
  full: S
  incs: S[]
  startSeconds: number
}

function choose<S extends { endSeconds: number }, C extends Spans<S>>(chains: readonly C[], timeSeconds: number) {
  let best: { chain: C; sets: S[]; newest: number } | undefined
  for (const chain of chains) {
    if (chain.startSeconds > timeSeconds) continue
    const sets = [chain.full, ...chain.incs.filter((set) => set.endSeconds <= timeSeconds)]
    const newest = sets.at(-1)!.endSeconds
    if (best === undefined || newest >= best.newest) best = { chain, sets, newest }
  }
  return best && { chain: best.chain, sets: best.sets }
}
