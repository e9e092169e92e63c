import { rawToBytes } from '@coalmine/bytes'
import type { OpenContext, Storage, StorageUrl } from '@coalmine/storage'
import { createFileStorage, type FileStorageOptions } from './file-storage.ts'
import { pathIn } from './file-names.ts'

/**
 * Opens the folder that a `file://` URL names; for `createRegistry({ file: openFileUrl })`. Nothing is touched before the
 * first call. A relative path starts at `context.cwd`, or where the process is.
 */
export function openFileUrl(
  url: StorageUrl,
  context: OpenContext = {},
  options: Omit<FileStorageOptions, 'path'> = {},
): Storage {
  const path = rawToBytes(url.path)
  const absolute = path[0] === 47 || (process.platform === 'win32' && /^[A-Za-z]:/.test(url.path))
  const start = absolute || context.cwd === undefined ? undefined : Buffer.from(context.cwd)
  return createFileStorage({ ...options, path: start === undefined ? path : pathIn(start, path) })
}
