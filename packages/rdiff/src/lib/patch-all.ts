import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { BasisReader } from './basis-reader.ts'
import { countStretches, type DeltaMap, mapDelta } from './delta-map.ts'
import { Gatherer } from './gatherer.ts'
import { patch } from './patch.ts'
import { RdiffError } from './rdiff-error.ts'

export interface PatchAllOptions {
  /** What the last delta may make at most, in bytes; unlimited by default. What the others make is made nowhere. */
  readonly maxBytes?: number
  /**
   * Segments of all deltas together: what they copy and what they bring, where the one ends and the other begins. Each
   * takes at most 48 bytes of memory. 2,000,000 by default.
   */
  readonly maxSegments?: number
  readonly signal?: AbortSignal
}

/** Bytes for reading ahead, of the basis and all deltas together, and what each has at least. */
const windowsBytes = 16 << 20
const smallestWindow = 16_384
const largestWindow = 262_144
/** How many stretches may be read for each segment, on the whole. */
const mostRepeated = 8

/**
 * Applies deltas that build on one another, all at once: the content that the last one describes. What lies between is
 * made nowhere: each byte is read once, from the basis or from the delta that brought it.
 *
 * All deltas are read through before the first byte comes. It holds their segments and some windows of 16 to 256 KiB:
 * 16 MiB of them, or 16 KiB for each delta above a thousand.
 *
 * @param basis - The oldest content; opened for ranges.
 * @param deltas - The first was made against the basis, each other one against what the one before it makes.
 * @throws RdiffError on a delta that is damaged, makes too much, or copies what is not there; `segments` when there are too
 * many of them, or many of them are copied many times: before anything is yielded, so that the deltas can be applied one by
 * one instead.
 * @example
 * const newest = await collect(patchAll(fromBytes(old), [fromBytes(monday), fromBytes(tuesday)]))
 */
export async function* patchAll(
  basis: ByteSource,
  deltas: readonly ByteSource[],
  options: PatchAllOptions = {},
): ByteStream {
  const { maxBytes = Number.MAX_SAFE_INTEGER, maxSegments = 2_000_000, signal } = options
  if (!(maxBytes >= 0 && maxSegments >= 0)) {
    throw new RangeError(`Cannot make at most ${maxBytes} bytes of ${maxSegments} segments: not limits`)
  }
  signal?.throwIfAborted()
  if (deltas.length === 1) {
    // Nothing to put together: one delta can be of any number of segments.
    yield* patch(basis, deltas[0]!.open(), { maxBytes, signal })
    return
  }
  const maps: DeltaMap[] = []
  let size = basis.size
  let left = maxSegments
  for (const [i, delta] of deltas.entries()) {
    // Positions are counted exactly, however much the deltas claim to make.
    const most = i === deltas.length - 1 ? Math.min(maxBytes, Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER
    const map = await mapDelta(delta, size, { maxBytes: most, maxSegments: left, signal })
    maps.push(map)
    size = map.size
    left -= map.count
  }
  // What one delta brings in small pieces another may copy again and again: each time it is put together anew here, and
  // only once when the deltas are applied one after the other.
  const segments = maxSegments - left
  if (countStretches(maps) > mostRepeated * segments + 10_000) {
    throw new RdiffError('segments', 'Cannot apply deltas at once: what is in small pieces is copied again and again')
  }
  // Only where there is no delta at all.
  if (size > maxBytes) {
    throw new RdiffError('too-large', `Cannot apply no delta: the basis has more than ${maxBytes} bytes`)
  }
  yield* read([basis, ...deltas], new Resolver(maps, size), signal)
}

async function* read(sources: readonly ByteSource[], resolver: Resolver, signal?: AbortSignal): ByteStream {
  const window = Math.min(largestWindow, Math.max(smallestWindow, Math.floor(windowsBytes / sources.length)))
  const readers = sources.map((source) => new BasisReader(source, window))
  const output = new Gatherer()
  while (resolver.next()) {
    signal?.throwIfAborted()
    const reader = readers[resolver.source]!
    const held = reader.held(resolver.start, resolver.length)
    if (held !== undefined) {
      for (const ready of output.add(held)) yield ready
      continue
    }
    for await (const part of reader.read(resolver.start, resolver.length)) {
      signal?.throwIfAborted()
      for (const ready of output.add(part)) yield ready
    }
  }
  for (const ready of output.flush()) yield ready
}

/** Says, stretch by stretch, where the content that the last delta makes is to be read. */
class Resolver {
  /** 0 for the basis, else the number of the delta, from 1 on. */
  source = 0
  start = 0
  length = 0
  readonly #maps: readonly DeltaMap[]
  /** What is being resolved, from the last delta downwards: stretches of what deltas make. */
  readonly #stack: { map: number; segment: number; at: number; end: number }[] = []
  /** The stretch after this one, if it is known. */
  #ahead: { source: number; start: number; length: number } | undefined

  constructor(maps: readonly DeltaMap[], size: number) {
    this.#maps = maps
    this.#push(maps.length - 1, 0, size)
    this.#ahead = this.#resolve()
  }

  /** Goes on to the next stretch; false at the end. Stretches that follow each other in one source are one. */
  next(): boolean {
    if (this.#ahead === undefined) return false
    const { source, start } = this.#ahead
    let { length } = this.#ahead
    for (;;) {
      this.#ahead = this.#resolve()
      if (this.#ahead?.source !== source || this.#ahead.start !== start + length) break
      length += this.#ahead.length
    }
    this.source = source
    this.start = start
    this.length = length
    return true
  }

  #push(map: number, start: number, end: number): void {
    if (end > start) this.#stack.push({ map, segment: map < 0 ? 0 : this.#maps[map]!.find(start), at: start, end })
  }

  #resolve(): { source: number; start: number; length: number } | undefined {
    for (let top = this.#stack.at(-1); top !== undefined; top = this.#stack.at(-1)) {
      const start = top.at
      if (top.map < 0) {
        this.#stack.pop()
        return { source: 0, start, length: top.end - start }
      }
      const map = this.#maps[top.map]!
      const { segment } = top
      const end = Math.min(top.end, map.end(segment))
      const origin = map.origin(segment)
      const into = start - map.start(segment)
      if (end === top.end) this.#stack.pop()
      top.at = end
      top.segment += 1
      if (origin < 0) return { source: top.map + 1, start: -1 - origin + into, length: end - start }
      this.#push(top.map - 1, origin + into, origin + into + end - start)
    }
    return undefined
  }
}
