import type { RawPath } from '@coalmine/bytes'
import type { Repository } from '@coalmine/repository'
import type { BackupSet } from '@coalmine/volume-format'
import { type Readable, readableOf } from './losses.ts'
import { volumesFor } from './plan.ts'

/** What a restore reads of one set. */
export interface SetPlan {
  readonly set: BackupSet
  readonly readable: Readable
  /** Numbers of the volumes, in the order in which they are read; none when the set holds nothing of what is wanted. */
  readonly numbers: readonly number[]
}

export interface PlanOptions {
  readonly repository: Repository
  /** The sets of one chain, the full one first. */
  readonly sets: readonly BackupSet[]
  readonly path: RawPath
  readonly keepGoing?: boolean
  /** Leave out sets whose signature files name nothing at or below the path. */
  readonly byContent?: boolean
  readonly signal?: AbortSignal
}

/** What of a plan is for people. */
export interface RestorePlan {
  readonly volumes: readonly { readonly set: BackupSet; readonly number: number; readonly key: string | undefined }[]
  /** Of the volumes that are there. */
  readonly bytes: number
}

// Signature files that are read at a time.
const parallel = 4

/**
 * The volumes that a restore of a path fetches, of sets of one chain: of each those whose range in the manifest touches the
 * path, and none of a set whose signature file, which names every entry, names nothing there and agrees with its manifest.
 * A signature file that is not in the archive dir is fetched only when it is smaller than the volumes that it may save.
 *
 * @throws RestoreError `damaged` when a manifest leaves out volumes; the repository's errors when one cannot be read.
 */
export async function planRestore(options: Omit<PlanOptions, 'byContent' | 'keepGoing'>): Promise<RestorePlan> {
  const plans = await planSets({ ...options, byContent: true })
  const volumes = plans.flatMap(({ set, numbers }) =>
    numbers.map((number) => ({ set, number, object: set.volumes.get(number) })),
  )
  return {
    volumes: volumes.map(({ set, number, object }) => ({ set, number, key: object?.key })),
    bytes: volumes.reduce((sum, { object }) => sum + (object?.size ?? 0), 0),
  }
}

/** The plan of each set. Manifests come into the archive dir, where copies are kept. */
export async function planSets(options: PlanOptions): Promise<SetPlan[]> {
  const { repository, sets, path, keepGoing = false, byContent = false, signal } = options
  await repository.sync({ manifests: sets })
  const plans: SetPlan[] = []
  for (const set of sets) {
    const readable = await readableOf(repository, set, { keepGoing, signal })
    plans.push({ set, readable, numbers: volumesFor(readable.manifest, path) })
  }
  return byContent && path !== '' ? await withoutStrangers(plans, options) : plans
}

async function withoutStrangers(plans: readonly SetPlan[], { repository, path }: PlanOptions): Promise<SetPlan[]> {
  const kept = [...plans]
  const queue = plans.entries()
  const work = async () => {
    for (const [at, plan] of queue) {
      const { set, readable, numbers } = plan
      // What is lost of a set, its signature file tells only while it is read.
      if (numbers.length === 0 || readable.losses.length > 0) continue
      const worthBytes = numbers.reduce((sum, number) => sum + (set.volumes.get(number)?.size ?? 0), 0)
      if ((await repository.isNamed(set, readable.manifest, { path, worthBytes })) === false)
        kept[at] = { ...plan, numbers: [] }
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return kept
}
