import { comparePaths, type ByteSource, type ByteStream, type RawPath } from '@coalmine/bytes'
import type { ScratchFile } from '@coalmine/filetree'
import { patch, patchAll, RdiffError } from '@coalmine/rdiff'
import type { DiffTarEntry, DiffTarPart } from '@coalmine/volume-format'
import { LostData, type Loss } from './losses.ts'
import { Scratch } from './scratch.ts'
import type { SetReader } from './set-reader.ts'

export interface MergeOptions {
  /** Opens a file for what does not fit in memory of the states of the file at `path`. */
  readonly scratch: (path: RawPath) => ScratchFile
  /** The state of a path cannot be told from the sets. Its entry may have been yielded, with a part of its data. */
  readonly onProblem: (path: RawPath, message: string) => void
  /**
   * Changes of one file are put together in memory up to so many segments, of 48 bytes each; with more of them, the file
   * is made anew for each change. 1,000,000 by default.
   */
  readonly maxSegments?: number
  readonly signal?: AbortSignal
}

// Deltas of one file below this are held in memory.
const deltaMemoryBytes = 16 << 20

export const nothingToBuildOn = 'what its changes build on is missing'

/**
 * The state after the last of the sets, as the parts of one full set.
 *
 * Of each path everything before its last whole state is dropped; `deleted` is no state; otherwise the changes after it
 * are applied in order.
 *
 * @param readers - One per set, the full one first, all of one chain.
 */
export async function* mergeSets(readers: readonly SetReader[], options: MergeOptions): AsyncIterable<DiffTarPart[]> {
  await Promise.all(readers.map((reader) => reader.next()))
  for (;;) {
    const group = lowest(readers)
    if (group.length === 0) return
    yield* mergeGroup(readers, group, options)
    await Promise.all(group.map((reader) => reader.next()))
  }
}

/**
 * The same of one path.
 *
 * @param group - Those of the readers that are at it.
 */
export async function* mergeGroup(
  readers: readonly SetReader[],
  group: readonly SetReader[],
  options: MergeOptions,
): AsyncIterable<DiffTarPart[]> {
  const path = group[0]!.entry!.path
  const base = group.findLastIndex((reader) => reader.entry!.action !== 'diff')
  const states = group.slice(Math.max(base, 0))
  const lost = lossOf(readers, group, states, path)
  if (lost !== undefined) {
    options.onProblem(path, `what it was then lies in "${lost.key}", which cannot be read`)
  } else if (base < 0) {
    options.onProblem(path, nothingToBuildOn)
  } else if (states[0]!.entry!.action === 'deleted') {
    if (states.length > 1) options.onProblem(path, 'it was changed after it was deleted')
  } else {
    yield* writeState(states, options)
  }
}

/** Why it cannot be told what the last sets say of a path: those from its last whole state on. */
function lossOf(
  readers: readonly SetReader[],
  group: readonly SetReader[],
  states: readonly SetReader[],
  path: RawPath,
): Loss | undefined {
  const since = readers.slice(readers.indexOf(states[0]!))
  // Of several, the newest: it alone would be enough.
  for (const reader of since.toReversed()) {
    const loss = group.includes(reader) ? reader.lost : reader.unknown(path)
    if (loss !== undefined) return loss
  }
  return undefined
}

/** The readers that are at the first path of all, in the order of their sets. */
export function lowest(readers: readonly SetReader[]): SetReader[] {
  let group: SetReader[] = []
  for (const reader of readers) {
    if (reader.entry === undefined) continue
    const order = group.length === 0 ? -1 : comparePaths(reader.entry.path, group[0]!.entry!.path)
    if (order < 0) group = [reader]
    else if (order === 0) group.push(reader)
  }
  return group
}

async function* writeState(states: readonly SetReader[], options: MergeOptions): AsyncIterable<DiffTarPart[]> {
  const entries = states.map((reader) => reader.entry!)
  const missing = entries.find((entry) => (entry.firstBlock ?? 1) !== 1)
  const [snapshot, ...diffs] = entries
  if (missing !== undefined || (diffs.length > 0 && snapshot!.meta!.kind !== 'file')) {
    const what =
      missing === undefined ? `its changes build on a ${snapshot!.meta!.kind}` : 'the beginning of it is missing'
    options.onProblem(snapshot!.path, what)
    return
  }
  const entry: DiffTarEntry = { action: 'snapshot', path: snapshot!.path, meta: entries.at(-1)!.meta }
  yield [{ type: 'entry', entry }]
  if (diffs.length === 0) {
    try {
      for await (const bytes of states[0]!.data()) yield [{ type: 'data', bytes }]
    } catch (error) {
      if (!(error instanceof LostData)) throw error
      options.onProblem(entry.path, `a part of it is lost: ${error.message}`)
      return
    }
  } else {
    try {
      for await (const bytes of patched(states, options)) yield [{ type: 'data', bytes }]
    } catch (error) {
      // One change that cannot be applied costs one file. The volumes were what their manifests say.
      if (!(error instanceof RdiffError || error instanceof LostData)) throw error
      const what = error instanceof LostData ? 'a part of it is lost' : 'a change of it cannot be applied'
      options.onProblem(entry.path, `${what}: ${error.message}`)
      return
    }
  }
  yield [{ type: 'end' }]
}

/** The content after the last change. */
async function* patched(states: readonly SetReader[], options: MergeOptions): ByteStream {
  const { maxSegments = 1_000_000, signal } = options
  const [first, ...changes] = states
  const { path } = first!.entry!
  const openFile = () => options.scratch(path)
  const [oldest, between] = [new Scratch(openFile), new Scratch(openFile, deltaMemoryBytes)]
  try {
    const basis = await oldest.fill(first!.data())
    if (changes.length === 1) {
      yield* patch(basis, changes[0]!.data(), { signal })
      return
    }
    const deltas = await spooled(changes, between)
    const all = patchAll(basis, deltas, { maxSegments, signal })[Symbol.asyncIterator]()
    let next: IteratorResult<Uint8Array>
    try {
      next = await all.next()
    } catch (error) {
      // Too many for the memory, or too often the same: known before a byte comes.
      if (!(error instanceof RdiffError && error.code === 'segments')) throw error
      yield* patchedInTurn(basis, deltas, openFile, signal)
      return
    }
    try {
      for (; next.done !== true; next = await all.next()) yield next.value
    } finally {
      await all.return?.()
    }
  } finally {
    oldest.close()
    between.close()
  }
}

/** The data of all entries, one behind the other in the scratch. */
async function spooled(changes: readonly SetReader[], scratch: Scratch): Promise<ByteSource[]> {
  const ends = [0]
  const all = await scratch.fill(
    (async function* () {
      for (const change of changes) {
        let end = ends.at(-1)!
        for await (const bytes of change.data()) {
          end += bytes.length
          yield bytes
        }
        ends.push(end)
      }
    })(),
  )
  return changes.map((_, i) => part(all, ends[i]!, ends[i + 1]!))
}

function part(source: ByteSource, from: number, to: number): ByteSource {
  const size = to - from
  return { size, open: ({ start = 0, end = size } = {}) => source.open({ start: from + start, end: from + end }) }
}

/** The same, one delta after the other; of the states in between, two are held at a time. */
async function* patchedInTurn(
  oldest: ByteSource,
  deltas: readonly ByteSource[],
  openFile: () => ScratchFile,
  signal: AbortSignal | undefined,
): ByteStream {
  let basis = oldest
  let held: Scratch | undefined
  try {
    for (const delta of deltas.slice(0, -1)) {
      const next = new Scratch(openFile)
      try {
        basis = await next.fill(patch(basis, delta.open(), { signal }))
      } catch (error) {
        next.close()
        throw error
      }
      held?.close()
      held = next
    }
    yield* patch(basis, deltas.at(-1)!.open(), { signal })
  } finally {
    held?.close()
  }
}
