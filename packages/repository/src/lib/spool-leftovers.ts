import { join } from 'node:path'
import { errorCode } from './errors.ts'
import type { LocalEffects, ProcessFacts } from './local-effects.ts'
import { isCopyFileName, isSpoolFileName, ownerOf } from './spool-name.ts'

/**
 * Removes the spool folders that runs of this user on this machine left behind when they were killed.
 *
 * Only what is certainly ours and in nobody's use: a real folder by its name and mode, owned by us, whose process is gone.
 * Of another machine, or of other containers on this one, nothing can be known, and nothing is touched. Nor is anything
 * where others could put another folder in the place of one that was looked at.
 */
export function removeLeftOvers(tempDir: string, effects: LocalEffects): void {
  const user = effects.user()
  if (user === undefined) return
  try {
    const { mode, uid } = effects.facts(tempDir)
    const isKept = (mode & 0o022) === 0 || (mode & 0o1000) !== 0
    if (!isKept || !(uid === 0 || uid === user)) return
    const own = effects.process()
    for (const name of effects.list(tempDir)) {
      const owner = ownerOf(name)
      if (!isCopyFileName(name) && owner !== undefined && isGone(owner, own, effects))
        removeFolder(join(tempDir, name), user, effects)
    }
  } catch (error) {
    // What cannot be looked at stays; whether the folder will do shows when our own is made in it.
    if (errorCode(error) === undefined) throw error
  }
}

/** Removes what killed runs left of copies for the archive dir in the folder where they are written. */
export function removeLeftCopies(folder: string, effects: LocalEffects): void {
  const own = effects.process()
  for (const name of effects.list(folder)) {
    const owner = isCopyFileName(name) ? ownerOf(name) : undefined
    if (owner === undefined || !isGone(owner, own, effects)) continue
    try {
      effects.remove(join(folder, name))
    } catch (error) {
      // Another run removes it too; what cannot be removed is in nobody's way.
      if (errorCode(error) === undefined) throw error
    }
  }
}

function isGone(owner: ProcessFacts, own: ProcessFacts, effects: LocalEffects): boolean {
  if (owner.host !== own.host) return false
  if (owner.boot !== own.boot) return owner.boot !== '0' && own.boot !== '0'
  if (owner.space !== own.space) return false
  const began = effects.began(owner.pid)
  if (began === undefined) return true
  // Another process has the number by now.
  return began !== '0' && owner.began !== '0' && began !== owner.began
}

function removeFolder(path: string, user: number, effects: LocalEffects): void {
  try {
    const { kind, mode, uid } = effects.ownFacts(path)
    if (kind !== 'folder' || uid !== user || (mode & 0o077) !== 0) return
    for (const name of effects.list(path)) {
      const file = join(path, name)
      if (isSpoolFileName(name) && effects.ownFacts(file).kind === 'file') effects.remove(file)
    }
    effects.removeFolder(path)
  } catch (error) {
    // Another run may be removing it too, or there is something in it that is not ours: then it stays.
    if (errorCode(error) === undefined) throw error
  }
}
