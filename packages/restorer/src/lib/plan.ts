import type { RawPath } from '@coalmine/bytes'
import { type Manifest, mayHold } from '@coalmine/volume-format'

/**
 * The volumes of a set that may hold the entry at `path` or something below it, by the ranges in its manifest; all for
 * the root. In the order in which they are to be read.
 */
export function volumesFor(manifest: Manifest, path: RawPath): number[] {
  const numbers: number[] = []
  for (const volume of manifest.volumes.values()) if (mayHold(volume, path)) numbers.push(volume.number)
  return numbers.sort((a, b) => a - b)
}

/** The first volume that a manifest leaves out: volumes are numbered from 1 without gaps. */
export function missingNumber(manifest: Manifest): number | undefined {
  for (let number = 1; number <= manifest.volumes.size; number++) if (!manifest.volumes.has(number)) return number
  return undefined
}
