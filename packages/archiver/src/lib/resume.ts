import { comparePaths } from '@coalmine/bytes'
import type { TreeEntry } from '@coalmine/filetree'
import type { Mark, ResumePoint } from '@coalmine/repository'
import type { Step, StepBatch } from './plan.ts'

/** The file within which a stored volume ends is no longer what it was: its beginning has to be stored again. */
export class SplitFileChanged extends Error {}

/** What tells that a file is still the same. */
export function markOf({ size, mtimeSeconds, mtimeNanos, ctimeMs, inode }: TreeEntry): Mark {
  return { size, mtimeSeconds, mtimeNanos, ctimeMs, inode }
}

function hasMark(entry: TreeEntry, mark: Mark | undefined): boolean {
  return mark !== undefined && Object.entries(markOf(entry)).every(([name, value]) => mark[name] === value)
}

/**
 * The rest of a plan, behind what is stored already. What lies before is not looked at again: it is stored as it was, and
 * the next increment will see what has changed since.
 *
 * @param onStored - Called with each step that is left out.
 * @throws SplitFileChanged when the file that goes on is not what it was.
 */
export async function* behind(
  plan: AsyncIterable<StepBatch>,
  { path, block, mark }: ResumePoint,
  onStored: (step: Step) => void,
): AsyncGenerator<StepBatch, void, undefined> {
  let isBehind = false
  const takes = (step: Step): boolean => {
    if (isBehind) return true
    const order = comparePaths(step.step === 'gone' ? step.old.path : step.entry.path, path)
    if (order < 0 || (order === 0 && block === undefined)) {
      onStored(step)
      return false
    }
    isBehind = true
    if (block === undefined) return true
    const isFile = step.step !== 'gone' && step.step !== 'unchanged' && step.entry.kind === 'file'
    if (order === 0 && isFile && hasMark(step.entry, mark)) return true
    throw new SplitFileChanged()
  }
  for await (const { steps, problems } of plan) yield { steps: steps.filter(takes), problems }
  if (!isBehind && block !== undefined) throw new SplitFileChanged()
}
