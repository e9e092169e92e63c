import { displayPath, type RawPath } from '@coalmine/bytes'
import { getSystemErrorMap } from 'node:util'

/**
 * What is thrown here. `code` is the system's (`ENOENT`, `ENOSPC`, …) or one of ours: `changed` (what is there now is
 * not what was walked or opened before), `unsafe-name`, `busy` (a file is still being written), `closed`, `worker`
 * (the worker thread died), `unknown`.
 */
export class FileTreeError extends Error {
  override readonly name = 'FileTreeError'
  readonly code: string
  readonly path: RawPath | undefined
  readonly operation: string | undefined
  constructor(code: string, message: string, facts: { path?: RawPath; operation?: string; cause?: unknown } = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.path = facts.path
    this.operation = facts.operation
  }
}

/** The code of a system error or of ours; `unknown` for anything else. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : 'unknown'
}

/** Whether it comes from the system, or is ours: something to report. Others are mistakes in a program. */
export function isOutside(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string'
}

/** How things are, in the system's words: `permission denied`. */
function reasonOf(error: unknown): string {
  const errno = error instanceof Error ? (error as NodeJS.ErrnoException).errno : undefined
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)
  return known?.[1] ?? (error instanceof Error ? error.message : String(error))
}

/** `Cannot read "a/b": permission denied`. */
export function sentence(verb: string, path: RawPath, reason: string): string {
  return `Cannot ${verb} "${displayPath(path)}": ${reason}`
}

/** What was attempted and how things are. An error of ours has its own words already. */
export function messageOf(error: unknown, verb: string, path: RawPath): string {
  return error instanceof FileTreeError ? error.message : sentence(verb, path, reasonOf(error))
}

/** The error as ours, saying what was attempted. One that is ours already keeps its own words. */
export function toFileTreeError(error: unknown, verb: string, path: RawPath, operation: string): FileTreeError {
  if (error instanceof FileTreeError) return error
  return new FileTreeError(codeOf(error), messageOf(error, verb, path), { path, operation, cause: error })
}
