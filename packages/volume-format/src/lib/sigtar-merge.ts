import { comparePaths, type RawPath } from '@coalmine/bytes'
import type { SigTarEntry } from './sigtar-reader.ts'

/** All that several signature files have of one path. */
export interface SigTarGroup {
  readonly path: RawPath
  /** The newest first; at least one. `file` is the place of its file among those that were given. */
  readonly entries: readonly { readonly file: number; readonly entry: SigTarEntry }[]
}

interface Head {
  entry: SigTarEntry
  batch: SigTarEntry[]
  at: number
  /** Place among the files: the larger, the newer. */
  file: number
  iterator: AsyncIterator<SigTarEntry[]>
}

const batchEntries = 1024

/**
 * The state of the tree after the last of the given signature files: of each path the newest entry counts, and what
 * that says is deleted is left out. One batch of each file is held.
 *
 * @param readers - Of one chain, the full signatures first, each in the order of paths, as `readSigTar` gives them.
 * @returns Entries in the order of paths, in batches; no `deleted` among them.
 */
export async function* mergeSigTars(
  readers: readonly AsyncIterable<SigTarEntry[]>[],
): AsyncGenerator<SigTarEntry[], void, undefined> {
  for await (const groups of groupSigTars(readers)) {
    const merged: SigTarEntry[] = []
    for (const { entries } of groups) {
      const { entry } = entries[0]!
      if (entry.action !== 'deleted') merged.push(entry)
    }
    if (merged.length > 0) yield merged
  }
}

/**
 * What signature files say, path by path: files of any chains, side by side. One batch of each file is held.
 *
 * @param readers - Each in the order of paths, as `readSigTar` gives them; the newest last.
 * @returns Groups in the order of paths, in batches.
 */
export async function* groupSigTars(
  readers: readonly AsyncIterable<SigTarEntry[]>[],
): AsyncGenerator<SigTarGroup[], void, undefined> {
  const iterators = readers.map((reader) => reader[Symbol.asyncIterator]())
  try {
    const heap: Head[] = []
    const batches = await Promise.all(iterators.map(nextBatch))
    for (const [file, batch] of batches.entries()) {
      if (batch !== undefined) push(heap, { entry: batch[0]!, batch, at: 0, file, iterator: iterators[file]! })
    }
    let groups: SigTarGroup[] = []
    let open: { path: RawPath; entries: { file: number; entry: SigTarEntry }[] } | undefined
    while (heap.length > 0) {
      const head = heap[0]!
      const { entry, file } = head
      // The newest comes first.
      if (open?.path === entry.path) {
        open.entries.push({ file, entry })
      } else {
        if (open !== undefined) groups.push(open)
        open = { path: entry.path, entries: [{ file, entry }] }
      }
      head.at += 1
      if (head.at < head.batch.length) {
        head.entry = head.batch[head.at]!
        sink(heap)
        continue
      }
      // A reader is waited for: what is ready goes out, when it is worth a trip.
      if (groups.length >= batchEntries) {
        yield groups
        groups = []
      }
      const batch = await nextBatch(head.iterator)
      if (batch !== undefined) {
        head.batch = batch
        head.at = 0
        head.entry = batch[0]!
      } else {
        const tail = heap.pop()!
        if (heap.length > 0) heap[0] = tail
      }
      sink(heap)
    }
    if (open !== undefined) groups.push(open)
    if (groups.length > 0) yield groups
  } finally {
    await Promise.all(iterators.map(async (iterator) => iterator.return?.()))
  }
}

async function nextBatch(iterator: AsyncIterator<SigTarEntry[]>): Promise<SigTarEntry[] | undefined> {
  for (;;) {
    const next = await iterator.next()
    if (next.done === true) return undefined
    if (next.value.length > 0) return next.value
  }
}

/** Whether `a` is due before `b`: by path, and of one path the newest first. */
function before(a: Head, b: Head): boolean {
  const order = comparePaths(a.entry.path, b.entry.path)
  return order === 0 ? a.file > b.file : order < 0
}

function push(heap: Head[], head: Head): void {
  let at = heap.push(head) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (before(heap[parent]!, head)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = head
}

/** Brings the first of the heap, which has changed, to where it belongs. */
function sink(heap: Head[]): void {
  const head = heap[0]
  if (head === undefined) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1
    if (!before(heap[child]!, head)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = head
}
