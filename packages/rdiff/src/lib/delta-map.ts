import type { ByteSource } from '@coalmine/bytes'
import { DeltaDecoder } from './delta-decoder.ts'
import { RdiffError } from './rdiff-error.ts'

/** Bytes of the delta decoded at a time. */
const stepBytes = 65_536

/**
 * Where the content that a delta makes comes from: its segments in order, 16 bytes of memory for each, or twice that
 * where room was made for more. Each is a stretch of what the delta was made against, or of the delta itself.
 */
export class DeltaMap {
  /** Bytes that the delta makes. */
  size = 0
  count = 0
  /** Where each segment begins in the content. */
  #starts = new Float64Array(4)
  /** Where it comes from: a position in the basis; or in the delta, then -1 minus it. */
  #origins = new Float64Array(4)

  start(segment: number): number {
    return this.#starts[segment]!
  }

  /** Where the segment ends, which is where the next one begins. */
  end(segment: number): number {
    return segment + 1 < this.count ? this.#starts[segment + 1]! : this.size
  }

  origin(segment: number): number {
    return this.#origins[segment]!
  }

  /** The segment that the byte at `position` belongs to. */
  find(position: number): number {
    let low = 0
    let high = this.count - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#starts[middle]! <= position) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Adds a segment at the end; one that goes on where the last one ended makes that one longer. */
  add(origin: number, length: number): void {
    const last = this.count - 1
    const lastLength = last < 0 ? 0 : this.size - this.#starts[last]!
    const lastOrigin = this.#origins[last]!
    const goesOn =
      last >= 0 && lastOrigin < 0 === origin < 0 && lastOrigin + (origin < 0 ? -lastLength : lastLength) === origin
    if (!goesOn) {
      if (this.count === this.#starts.length) this.#grow()
      this.#starts[this.count] = this.size
      this.#origins[this.count] = origin
      this.count += 1
    }
    this.size += length
  }

  #grow(): void {
    const [starts, origins] = [this.#starts, this.#origins]
    this.#starts = new Float64Array(2 * this.count)
    this.#starts.set(starts)
    this.#origins = new Float64Array(2 * this.count)
    this.#origins.set(origins)
  }
}

/**
 * About how many stretches of the basis and of the deltas the content that the last of them makes is put together from,
 * when each was made against what the one before it makes.
 */
export function countStretches(maps: readonly DeltaMap[]): number {
  let below: { map: DeltaMap; counts: Float64Array } | undefined
  for (const map of maps) {
    // How many there are before each segment.
    const counts = new Float64Array(map.count + 1)
    for (let i = 0; i < map.count; i++) {
      const origin = map.origin(i)
      const length = map.end(i) - map.start(i)
      const whole = below === undefined || origin < 0
      const own = whole ? 1 : 1 + stretchesBefore(below!, origin + length) - stretchesBefore(below!, origin)
      counts[i + 1] = counts[i]! + own
    }
    below = { map, counts }
  }
  return below === undefined ? 1 : below.counts[below.map.count]!
}

function stretchesBefore({ map, counts }: { map: DeltaMap; counts: Float64Array }, position: number): number {
  const segment = map.find(position)
  const part = (position - map.start(segment)) / (map.end(segment) - map.start(segment))
  return counts[segment]! + part * (counts[segment + 1]! - counts[segment]!)
}

/**
 * Reads a delta through.
 *
 * @param basisBytes - How many bytes there are to copy from.
 * @param limits - What the delta may make, and of how many segments.
 * @throws RdiffError on a delta that is damaged, makes too much, or copies what the basis does not have.
 */
export async function mapDelta(
  delta: ByteSource,
  basisBytes: number,
  limits: { maxBytes: number; maxSegments: number; signal?: AbortSignal },
): Promise<DeltaMap> {
  const { maxBytes, maxSegments, signal } = limits
  const decoder = new DeltaDecoder(basisBytes, maxBytes)
  const map = new DeltaMap()
  for await (const chunk of delta.open()) {
    signal?.throwIfAborted()
    for (let at = 0; at < chunk.length; at += stepBytes) {
      for (const command of decoder.push(chunk.subarray(at, at + stepBytes))) {
        if (command.literal === undefined) map.add(command.start, command.length)
        else map.add(-1 - command.at, command.literal.length)
        if (map.count > maxSegments) {
          throw new RdiffError('segments', 'Cannot apply deltas at once: they have more segments than may be held')
        }
      }
    }
  }
  decoder.finish()
  return map
}
