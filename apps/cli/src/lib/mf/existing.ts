import { UsageError } from '../exit-codes.ts'
import type { Settings } from '../settings.ts'

/** What to do where a file of that name with other bytes is there. */
export type Existing = 'refuse' | 'replace' | 'keep' | 'skip'

/** @throws UsageError */
export function existingOf<T extends Existing>(settings: Settings, allowed: readonly T[]): T {
  const said = settings.text('existing') ?? 'refuse'
  const found = allowed.find((one) => one === said)
  if (found === undefined) {
    throw new UsageError(`Cannot take "--existing ${said}": it may be ${allowed.join(', ')}`)
  }
  return found
}
