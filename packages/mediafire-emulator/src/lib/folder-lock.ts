import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EmulatorError } from './emulator-error.ts'

const mine = new Set<string>()

/**
 * Takes a folder for this emulator alone; makes it when it is missing.
 *
 * A process that was killed leaves its number behind, and the next one takes over.
 *
 * @returns Lets go.
 * @throws EmulatorError with `in-use`.
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = realpathSync(folder)
  const file = join(path, 'pid')
  const refuse = (pid: number): never => {
    throw new EmulatorError('in-use', `Cannot use "${folder}": an emulator (process ${pid}) is using it`)
  }
  if (mine.has(path)) refuse(process.pid)
  for (let attempt = 1; ; attempt++) {
    try {
      writeFileSync(file, `${process.pid}\n`, { flag: 'wx', mode: 0o600 })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const pid = Number.parseInt(readIfThere(file), 10)
      // The number of a process that is gone may have been given to this one.
      if (attempt > 3 || (pid !== process.pid && isAlive(pid))) refuse(pid)
      rmSync(file, { force: true })
    }
  }
  mine.add(path)
  return () => {
    mine.delete(path)
    rmSync(file, { force: true })
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    // It may have been let go of this very moment.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
