import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import { displayPath, type RawPath, rawFromText, rawToBytes } from '@coalmine/bytes'
import type { Manifest } from '@coalmine/volume-format'
import { CommandError, exitCode } from './exit-codes.ts'
import { quotePath } from './log.ts'

/**
 * The source as the real program writes it into manifests: empty and `.` components dropped, everything else kept as it
 * was typed (relative stays relative, `..` stays).
 */
export function canonicalSource(path: RawPath): RawPath {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  const joined = (path.startsWith('/') ? '/' : '') + parts.join('/')
  return (joined === '' ? '.' : joined) as RawPath
}

/** Whether an operand names a storage: `scheme://…`. */
export function isUrl(operand: RawPath): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(operand)
}

/**
 * The source as it is opened: through a symlink, because nobody means the link itself.
 *
 * @throws CommandError when there is nothing.
 */
export function openableSource(root: RawPath): Buffer {
  const path = rawToBytes(root)
  try {
    const isFolder = statSync(path).isDirectory()
    return isFolder ? Buffer.concat([path, Buffer.from('/.')]) : path
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    const reason = code === 'ENOENT' ? 'no such file or folder' : code
    throw new CommandError(exitCode.sourceMissing, `Cannot back up "${displayPath(root)}": ${reason}`, { cause: error })
  }
}

/**
 * Two sources in one chain would delete each other's files. Manifests of old versions hold the host's full name.
 *
 * @throws CommandError when the last set is of another host or folder, in the real program's words and codes.
 */
export async function requireSameSource({ hostname: host, localDir }: Manifest, root: RawPath): Promise<void> {
  const here = rawFromText(hostname())
  if (host && host !== here && host !== (await fullHostName())) {
    throw new CommandError(
      exitCode.hostMismatch,
      mismatch('host', 'hostname', displayPath(here), displayPath(host as RawPath)),
      { extra: `${quotePath(here)} ${quotePath(host as RawPath)}`, lines: true },
    )
  }
  if (localDir && localDir !== root) {
    throw new CommandError(
      exitCode.sourcePathMismatch,
      mismatch('directory', 'directory', displayPath(root), displayPath(localDir)),
      { extra: `${quotePath(root)} ${quotePath(localDir)}`, lines: true },
    )
  }
}

function mismatch(what: string, noun: string, current: string, previous: string): string {
  return [
    `Fatal Error: Backup source ${what} has changed.`,
    `Current ${noun}: ${current}`,
    `Previous ${noun}: ${previous}`,
    '',
    'Aborting because you may have accidentally tried to backup two different data sets to the same remote location, or using the same archive directory.  If this is not a mistake, use the --allow-source-mismatch switch to avoid seeing this message',
  ].join('\n')
}

/** What the system says the host is called with its domain; the host's name where it does not say. */
async function fullHostName(): Promise<RawPath> {
  try {
    const { stdout } = await promisify(execFile)('hostname', ['-f'], { timeout: 5000 })
    return rawFromText(stdout.trim())
  } catch {
    // No such program, or no such name: then no manifest can hold it either, and the mismatch is told.
    return rawFromText(hostname())
  }
}
