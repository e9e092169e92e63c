import { latin1Of } from './address.ts'
import type { Tree, TreeEntry, TreeProblem, WalkOptions } from './entry.ts'
import { FileTreeError } from './errors.ts'
import { InlineTree } from './inline-tree.ts'
import { startWorkerTree } from './worker-tree.ts'

export interface OpenTreeOptions {
  /**
   * Whether the file system is read in a worker thread, ahead of the consumer; true. Without: in place, same results. A
   * URL is that of a script which calls `serve` of `@coalmine/filetree/worker`: its worker can make selections.
   */
  readonly worker?: boolean | URL
  /** Ends everything: what is under way rejects with its reason. */
  readonly signal?: AbortSignal
  /** Whether symlinks are what they lead to, the root too; false. Links that lead to nothing are not there then. */
  readonly followLinks?: boolean
  /** What a walk may have read before it is taken, in bytes, give or take one batch; 8 MiB. */
  readonly aheadBytes?: number
}

/** The largest content that a walk hands out. */
const largestContent = 16 * 1_048_576

/**
 * Opens a file tree for reading. Close it in the end.
 *
 * The root may be a file too: then the tree has one entry, with the empty path. So has a root that is a symlink: add
 * `/.` to have the folder that it leads to, or ask for `followLinks`.
 *
 * @throws FileTreeError with the system's code when the root is not there or a folder that cannot be opened.
 * @throws RangeError when `aheadBytes` is not a positive integer.
 */
export async function openTree(root: string | Buffer, options: OpenTreeOptions = {}): Promise<Tree> {
  const { worker = true, signal, followLinks = false, aheadBytes = 4 * 1_048_576 } = options
  if (!(Number.isSafeInteger(aheadBytes) && aheadBytes > 0)) {
    throw new RangeError(`Cannot read ${aheadBytes} bytes ahead: it takes a positive integer`)
  }
  signal?.throwIfAborted()
  const path = latin1Of(root)
  const url = worker instanceof URL ? worker : undefined
  const tree = worker === false ? undefined : await startWorkerTree(path, { signal, aheadBytes, followLinks, url })
  return checked(tree ?? new InlineTree(path, { signal, followLinks }))
}

function checked(tree: Tree): Tree {
  return {
    walk: (options = {}) => tree.walk({ ...options, contentUpTo: checkedLimit(options.contentUpTo) }),
    open: (entry) => tree.open(entry),
    async load(paths, options = {}) {
      const limit = checkedLimit(options.contentUpTo)
      // A NUL would be taken for the end of a path.
      const strange = paths.find((path) => path.includes('\0'))
      if (strange !== undefined) throw new RangeError(`Cannot load ${JSON.stringify(strange)}: a path holds no NUL`)
      return paths.length === 0 ? { entries: [], problems: [] } : tree.load(paths, { contentUpTo: limit })
    },
    close: () => tree.close(),
  }
}

function checkedLimit(contentUpTo = 0): number {
  if (Number.isSafeInteger(contentUpTo) && contentUpTo >= 0 && contentUpTo <= largestContent) return contentUpTo
  throw new RangeError(`Cannot read contents up to ${contentUpTo} bytes: it takes 0 to ${largestContent}`)
}

/**
 * Walks a tree entry by entry; in the order of {@link Tree.walk}. What cannot be read is left out and told to
 * `onProblem`; without that, it is thrown.
 *
 * @example
 * for await (const entry of walk('/etc')) console.log(displayPath(entry.path), entry.size)
 */
export async function* walk(
  root: string | Buffer,
  options: OpenTreeOptions & WalkOptions & { onProblem?: (problem: TreeProblem) => void } = {},
): AsyncGenerator<TreeEntry, void, undefined> {
  const { onProblem = refuse, ...rest } = options
  const tree = await openTree(root, rest)
  try {
    for await (const { entries, problems } of tree.walk(rest)) {
      for (const problem of problems) onProblem(problem)
      yield* entries
    }
  } finally {
    await tree.close()
  }
}

function refuse(problem: TreeProblem): never {
  const { code, message, path, operation } = problem
  throw new FileTreeError(code, message, { path, operation })
}
