import type { ByteStream, RawPath } from '@coalmine/bytes'
import type { ScratchFile } from '@coalmine/filetree'
import { datedSets, type Repository } from '@coalmine/repository'
import type { BackupSet, DiffTarPart } from '@coalmine/volume-format'
import { chooseAhead } from './ahead.ts'
import type { RestoreEvent } from './events.ts'
import { readPartsLeft } from './keep-going.ts'
import type { Loss } from './losses.ts'
import { LostEntries } from './lost-entries.ts'
import { mergeSets } from './merge-sets.ts'
import { planSets } from './restore-plan.ts'
import { readParts, SetReader } from './set-reader.ts'

export interface StateOptions {
  readonly repository: Repository
  /** The sets of one chain, the full one first. */
  readonly sets: readonly BackupSet[]
  /** Only what is at or below it; other entries may come as well. */
  readonly path: RawPath
  /** Opens a file for what does not fit in memory of the states of the file at a path. */
  readonly scratch: (path: RawPath) => ScratchFile
  readonly signal?: AbortSignal
  readonly onEvent: (event: RestoreEvent) => void
  /** Pass over what cannot be read, tell it, and give everything that does not build on it. */
  readonly keepGoing?: boolean
  /** Leave out sets whose signature files name nothing at or below the path. */
  readonly byContent?: boolean
  /** A file cannot be put together. Its entry may have come, with a part of its data. */
  readonly onProblem: (path: RawPath, message: string) => void
}

export interface State {
  /** The parts of all entries, in order, as of one full set. Nothing is fetched before the first pull. */
  readonly parts: AsyncIterable<readonly DiffTarPart[]>
  close(): Promise<void>
}

/**
 * The state that sets describe, with its data. Each volume's hash is checked before a byte of it is decoded; only
 * volumes whose range touches the path are fetched.
 *
 * @throws RestoreError `damaged` when a manifest leaves out volumes, at once; later, when sets contradict themselves.
 */
export async function openState(options: StateOptions): Promise<State> {
  const { repository, sets, path, signal, onEvent } = options
  if (sets[0]?.times.type !== 'full') throw new RangeError('Cannot restore: the first set is no full backup')
  const keepGoing = options.keepGoing === true
  const plans = await planSets(options)
  const total = plans.reduce((sum, { numbers }) => sum + numbers.length, 0)
  const ahead = chooseAhead(repository, plans)
  let done = 0
  const onVolume = (number: number) => onEvent({ type: 'volume', number, done: ++done, total })
  const onLoss = ({ key, message }: Loss) => onEvent({ type: 'lost', key, message })
  if (keepGoing) {
    const streams = plans.map((plan) => readPartsLeft({ ...plan, repository, onVolume, onLoss, signal }))
    const signatures = await signaturesOf(repository, sets)
    const readers = streams.map((stream, at) => {
      return new SetReader(stream, path, { lostEntries: () => new LostEntries(signatures[at]) })
    })
    return { parts: mergeSets(readers, options), close: () => closeAll(readers) }
  }
  const streams = plans.map(({ set, readable: { manifest }, numbers }, at) => {
    return readParts(repository.volumes(set, manifest, numbers, { ahead: ahead[at] }), onVolume, signal)
  })
  const parts = streams.length === 1 ? streams[0]! : merged(streams, options)
  return {
    parts,
    async close() {
      await Promise.all(streams.map((stream) => stream.return()))
    },
  }
}

/** The signatures of each set, where they are; nothing is read before the first pull. */
async function signaturesOf(repository: Repository, sets: readonly BackupSet[]): Promise<(ByteStream | undefined)[]> {
  const dated = datedSets(await repository.collect())
  return sets.map((set) => {
    const signatures = dated.find((one) => one.set.manifest?.key === set.manifest?.key)?.signatures
    return signatures && repository.signatures(signatures)
  })
}

async function closeAll(readers: readonly SetReader[]): Promise<void> {
  await Promise.all(readers.map((reader) => reader.close()))
}

function merged(
  streams: readonly ReturnType<typeof readParts>[],
  { path, scratch, signal, onProblem }: StateOptions,
): AsyncIterable<DiffTarPart[]> {
  const readers = streams.map((stream) => new SetReader(stream, path))
  return mergeSets(readers, { scratch, onProblem, signal })
}
