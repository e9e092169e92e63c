import type { ArchiveDir, PendingFile } from './archive-dir.ts'
import { errorCode, RepositoryError } from './errors.ts'

export interface CopyKeeperParts {
  readonly archiveDir: ArchiveDir
  /** Does something to the archive dir while its lock is held; `false`, and not done, when somebody else holds it. */
  readonly underLock: (work: () => void) => boolean
  readonly onProblem: (message: string) => void
}

/**
 * Leaves copies of what was read from the storage in the archive dir. They save the next run time and are missed by
 * nobody: whatever goes wrong with one is told, and the reading goes on.
 */
export class CopyKeeper {
  readonly #parts: CopyKeeperParts

  constructor(parts: CopyKeeperParts) {
    this.#parts = parts
  }

  begin(name: string): Copy {
    return new Copy(name, this.#parts)
  }

  /** Takes away a copy that is of no use. */
  remove(name: string): boolean {
    const { archiveDir, underLock } = this.#parts
    return tolerant(this.#parts, () => underLock(() => archiveDir.remove(name))) ?? false
  }
}

/** A copy being written: it never throws for what happens to it. */
class Copy {
  readonly #parts: CopyKeeperParts
  #file: PendingFile | undefined

  constructor(name: string, parts: CopyKeeperParts) {
    this.#parts = parts
    this.#file = tolerant(parts, () => parts.archiveDir.begin(name))
  }

  /** Whether it still makes sense to write it. */
  get isOpen(): boolean {
    return this.#file !== undefined
  }

  write(bytes: Uint8Array): void {
    const file = this.#file
    if (file === undefined) return
    if (tolerant(this.#parts, () => (file.write(bytes), true)) === undefined) this.discard()
  }

  /** Gives it its name, if nobody else holds the lock. */
  commit(): boolean {
    const file = this.#file
    if (file === undefined) return false
    const isKept = tolerant(this.#parts, () => this.#parts.underLock(() => file.commit())) ?? false
    this.discard()
    return isKept
  }

  discard(): void {
    this.#file?.discard()
    this.#file = undefined
  }
}

/** What the file system refuses is told; anything else is a mistake of ours. */
function tolerant<T>({ onProblem }: CopyKeeperParts, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof RepositoryError) && errorCode(error) === undefined) throw error
    onProblem((error as Error).message)
    return undefined
  }
}
