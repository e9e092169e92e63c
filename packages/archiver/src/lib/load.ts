import type { RawPath } from '@coalmine/bytes'
import type { Tree, TreeEntry } from '@coalmine/filetree'
import { BLOCK_BYTES } from '@coalmine/volume-format'
import type { Step, StepBatch } from './plan.ts'

/** Contents of small files that are asked for at a time, in bytes. */
const loadBytes = 2 * 1_048_576

/**
 * Fetches the contents of the small files that a plan wants, many at a time: a question for each would cost more than the
 * reading. A file is from here on what it was when its content was read; one that vanished in between is gone.
 */
export async function* loadContents(
  plan: AsyncIterable<StepBatch>,
  tree: Pick<Tree, 'load'>,
): AsyncGenerator<StepBatch, void, undefined> {
  for await (const batch of plan) {
    let { problems } = batch
    let from = 0
    let wanted: RawPath[] = []
    let bytes = 0
    for (const [at, step] of batch.steps.entries()) {
      if (!wantsContent(step)) continue
      if (bytes + step.entry.size > loadBytes && wanted.length > 0) {
        yield await loaded(batch.steps.slice(from, at), wanted, problems, tree)
        problems = []
        from = at
        wanted = []
        bytes = 0
      }
      wanted.push(step.entry.path)
      bytes += step.entry.size
    }
    yield await loaded(from === 0 ? batch.steps : batch.steps.slice(from), wanted, problems, tree)
  }
}

function wantsContent(step: Step): step is Extract<Step, { step: 'new' | 'changed' | 'touched' }> {
  if (step.step !== 'new' && step.step !== 'changed' && step.step !== 'touched') return false
  const { kind, size, content } = step.entry
  return kind === 'file' && content === undefined && size < BLOCK_BYTES
}

async function loaded(
  steps: readonly Step[],
  wanted: readonly RawPath[],
  problems: StepBatch['problems'],
  tree: Pick<Tree, 'load'>,
): Promise<StepBatch> {
  if (wanted.length === 0) return { steps, problems }
  const found = await tree.load(wanted, { contentUpTo: BLOCK_BYTES })
  const entries = new Map<RawPath, TreeEntry>(found.entries.map((entry) => [entry.path, entry]))
  const unread = new Set(found.problems.map(({ path }) => path))
  const filled = steps.flatMap((step): Step[] => {
    if (!wantsContent(step)) return [step]
    const { path } = step.entry
    const entry = entries.get(path)
    if (entry !== undefined) return [{ ...step, entry }]
    // What cannot be read keeps its archived state.
    return unread.has(path) || step.old === undefined ? [] : [{ step: 'gone', old: step.old }]
  })
  return { steps: filled, problems: [...problems, ...found.problems] }
}
