import type { Storage } from '@coalmine/storage'
import { CommandError, exitCode } from './exit-codes.ts'
import type { Context } from './session.ts'
import { byteText } from './statistics-text.ts'

/**
 * Compares what a backup will take with what the account has left, before anything is stored. Without compression a full
 * backup is no smaller than its files, so the run ends here; otherwise nobody knows before, and it is only told.
 *
 * @param sourceBytes - Of all files.
 * @param surveyIncrement - Sizes of the files that an increment takes in; asked for only where it matters.
 * @throws CommandError with the code of a full storage.
 */
export async function requireRoom(
  storage: Storage,
  sourceBytes: number,
  { settings, log, signal }: Context,
  surveyIncrement?: () => Promise<number>,
): Promise<void> {
  const { freeBytes } = (await storage.usage?.({ signal })) ?? {}
  if (freeBytes === undefined || sourceBytes <= freeBytes) return
  const bytes = surveyIncrement === undefined ? sourceBytes : await surveyIncrement()
  if (bytes <= freeBytes) return
  const what = surveyIncrement === undefined ? 'the files' : 'the new and changed files'
  const state = `the account has ${byteText(freeBytes)} left, and ${what} have ${byteText(bytes)}`
  const isSmaller = !settings.flag('no-compression')
  if (surveyIncrement === undefined && !isSmaller) {
    throw new CommandError(exitCode.backendNoSpace, `Cannot back up: ${state}`)
  }
  log.warning(`The backup may not fit: ${state}${isSmaller ? ' before they are compressed' : ''}`)
}

/** Whether there is an account whose room a look ahead is worth. A disk tells by itself when it is full. */
export function hasAccount({ info }: Storage): boolean {
  return info.scheme === 'mf'
}
