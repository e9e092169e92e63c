import { errorCode } from './errors.ts'
import type { LocalEffects } from './local-effects.ts'

/** Takes away a name; that there is none is fine. */
export function removeIfThere(path: string, effects: LocalEffects): void {
  try {
    effects.remove(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
