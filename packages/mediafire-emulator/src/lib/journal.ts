import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { EmulatorError } from './emulator-error.ts'
import { type Change, tableNames } from './records.ts'

/**
 * The changes made to the state, one line for each group that belongs together: eight hex digits of its SHA-256, a
 * space, JSON. A line is written before the call that caused it is answered, in one piece. When the process is killed
 * the last line may be cut short: it is dropped then, and was never answered.
 */
export interface Journal {
  /** Bytes written so far. */
  readonly size: number
  append(changes: readonly Change[]): void
  /** Begins anew with these changes in place of all that were. Either journal is whole at any moment. */
  rewrite(groups: Iterable<readonly Change[]>): void
  close(): void
}

/**
 * Opens the journal of a folder, and makes one when there is none.
 *
 * @param replay - Told every group of changes, in order.
 * @throws EmulatorError with `damaged` when a line that is not the last is not what was written.
 */
export function openJournal(folder: string, replay: (changes: readonly Change[]) => void): Journal {
  const path = join(folder, 'journal')
  let fd = openSync(path, 'a+', 0o600)
  let size: number
  try {
    size = replayAll(path, replay)
    ftruncateSync(fd, size)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return {
    get size() {
      return size
    },
    append(changes) {
      const line = Buffer.from(lineOf(changes))
      try {
        writeWhole(fd, line)
      } catch (error) {
        // A full disk may have taken a part of the line; what comes later must not follow on that.
        ftruncateSync(fd, size)
        throw error
      }
      size += line.length
    },
    rewrite(groups) {
      const fresh = `${path}.new`
      const next = openSync(fresh, 'w', 0o600)
      let written = 0
      try {
        for (const changes of groups) {
          const line = Buffer.from(lineOf(changes))
          writeWhole(next, line)
          written += line.length
        }
        fsyncSync(next)
      } finally {
        closeSync(next)
      }
      renameSync(fresh, path)
      closeSync(fd)
      fd = openSync(path, 'a', 0o600)
      size = written
    },
    close() {
      closeSync(fd)
    },
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
}

/** @returns The length of what is whole. */
function replayAll(path: string, replay: (changes: readonly Change[]) => void): number {
  const bytes = readFileSync(path)
  let start = 0
  for (let line = 1; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start)
    if (end === -1) break
    const changes = parseLine(bytes.toString('utf8', start, end))
    if (changes === undefined) {
      throw new EmulatorError('damaged', `Cannot read "${path}": line ${line} is not what was written`)
    }
    replay(changes)
    start = end + 1
  }
  return start
}

function lineOf(changes: readonly Change[]): string {
  const json = JSON.stringify(changes)
  return `${markOf(json)} ${json}\n`
}

function parseLine(line: string): Change[] | undefined {
  const json = line.slice(9)
  if (line[8] !== ' ' || line.slice(0, 8) !== markOf(json)) return undefined
  // What carries its own hash was written here.
  const changes = JSON.parse(json) as Change[]
  return changes.every(([table]) => tableNames.includes(table)) ? changes : undefined
}

function markOf(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, 8)
}
