import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import {
  createTreeWriter,
  openTree,
  type OpenTreeOptions,
  ownerNames,
  type TreeEntry,
  type TreeProblem,
  type TreeWriterOptions,
  type WalkOptions,
  type WriteEntry,
  type WriteProblem,
} from '../src/index.ts'

/** The whole of a walk. */
export async function walkAll(
  root: string | Buffer,
  options: OpenTreeOptions & WalkOptions = {},
): Promise<{ entries: TreeEntry[]; problems: TreeProblem[] }> {
  const tree = await openTree(root, options)
  const entries: TreeEntry[] = []
  const problems: TreeProblem[] = []
  try {
    for await (const batch of tree.walk(options)) {
      entries.push(...batch.entries)
      problems.push(...batch.problems)
    }
  } finally {
    await tree.close()
  }
  return { entries, problems }
}

/** The walk without contents and what changes by looking: to compare two walks. */
export function plain(entries: readonly TreeEntry[]): object[] {
  return entries.map((entry) => ({ ...entry, content: entry.content && Buffer.from(entry.content).toString('hex') }))
}

const owners = ownerNames({ ask: false })

function toWriteEntry(entry: TreeEntry): WriteEntry {
  const { path, kind, mode, uid, gid, mtimeSeconds, linkTarget, devMajor, devMinor } = entry
  const [userName, groupName] = [owners.userName(uid), owners.groupName(gid)]
  return { path, kind, mode, uid, gid, mtimeSeconds, userName, groupName, linkTarget, devMajor, devMinor }
}

/** Copies a tree by walking and writing; sockets are left out. */
export async function copyTree(
  from: string,
  to: string,
  options: Partial<TreeWriterOptions> & { read?: OpenTreeOptions & WalkOptions } = {},
): Promise<WriteProblem[]> {
  const problems: WriteProblem[] = []
  const { read = {}, ...rest } = options
  const tree = await openTree(from, read)
  const writer = createTreeWriter(to, { ownership: 'by-name', onProblem: (problem) => problems.push(problem), ...rest })
  try {
    for await (const batch of tree.walk(read)) {
      for (const entry of batch.entries) {
        const wanted = toWriteEntry(entry)
        if (entry.kind === 'directory') writer.directory(wanted)
        else if (entry.kind === 'symlink') writer.symlink(wanted)
        else if (entry.kind === 'fifo') writer.fifo(wanted)
        else if (entry.kind !== 'file' && entry.kind !== 'socket') writer.device(wanted)
        else if (entry.content !== undefined) writer.file(wanted, entry.content)
        else if (entry.kind === 'file') {
          const sink = writer.openFile(wanted)
          for await (const piece of tree.open(entry)) sink.write(piece)
          sink.commit()
        }
      }
    }
    writer.finish()
  } finally {
    writer.close()
    await tree.close()
  }
  return problems
}

/** What a test wants to write, with the rest made up. */
export function entry(path: string, kind: WriteEntry['kind'], rest: Partial<WriteEntry> = {}): WriteEntry {
  const uid = process.getuid?.() ?? 0
  const gid = process.getgid?.() ?? 0
  const mode = kind === 'directory' ? 0o755 : 0o644
  const made = { path: path as RawPath, kind, mode, uid, gid, mtimeSeconds: 1_600_000_000, userName: '', groupName: '' }
  return { ...made, ...rest }
}

/** A path in a folder, where the name is given as latin1. */
export function inFolder(folder: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(join(folder, '/')), Buffer.from(name, 'latin1')])
}
