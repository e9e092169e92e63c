import { comparePaths, parentPath, type RawPath } from '@coalmine/bytes'
import type { TreeBatch, TreeEntry, TreeProblem } from '@coalmine/filetree'
import type { KnownFiles } from '@coalmine/repository'
import type { SigTarEntry } from '@coalmine/volume-format'
import { isChanged, type Ownership } from './changed.ts'

/** What a backup does with one path. */
export type Step =
  /** It is stored whole: nothing is there to build on. */
  | { readonly step: 'new'; readonly entry: TreeEntry; readonly old?: SigTarEntry }
  /** A regular file, of which the difference to the signed one is stored. */
  | { readonly step: 'changed'; readonly entry: TreeEntry; readonly old: SigTarEntry }
  | { readonly step: 'unchanged'; readonly entry: TreeEntry }
  /** A regular file that is unchanged to the real program, and yet not what it was: it is compared with its signature. */
  | { readonly step: 'touched'; readonly entry: TreeEntry; readonly old: SigTarEntry }
  | { readonly step: 'gone'; readonly old: SigTarEntry }
  /** A socket: no backup holds it. */
  | { readonly step: 'skipped'; readonly entry: TreeEntry }

export interface StepBatch {
  readonly steps: readonly Step[]
  /** What could not be read; its archived state stays what it is. */
  readonly problems: readonly TreeProblem[]
}

/** A full backup: every entry is new. */
export async function* planFull(tree: AsyncIterable<TreeBatch>): AsyncGenerator<StepBatch, void, undefined> {
  for await (const { entries, problems } of tree) {
    const steps = entries.map((entry): Step => ({ step: entry.kind === 'socket' ? 'skipped' : 'new', entry }))
    yield { steps, problems }
  }
}

/** Steps in one batch, about; also when everything is gone. */
const batchSteps = 1024

/**
 * Compares a walk with the archived state, both in the order of paths, and says for each path what an increment does with
 * it. One batch of each is held.
 *
 * What could not be looked at, and everything below it, is not gone: nothing is said of it, so that its archived state
 * stays.
 *
 * @param openKnown - Opens what is known of the files beside what archives hold; called when the first is due.
 */
export async function* planIncrement(
  tree: AsyncIterable<TreeBatch>,
  archived: AsyncIterable<readonly SigTarEntry[]>,
  ownership: Ownership,
  openKnown: () => Promise<Asked | undefined> = () => Promise.resolve(undefined),
): AsyncGenerator<StepBatch, void, undefined> {
  const olds = new Cursor(archived)
  const lost = new LostPaths()
  let known: Asked | undefined
  try {
    known = await openKnown()
    let steps: Step[] = []
    for await (const { entries, problems } of tree) {
      lost.add(problems)
      for (const entry of entries) {
        let old = olds.current ?? (await olds.fill())
        let order = -1
        while (old !== undefined && (order = comparePaths(old.path, entry.path)) < 0) {
          if (!lost.keeps(old.path)) steps.push({ step: 'gone', old })
          if (steps.length >= batchSteps) {
            yield { steps, problems: [] }
            steps = []
          }
          old = olds.next() ?? (await olds.fill())
        }
        const same = order === 0 ? old : undefined
        if (same !== undefined) olds.next()
        if (entry.kind !== 'socket') {
          let step = stepOf(entry, same, ownership)
          if (step.step === 'unchanged' && entry.kind === 'file' && same?.action === 'signature') {
            let judged = known?.judge(entry)
            while (judged === 'more') {
              await known!.read()
              judged = known!.judge(entry)
            }
            if (judged === 'other') step = { step: 'touched', entry, old: same }
          }
          steps.push(step)
        } else {
          // What was in its place is gone, unless that is the root: then there is nothing left to back up.
          if (same !== undefined && same.path !== '') steps.push({ step: 'gone', old: same })
          steps.push({ step: 'skipped', entry })
        }
      }
      const { current } = olds
      if (current !== undefined) lost.passTo(current.path)
      yield { steps, problems }
      steps = []
    }
    for (let old = olds.current ?? (await olds.fill()); old !== undefined; old = olds.next() ?? (await olds.fill())) {
      if (!lost.keeps(old.path)) steps.push({ step: 'gone', old })
      if (steps.length < batchSteps) continue
      yield { steps, problems: [] }
      steps = []
    }
    if (steps.length > 0) yield { steps, problems: [] }
  } finally {
    await olds.close()
    await known?.close()
  }
}

type Asked = Pick<KnownFiles, 'judge' | 'read' | 'close'>

function stepOf(entry: TreeEntry, old: SigTarEntry | undefined, ownership: Ownership): Step {
  if (old?.meta === undefined) return { step: 'new', entry }
  if (!isChanged(entry, old.meta, ownership)) return { step: 'unchanged', entry }
  // Only what was a regular file has a signature, and then only a file has something to compare with it.
  return { step: entry.kind === 'file' && old.action === 'signature' ? 'changed' : 'new', entry, old }
}

/** Entries one by one, without waiting for those that are here. */
class Cursor {
  readonly #batches: AsyncIterator<readonly SigTarEntry[]>
  #batch: readonly SigTarEntry[] = []
  #at = 0
  #ended = false

  constructor(batches: AsyncIterable<readonly SigTarEntry[]>) {
    this.#batches = batches[Symbol.asyncIterator]()
  }

  /** The entry that is due; `undefined` when the batch is used up. */
  get current(): SigTarEntry | undefined {
    return this.#batch[this.#at]
  }

  next(): SigTarEntry | undefined {
    this.#at += 1
    return this.#batch[this.#at]
  }

  /** Waits for the entry that is due; `undefined` at the end of all. */
  async fill(): Promise<SigTarEntry | undefined> {
    while (this.#at >= this.#batch.length && !this.#ended) {
      const { done, value } = await this.#batches.next()
      this.#ended = done === true
      this.#batch = done === true ? [] : value
      this.#at = 0
    }
    return this.current
  }

  async close(): Promise<void> {
    await this.#batches.return?.()
  }
}

// Above it, what lies behind is looked for and forgotten.
const manyLost = 4096

/** Paths that could not be looked at: what is archived there and below is not gone. */
class LostPaths {
  readonly #paths = new Set<RawPath>()
  #limit = manyLost

  add(problems: readonly TreeProblem[]): void {
    for (const { path } of problems) this.#paths.add(path)
  }

  /** Whether the archived state of `path` stays. That of the root always does: everything else is in it. */
  keeps(path: RawPath): boolean {
    if (this.#paths.size === 0) return path === ''
    for (let at: RawPath | undefined = path; at !== undefined; at = parentPath(at)) {
      if (this.#paths.has(at)) return true
    }
    return path === ''
  }

  /** Nothing before `path` will be asked for any more. */
  passTo(path: RawPath): void {
    if (this.#paths.size < this.#limit) return
    for (const lost of this.#paths) {
      if (comparePaths(lost, path) < 0 && !path.startsWith(lost === '' ? '' : `${lost}/`)) this.#paths.delete(lost)
    }
    this.#limit = Math.max(manyLost, 2 * this.#paths.size)
  }
}
