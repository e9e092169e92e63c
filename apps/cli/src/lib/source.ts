import { statSync } from 'node:fs'
import { displayPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import { CommandError, exitCode } from './exit-codes.ts'

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
