import type { Storage } from '@coalmine/storage'
import { CommandError, exitCode } from './exit-codes.ts'
import type { Context } from './session.ts'
import { byteText } from './statistics-text.ts'

/**
 * Compares what a full backup will take with what the account has left, before anything is stored. Without compression a
 * backup is no smaller than its files, so the run ends here; with it nobody knows before, and it is only told.
 *
 * @throws CommandError with the code of a full storage.
 */
export async function requireRoom(
  storage: Storage,
  sourceBytes: number,
  { settings, log, signal }: Context,
): Promise<void> {
  const { freeBytes } = (await storage.usage?.({ signal })) ?? {}
  if (freeBytes === undefined || sourceBytes <= freeBytes) return
  const state = `the account has ${byteText(freeBytes)} left, and the files have ${byteText(sourceBytes)}`
  if (settings.flag('no-compression')) {
    throw new CommandError(exitCode.backendNoSpace, `Cannot back up: ${state}`)
  }
  log.warning(`The backup may not fit: ${state} before they are compressed`)
}

/** Whether there is an account whose room a look ahead is worth. A disk tells by itself when it is full. */
export function hasAccount({ info }: Storage): boolean {
  return info.scheme === 'mf'
}
