import { comparePaths, isBelow, type RawPath } from '@coalmine/bytes'
import type { Manifest, ManifestVolume } from '@coalmine/volume-format'

/**
 * The volumes of a set that may hold the entry at `path` or something below it, by the ranges in its manifest; all for
 * the root.
 */
export function volumesFor(manifest: Manifest, path: RawPath): number[] {
  const numbers: number[] = []
  for (const volume of manifest.volumes.values()) if (mayHold(volume, path)) numbers.push(volume.number)
  return numbers.sort((a, b) => a - b)
}

function mayHold({ start, end }: ManifestVolume, path: RawPath): boolean {
  const beginsInTime = comparePaths(start.path, path) <= 0 || isBelow(start.path, path)
  return beginsInTime && comparePaths(end.path, path) >= 0
}
