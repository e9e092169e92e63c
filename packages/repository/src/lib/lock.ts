import { createRequire } from 'node:module'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { errorCode, localWriteError, RepositoryError } from './errors.ts'
import { type LocalEffects, nodeLocalEffects } from './local-effects.ts'
import { removeIfThere } from './remove-if-there.ts'

/** `true` when the record lock of the whole file was got, `false` when another open file holds it. */
export type TryLock = (descriptor: number) => boolean

export interface ArchiveLock {
  /**
   * `shared`: the real program's own lock is held, its archive dir may be changed. `own`: the binding for that lock does
   * not load on this machine; only other runs of this program are kept away.
   */
  readonly kind: 'shared' | 'own'
  release(): void
}

// A record lock belongs to the open file, and one process may open the archive dir twice: this keeps them apart too.
const held = new Set<string>()

/**
 * Takes the lock of an archive dir: the fcntl record lock on `lockfile` that the real program takes since 2017.
 *
 * @param loadBinding - Gives the lock call, or `undefined` where no binding loads.
 * @throws RepositoryError `locked` at once when another run holds it.
 */
export function lockArchiveDir(
  folder: string,
  loadBinding: () => TryLock | undefined = loadNativeLock,
  effects: LocalEffects = nodeLocalEffects,
): ArchiveLock {
  if (held.has(folder)) throw lockedError(folder)
  held.add(folder)
  try {
    effects.makeFolders(folder)
    const tryLock = loadBinding()
    const release = tryLock === undefined ? takeOwnLock(folder, effects) : takeSharedLock(folder, tryLock, effects)
    return {
      kind: tryLock === undefined ? 'own' : 'shared',
      release() {
        if (!held.delete(folder)) return
        release()
      },
    }
  } catch (error) {
    held.delete(folder)
    throw localWriteError(error, `lock the archive dir "${folder}"`)
  }
}

function loadNativeLock(): TryLock | undefined {
  try {
    const binding = createRequire(import.meta.url)('fs-native-extensions') as { tryLock: TryLock }
    return (descriptor) => binding.tryLock(descriptor)
  } catch {
    // An optional dependency without a prebuilt binary for this platform: the caller is told by `kind`.
    return undefined
  }
}

function takeSharedLock(folder: string, tryLock: TryLock, effects: LocalEffects): () => void {
  const path = join(folder, 'lockfile')
  for (;;) {
    const descriptor = effects.openLockFile(path)
    let isOurs = false
    try {
      if (!tryLock(descriptor)) throw lockedError(folder)
      // The real program removes the file when it is done: a lock on a removed file keeps nobody away.
      isOurs = isSameFile(descriptor, path, effects)
    } finally {
      if (!isOurs) effects.close(descriptor)
    }
    if (isOurs) return () => effects.close(descriptor)
  }
}

function isSameFile(descriptor: number, path: string, effects: LocalEffects): boolean {
  try {
    return effects.factsOfFile(descriptor).identity === effects.facts(path).identity
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

function takeOwnLock(folder: string, effects: LocalEffects): () => void {
  const path = join(folder, 'coalmine.lock')
  for (let attempt = 0; ; attempt++) {
    try {
      const descriptor = effects.createFile(path)
      try {
        effects.write(descriptor, Buffer.from(`${hostname()} ${process.pid}\n`))
      } finally {
        effects.close(descriptor)
      }
      return () => removeIfThere(path, effects)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      if (attempt > 0 || !ownerIsDead(path, effects)) throw lockedError(folder, `; if none is, remove "${path}"`)
      removeIfThere(path, effects)
    }
  }
}

/** Whether the lock file was left by a process of this machine that no longer runs. */
function ownerIsDead(path: string, effects: LocalEffects): boolean {
  let text: string
  try {
    text = Buffer.from(effects.readFile(path)).toString()
  } catch (error) {
    // Let go of just now.
    if (errorCode(error) === 'ENOENT') return true
    throw error
  }
  const [host, pid] = text.trim().split(' ')
  return host === hostname() && /^\d+$/.test(pid ?? '') && effects.began(Number(pid)) === undefined
}

function lockedError(folder: string, hint = ''): RepositoryError {
  const what = `Cannot use the archive dir "${folder}"`
  return new RepositoryError('locked', `${what}: another backup program is using it${hint}`)
}

/**
 * Does something to the archive dir while its lock is held: the one that is given, or one that is taken for this moment.
 *
 * @returns Whether it was done: `false` while another program holds the lock, or where it cannot be taken.
 */
export function underLock(work: () => void, held: ArchiveLock | undefined, take: () => ArchiveLock): boolean {
  if (held !== undefined) {
    work()
    return true
  }
  let lock: ArchiveLock
  try {
    lock = take()
  } catch (error) {
    if (error instanceof RepositoryError && error.code === 'locked') return false
    throw error
  }
  try {
    if (lock.kind === 'own') return false
    work()
    return true
  } finally {
    lock.release()
  }
}
