import { comparePaths, isBelow, type RawPath } from '@coalmine/bytes'
import { type DatedSet, datedSets, RepositoryError } from '@coalmine/repository'
import type { DiffTarPart } from '@coalmine/volume-format'
import { chooseAhead } from './ahead.ts'
import { isLoss } from './losses.ts'
import { lowest, mergeGroup } from './merge-sets.ts'
import { planSets } from './restore-plan.ts'
import { readParts, SetReader } from './set-reader.ts'
import { findRest, type Rest, type Standing } from './standing.ts'
import type { State, StateOptions } from './state.ts'

/** A state without what stands in the target already. */
export interface RestOfState extends State {
  readonly kept: number
  /** Volumes that are not fetched because of it. */
  readonly spared: number
}

/**
 * What is left of a state to be written into a target in which an earlier restore has written some of it: folders, links and
 * whatever has no content, as signature files tell it, and the files that are not right. Of volumes only those are fetched
 * that have something of these.
 *
 * @returns `undefined` when it cannot be told what is right: signatures are missing, damaged, or more than the volumes.
 */
export async function openRest(options: StateOptions, standing: Standing): Promise<RestOfState | undefined> {
  const { repository, path, signal, onEvent } = options
  const sets = await datedOf(options)
  if (sets === undefined) return undefined
  const plans = await planSets(options)
  let rest: Rest
  try {
    const manifests = plans.map(({ readable }) => readable.manifest)
    rest = await findRest({ repository, sets, manifests, path, standing, signal })
  } catch (error) {
    // Everything is restored from the volumes then, which are under hashes.
    const isBad = error instanceof RepositoryError && error.code === 'bad-signatures'
    if (!isBad && !isLoss(error, signal)) throw error
    return undefined
  }
  const wanted = plans.map(({ set, readable, numbers }, at) => {
    return { set, manifest: readable.manifest, numbers: numbers.filter((number) => rest.volumes[at]!.has(number)) }
  })
  const total = wanted.reduce((sum, { numbers }) => sum + numbers.length, 0)
  const ahead = chooseAhead(repository, wanted)
  let done = 0
  const onVolume = (number: number) => onEvent({ type: 'volume', number, done: ++done, total })
  const readers = wanted.map(({ set, manifest, numbers }, at) => {
    const volumes = repository.volumes(set, manifest, numbers, { ahead: ahead[at] })
    return new SetReader(readParts(volumes, onVolume, signal), path, { hasGaps: true })
  })
  return {
    parts: partsOf(readers, sets, rest, options),
    kept: rest.kept,
    spared: plans.reduce((sum, { numbers }) => sum + numbers.length, 0) - total,
    async close() {
      await Promise.all(readers.map((reader) => reader.close()))
    },
  }
}

/** The sets with their signatures, when these cost less than all that they may save. */
async function datedOf({ repository, sets }: StateOptions): Promise<DatedSet[] | undefined> {
  const all = datedSets(await repository.collect())
  const dated = sets.flatMap((set) => all.find((one) => one.set.manifest?.key === set.manifest?.key) ?? [])
  const signatureBytes = dated.reduce((sum, { signatures }) => sum + (signatures?.object.size ?? Infinity), 0)
  const volumeBytes = sets.flatMap(({ volumes }) => [...volumes.values()]).reduce((sum, { size }) => sum + size, 0)
  return dated.length === sets.length && signatureBytes < volumeBytes ? dated : undefined
}

/** Goes through what signatures name and what volumes hold, side by side. */
async function* partsOf(
  readers: readonly SetReader[],
  sets: readonly DatedSet[],
  rest: Rest,
  options: StateOptions,
): AsyncGenerator<readonly DiffTarPart[], void, undefined> {
  const { repository, path: root, onProblem } = options
  await Promise.all(readers.map((reader) => reader.next()))
  const unnamedBefore = async function* (path: RawPath | undefined): AsyncIterable<readonly DiffTarPart[]> {
    for (;;) {
      const group = lowest(readers)
      const first = group[0]?.entry?.path
      if (first === undefined || (path !== undefined && comparePaths(first, path) >= 0)) return
      // What no signature file names is not known to be right.
      yield* mergeGroup(readers, group, options)
      await Promise.all(group.map((reader) => reader.next()))
    }
  }
  let files = 0
  for await (const groups of repository.named(sets)) {
    for (const { path, entries } of groups) {
      if (!isBelow(path, root)) continue
      yield* unnamedBefore(path)
      const { action, meta } = entries[0]!.entry
      const here = readers.filter((reader) => reader.entry?.path === path)
      if (action === 'snapshot') {
        yield [{ type: 'entry', entry: { action, path, meta } }, { type: 'end' }]
      } else if (action === 'signature' && rest.isNeeded(files++)) {
        if (here.length === 0) onProblem(path, 'no volume holds it')
        else yield* mergeGroup(readers, here, options)
      }
      await Promise.all(here.map((reader) => reader.next()))
    }
  }
  yield* unnamedBefore(undefined)
}
