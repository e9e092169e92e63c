import { type Repository, RepositoryError } from '@coalmine/repository'
import type { BackupSet } from '@coalmine/volume-format'

/** The volumes of a set that are read one after the other. */
export interface Reading {
  readonly set: BackupSet
  readonly numbers: readonly number[]
}

// Sets of a chain are read side by side. What is fetched ahead lies in the spool, which may be memory.
const mostAhead = 4

/**
 * For which sets the next volume is fetched while one is read: at most four, those with the most volumes, as far as the
 * spool has room for it.
 *
 * @throws RepositoryError `no-space` when the spool has no room for one volume of each set.
 */
export function chooseAhead(
  repository: Pick<Repository, 'requireSpoolSpace'>,
  readings: readonly Reading[],
): boolean[] {
  const chosen = readings.map(() => false)
  const single = readings.reduce((sum, reading) => sum + mostAtATime(reading, false), 0)
  repository.requireSpoolSpace(single)
  const byNeed = [...readings.keys()].sort((a, b) => readings[b]!.numbers.length - readings[a]!.numbers.length)
  let bytes = single
  for (const at of byNeed.slice(0, mostAhead)) {
    const reading = readings[at]!
    if (reading.numbers.length < 2) break
    bytes += mostAtATime(reading, true) - mostAtATime(reading, false)
    if (!hasRoom(repository, bytes)) break
    chosen[at] = true
  }
  return chosen
}

function hasRoom(repository: Pick<Repository, 'requireSpoolSpace'>, bytes: number): boolean {
  try {
    repository.requireSpoolSpace(bytes)
    return true
  } catch (error) {
    // Slower, but it will do.
    if (error instanceof RepositoryError && error.code === 'no-space') return false
    throw error
  }
}

/** Bytes of a set that lie in the spool at a time: a volume, or with the next one. */
function mostAtATime({ set: { volumes }, numbers }: Reading, ahead: boolean): number {
  const sizes = numbers.map((number) => volumes.get(number)?.size ?? 0)
  return sizes.reduce((most, size, at) => Math.max(most, size + (ahead ? (sizes[at + 1] ?? 0) : 0)), 0)
}
