import type { ByteStream, RawPath } from '@coalmine/bytes'
import type { Owners, Tree, TreeBatch, TreeEntry, TreeProblem } from '@coalmine/filetree'

export type FakeEntry = Partial<TreeEntry> & {
  path: RawPath
  /** What reading gives, as opposed to what lstat said. For large files: pieces, or an error at that place. */
  reads?: readonly (Uint8Array | Error)[]
}

export const raw = (path: string) => path as RawPath

export const root: FakeEntry = { path: raw(''), kind: 'directory' }

/** A file with its content, as a walk gives it: with the content when it is small. */
export function fileOf(path: string, content: Uint8Array, more: Partial<FakeEntry> = {}): FakeEntry {
  const isSmall = content.length < 65_536
  return {
    path: raw(path),
    kind: 'file',
    size: content.length,
    content: isSmall ? content : undefined,
    reads: [content],
    ...more,
  }
}

export interface FakeTree extends Tree {
  /** Paths that were opened, and those whose stream was let go of. */
  readonly opened: string[]
  readonly closed: string[]
  /** Paths whose contents were asked for together. */
  readonly loaded: string[]
  /** Whether the walk was ended, by its end or from outside. */
  walkEnded: boolean
}

/** A tree of entries as they are given, in their order, in batches; nothing is looked at twice. */
export function fakeTree(
  batches: readonly (readonly (FakeEntry | TreeProblem)[])[],
  onBatch: (index: number) => void | Promise<void> = () => undefined,
): FakeTree {
  const reads = new Map<string, readonly (Uint8Array | Error)[]>()
  const made: TreeBatch[] = batches.map((batch) => {
    const entries: TreeEntry[] = []
    const problems: TreeProblem[] = []
    for (const one of batch) {
      if ('operation' in one) {
        problems.push(one)
        continue
      }
      const { reads: pieces, ...entry } = one
      if (pieces !== undefined) reads.set(entry.path, pieces)
      entries.push({ ...defaults, ...entry })
    }
    return { entries, problems }
  })
  const opened: string[] = []
  const closed: string[] = []
  const loaded: string[] = []
  const tree: FakeTree = {
    opened,
    closed,
    loaded,
    walkEnded: false,
    async *walk({ contentUpTo = 0 } = {}) {
      try {
        for (const [index, batch] of made.entries()) {
          await onBatch(index)
          if (contentUpTo > 0) yield batch
          else yield { ...batch, entries: batch.entries.map((entry) => ({ ...entry, content: undefined })) }
        }
      } finally {
        tree.walkEnded = true
      }
    },
    async *open({ path }): ByteStream {
      opened.push(path)
      try {
        for (const piece of reads.get(path) ?? []) {
          if (piece instanceof Error) throw piece
          if (piece.length > 0) yield piece
        }
      } finally {
        closed.push(path)
      }
    },
    async load(paths, { contentUpTo = 0 } = {}) {
      loaded.push(...paths)
      const found: TreeBatch = { entries: [], problems: [] }
      for (const path of paths) {
        const entry = made.flatMap(({ entries }) => entries).find((one) => one.path === path)
        const pieces = reads.get(path)
        const failure = pieces?.find((piece) => piece instanceof Error)
        if (failure !== undefined)
          found.problems.push({ path, operation: 'read', code: 'EIO', message: failure.message })
        // What has no content is not there any more.
        if (entry === undefined || pieces === undefined || failure !== undefined) continue
        const content = Buffer.concat(pieces as readonly Uint8Array[])
        found.entries.push({ ...entry, content: content.length < contentUpTo ? content : undefined })
      }
      return found
    },
    close: () => Promise.resolve(),
  }
  return tree
}

const defaults = {
  kind: 'file' as const,
  mode: 0o644,
  uid: 1000,
  gid: 100,
  size: 0,
  mtimeSeconds: 1_600_000_000,
  mtimeNanos: 999_999_999,
  ctimeMs: 0,
  inode: 1,
  device: 1,
  devMajor: 0,
  devMinor: 0,
}

export const nobody: Owners = {
  userName: (uid) => (uid === 1000 ? 'me' : ''),
  groupName: (gid) => (gid === 100 ? 'us' : ''),
  uid: () => undefined,
  gid: () => undefined,
}

export function problem(path: string, operation: TreeProblem['operation']): TreeProblem {
  return { path: raw(path), operation, code: 'EACCES', message: `Cannot ${operation} "${path}": permission denied` }
}
