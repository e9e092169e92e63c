import { constants } from 'node:fs'
import {
  chmod,
  copyFile,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  stat,
  statfs,
  unlink,
} from 'node:fs/promises'

/** A file that was opened through the port; what it is only the port knows. */
export type OpenFile = FileHandle

export interface FileFacts {
  /** In bytes. */
  readonly size: number
  readonly modifiedMs: number
  readonly isFile: boolean
  readonly isFolder: boolean
}

export interface FolderEntry {
  readonly name: Buffer
  readonly isFolder: boolean
}

/**
 * Everything that a file storage does to the world, one method per effect, so that a test can count them, fail them and
 * die between any two. Paths are bytes. Errors are those of `node:fs`, with a `code`.
 */
export interface FileStorageEffects {
  /** Makes one folder that only its owner may enter. */
  makeFolder(path: Buffer): Promise<void>
  /** Makes a file that only its owner may read, to be written; fails when there is anything of that name. */
  createFile(path: Buffer): Promise<OpenFile>
  /** Makes a copy (a clone, where the file system can); fails when there is anything of that name. */
  copyFile(from: string | Buffer, to: Buffer): Promise<void>
  /** Lets only the owner read and write. */
  makePrivate(path: Buffer): Promise<void>
  /** Opens a file that was copied, to flush it. */
  reopenFile(path: Buffer): Promise<OpenFile>
  /** Writes all of the bytes at the end of what was written before. */
  write(file: OpenFile, bytes: Uint8Array): Promise<void>
  /** Returns when the content of the file is on the disk. */
  syncFile(file: OpenFile): Promise<void>
  closeFile(file: OpenFile): Promise<void>
  /** Gives a file another name, in place of what had it. */
  rename(from: Buffer, to: Buffer): Promise<void>
  /** Gives a file a second name; fails when there is anything of that name. */
  link(from: Buffer, to: Buffer): Promise<void>
  remove(path: Buffer): Promise<void>
  /** Returns when the names in the folder are on the disk. */
  syncFolder(path: Buffer): Promise<void>

  /** Opens a file to be read; does not wait at a fifo. */
  openFile(path: Buffer): Promise<OpenFile>
  /** Reads up to the length of the buffer; 0 at the end. */
  read(file: OpenFile, into: Uint8Array, at: number): Promise<number>
  factsOfFile(file: OpenFile): Promise<FileFacts>
  /** Follows symbolic links. */
  facts(path: Buffer): Promise<FileFacts>
  /** Does not. */
  ownFacts(path: Buffer): Promise<FileFacts>
  list(path: Buffer): Promise<FolderEntry[]>
  space(path: Buffer): Promise<{ freeBytes: number; totalBytes: number; usedBytes: number }>
}

/** Some file systems cannot flush a file or a folder, and say so with one of these; then there is nothing to wait for. */
const cannotSync = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** The effects of `node:fs`. */
export const nodeFileStorageEffects: FileStorageEffects = {
  makeFolder: (path) => mkdir(path, 0o700),
  createFile: (path) => open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600),
  copyFile: (from, to) => copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE),
  makePrivate: (path) => chmod(path, 0o600),
  reopenFile: (path) => open(path, constants.O_RDWR),
  async write(file, bytes) {
    for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
  },
  syncFile: (file) => ignoringCannotSync(file.sync()),
  closeFile: (file) => file.close(),
  rename,
  link,
  remove: unlink,
  async syncFolder(path) {
    // Windows opens no folders.
    if (process.platform === 'win32') return
    const folder = await open(path, constants.O_RDONLY)
    try {
      await ignoringCannotSync(folder.sync())
    } finally {
      await folder.close()
    }
  },
  openFile: (path) => open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)),
  read: async (file, into, at) => (await file.read(into, 0, into.length, at)).bytesRead,
  factsOfFile: async (file) => factsOf(await file.stat()),
  facts: async (path) => factsOf(await stat(path)),
  ownFacts: async (path) => factsOf(await lstat(path)),
  async list(path) {
    const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' })
    return entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
  },
  async space(path) {
    const { bsize, blocks, bfree, bavail } = await statfs(path)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, usedBytes: (blocks - bfree) * bsize }
  },
}

/**
 * The same effects with something around each: `around` is given the name of the effect and what performs it, and may
 * count, fail before, fail after, or never come back.
 */
export function aroundEffects(
  effects: FileStorageEffects,
  around: <T>(name: keyof FileStorageEffects, run: () => Promise<T>) => Promise<T>,
): FileStorageEffects {
  const wrapped = Object.entries(effects).map(([name, effect]) => {
    const run = effect as (...args: unknown[]) => Promise<unknown>
    return [name, (...args: unknown[]) => around(name as keyof FileStorageEffects, () => run(...args))]
  })
  return Object.fromEntries(wrapped) as FileStorageEffects
}

async function ignoringCannotSync(sync: Promise<void>): Promise<void> {
  try {
    await sync
  } catch (error) {
    if (!cannotSync.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function factsOf(stats: { size: number; mtimeMs: number; isFile(): boolean; isDirectory(): boolean }): FileFacts {
  return {
    size: stats.size,
    modifiedMs: Math.floor(stats.mtimeMs),
    isFile: stats.isFile(),
    isFolder: stats.isDirectory(),
  }
}
