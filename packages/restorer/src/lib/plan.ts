import type { RawPath } from '@coalmine/bytes'
import { type BackupSet, type Manifest, mayHold } from '@coalmine/volume-format'

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

/**
 * A volume that is stored but that the manifest does not name, if that can only mean that the manifest has lost its end.
 *
 * A sealed manifest is whole, and one with its list of files too, which comes last: what it does not name was left behind
 * by an interrupted run. A plain one without the list, as it is after a cut, would silently leave out what is in them.
 */
export function unnamedNumber(set: BackupSet, manifest: Manifest): number | undefined {
  if (set.encrypted || manifest.fileCount !== undefined) return undefined
  return [...set.volumes.keys()].find((number) => !manifest.volumes.has(number))
}
