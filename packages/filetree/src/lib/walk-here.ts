import { setImmediate } from 'node:timers/promises'
import { unpackBatch } from './batch.ts'
import type { TreeBatch, WalkOptions } from './entry.ts'
import { onlyTree } from './only.ts'
import { makeSelector } from './select.ts'
import type { TreeRoot } from './tree-root.ts'
import { TreeWalker } from './walker.ts'

/** The tree that a walk in place belongs to. */
export interface Holder {
  /** What is under way and holds descriptors: closed with the tree. */
  readonly open: Set<{ close(): void }>
  /** @throws when the tree was closed or failed. */
  readonly check: () => void
}

/** Walks in this thread, with nothing ahead. Between two batches other work gets its turn. */
export async function* walkHere(
  root: TreeRoot,
  options: WalkOptions,
  { open, check }: Holder,
): AsyncGenerator<TreeBatch, void, undefined> {
  check()
  const { contentUpTo, select, only } = options
  const selector = typeof select === 'object' ? await makeSelector(select.create, select.data) : undefined
  check()
  const walker = new TreeWalker(root, {
    contentUpTo,
    select: typeof select === 'function' ? select : selector?.select.bind(selector),
    only: only === undefined ? undefined : onlyTree(only),
  })
  open.add(walker)
  try {
    for (let batch = walker.next(); batch !== undefined; batch = walker.next()) {
      yield unpackBatch(batch)
      await setImmediate()
      check()
    }
    if (typeof select === 'object') select.onSummary?.(selector?.summary?.())
  } finally {
    open.delete(walker)
    walker.close()
  }
}
