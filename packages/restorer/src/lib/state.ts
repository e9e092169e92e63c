import type { RawPath } from '@coalmine/bytes'
import type { ScratchFile } from '@coalmine/filetree'
import type { Repository } from '@coalmine/repository'
import type { BackupSet, DiffTarPart, Manifest } from '@coalmine/volume-format'
import { RestoreError } from './errors.ts'
import type { RestoreEvent } from './events.ts'
import { mergeSets } from './merge-sets.ts'
import { missingNumber, unnamedNumber, volumesFor } from './plan.ts'
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
  await repository.sync({ manifests: sets })
  const plans: { set: BackupSet; manifest: Manifest; numbers: number[] }[] = []
  for (const set of sets) {
    const manifest = await repository.manifest(set, { files: false })
    // Every set has a volume. Taken at its word, an increment whose manifest names none would count as no change at all.
    if (manifest.volumes.size === 0) {
      throw new RestoreError('damaged', `Cannot restore from "${set.manifest?.key}": the manifest names no volume`)
    }
    const missing = missingNumber(manifest)
    if (missing !== undefined) {
      const key = set.manifest?.key
      throw new RestoreError('damaged', `Cannot restore from "${key}": the manifest leaves out volume ${missing}`)
    }
    const unnamed = unnamedNumber(set, manifest)
    if (unnamed !== undefined) {
      const what = `the manifest is cut off before volume ${unnamed}, which is on the storage`
      throw new RestoreError('damaged', `Cannot restore from "${set.manifest?.key}": ${what}`)
    }
    plans.push({ set, manifest, numbers: volumesFor(manifest, path) })
  }
  const total = plans.reduce((sum, { numbers }) => sum + numbers.length, 0)
  // Sets of a chain are read side by side: one volume each in the spool is enough.
  const ahead = plans.length === 1
  repository.requireSpoolSpace(plans.reduce((sum, { set, numbers }) => sum + mostAtATime(set, numbers, ahead), 0))
  let done = 0
  const streams = plans.map(({ set, manifest, numbers }) => {
    const onVolume = (number: number) => onEvent({ type: 'volume', number, done: ++done, total })
    const volumes = repository.volumes(set, manifest, numbers, { ahead })
    return readParts(volumes, onVolume, signal)
  })
  const parts = streams.length === 1 ? streams[0]! : merged(streams, options)
  return {
    parts,
    async close() {
      await Promise.all(streams.map((stream) => stream.return()))
    },
  }
}

/** Bytes of a set that lie in the spool at a time: a volume, or with the next one. */
function mostAtATime({ volumes }: BackupSet, numbers: readonly number[], ahead: boolean): number {
  const sizes = numbers.map((number) => volumes.get(number)?.size ?? 0)
  return sizes.reduce((most, size, at) => Math.max(most, size + (ahead ? (sizes[at + 1] ?? 0) : 0)), 0)
}

function merged(
  streams: readonly ReturnType<typeof readParts>[],
  { path, scratch, signal, onProblem }: StateOptions,
): AsyncIterable<DiffTarPart[]> {
  const readers = streams.map((stream) => new SetReader(stream, path))
  return mergeSets(readers, { scratch, onProblem, signal })
}
