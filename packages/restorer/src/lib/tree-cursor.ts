import type { RawPath } from '@coalmine/bytes'
import { comparePaths } from '@coalmine/bytes'
import type { Tree, TreeBatch, TreeEntry } from '@coalmine/filetree'

/** One name of the tree: its entry, or what kept it from being looked at. */
export type Found =
  | { readonly path: RawPath; readonly entry: TreeEntry }
  | { readonly path: RawPath; readonly entry?: undefined; readonly problem: string }

/** Goes through a tree entry by entry, in order. Sockets are passed over: no backup holds them. */
export class TreeCursor {
  /** The entry at hand, looked at and not taken; `undefined` when none is. */
  current: Found | undefined
  readonly #batches: AsyncIterator<TreeBatch>
  readonly #signal: AbortSignal | undefined
  #waiting: Found[] = []
  #at = 0

  /** @param contentUpTo - Smaller files come with their content. */
  constructor(tree: Tree, contentUpTo: number, signal?: AbortSignal) {
    this.#batches = tree.walk({ contentUpTo })[Symbol.asyncIterator]()
    this.#signal = signal
  }

  /** The entry at hand, or the next one. */
  async next(): Promise<Found | undefined> {
    while (this.current === undefined) {
      this.current = this.#waiting[this.#at++]
      if (this.current !== undefined) break
      this.#signal?.throwIfAborted()
      const batch = await this.#batches.next()
      if (batch.done === true) return undefined
      this.#waiting = foundIn(batch.value)
      this.#at = 0
    }
    return this.current
  }

  /** Done with the entry at hand. */
  take(): void {
    this.current = undefined
  }

  async close(): Promise<void> {
    await this.#batches.return?.()
  }
}

/** Entries and what could not be looked at, in order. Folders that cannot be listed are both. */
function foundIn({ entries, problems }: TreeBatch): Found[] {
  const known = new Set(entries.map(({ path }) => path))
  const found: Found[] = entries.filter(({ kind }) => kind !== 'socket').map((entry) => ({ path: entry.path, entry }))
  for (const problem of problems)
    if (!known.has(problem.path)) found.push({ path: problem.path, problem: problem.message })
  return problems.length === 0 ? found : found.sort((a, b) => comparePaths(a.path, b.path))
}
