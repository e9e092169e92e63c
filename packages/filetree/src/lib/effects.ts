import { spawnSync } from 'node:child_process'
import { isMainThread } from 'node:worker_threads'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import type { Address } from './address.ts'
import { entryKinds, kindNumber, type EntryKind } from './entry.ts'

/** What a writer has to know of something that exists. */
export interface FileFacts {
  /** `undefined` for a kind that no archive has. */
  readonly kind: EntryKind | undefined
  /** 12 bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly device: bigint
  readonly inode: bigint
  /** Names that it has. */
  readonly links: number
}

/**
 * Everything a tree writer does to the outside, one method per system call, all synchronous. A writer does nothing that
 * is not here, so a wrapper sees, counts or refuses all of it. Errors are the system's, with their `code`.
 */
export interface FileEffects {
  /**
   * The folder under which open descriptors can be used as paths: with `/proc/7/fd/`, `/proc/7/fd/5/name` is the name
   * in the folder that descriptor 5 has open, wherever that folder is by now. `undefined` where there is no such thing.
   */
  descriptors(): string | undefined
  open(path: Address, flags: number, mode?: number): number
  close(descriptor: number): void
  /** Writes all of the bytes. */
  write(descriptor: number, bytes: Uint8Array): void
  /** Reads up to the length of the buffer from a place; 0 at the end. */
  read(descriptor: number, into: Uint8Array, at: number): number
  /** `undefined` when there is nothing. */
  lstat(path: Address): FileFacts | undefined
  fstat(descriptor: number): FileFacts
  mkdir(path: Address, mode: number): void
  rmdir(path: Address): void
  rename(from: Address, to: Address): void
  unlink(path: Address): void
  symlink(target: Address, path: Address): void
  fchown(descriptor: number, uid: number, gid: number): void
  fchmod(descriptor: number, mode: number): void
  /** Seconds since 1970. */
  futimes(descriptor: number, atime: number, mtime: number): void
  /** These three follow symlinks. They are used on addresses of descriptors only, where there are such. */
  chown(path: Address, uid: number, gid: number): void
  chmod(path: Address, mode: number): void
  utimes(path: Address, atime: number, mtime: number): void
  /** Of a name itself: a symlink is not followed. */
  lchown(path: Address, uid: number, gid: number): void
  lutimes(path: Address, atime: number, mtime: number): void
  /** Makes a pipe with a plain ASCII name in a folder. */
  mkfifo(folder: Address, name: string, mode: number): void
  mknod(folder: Address, name: string, mode: number, type: 'b' | 'c', major: number, minor: number): void
}

/** The real file system. */
export const nodeEffects: FileEffects = {
  descriptors: descriptorFolder,
  open: (path, flags, mode) => openSync(path, flags, mode),
  close: (descriptor) => closeSync(descriptor),
  write(descriptor, bytes) {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, null)
  },
  read: (descriptor, into, at) => readSync(descriptor, into, 0, into.length, at),
  lstat(path) {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? undefined : factsOf(stats)
  },
  fstat: (descriptor) => factsOf(fstatSync(descriptor, { bigint: true })),
  mkdir(path, mode) {
    mkdirSync(path, { mode })
  },
  rmdir: (path) => rmdirSync(path),
  rename: (from, to) => renameSync(from, to),
  unlink: (path) => unlinkSync(path),
  symlink: (target, path) => symlinkSync(target, path),
  fchown: (descriptor, uid, gid) => fchownSync(descriptor, uid, gid),
  fchmod: (descriptor, mode) => fchmodSync(descriptor, mode),
  futimes: (descriptor, atime, mtime) => futimesSync(descriptor, timeOf(atime), timeOf(mtime)),
  chown: (path, uid, gid) => chownSync(path, uid, gid),
  chmod: (path, mode) => chmodSync(path, mode),
  utimes: (path, atime, mtime) => utimesSync(path, timeOf(atime), timeOf(mtime)),
  lchown: (path, uid, gid) => lchownSync(path, uid, gid),
  lutimes: (path, atime, mtime) => lutimesSync(path, timeOf(atime), timeOf(mtime)),
  mkfifo: (folder, name, mode) => makeNode(folder, 'mkfifo', mode, [name]),
  mknod: (folder, name, mode, type, major, minor) =>
    makeNode(folder, 'mknod', mode, [name, type, String(major), String(minor)]),
}

function factsOf(stats: BigIntStats): FileFacts {
  const mode = Number(stats.mode)
  return {
    kind: entryKinds[kindNumber(mode)],
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    device: stats.dev,
    inode: stats.ino,
    links: Number(stats.nlink),
  }
}

/** A negative number would be taken for "now" by node:fs; a Date is not. */
function timeOf(seconds: number): number | Date {
  return seconds < 0 ? new Date(seconds * 1000) : seconds
}

let known: { folder: string | undefined } | undefined

/**
 * Linux, with /proc mounted: asked once. By number and not by `self`, which costs each lookup a link more; the number is
 * read from /proc itself, which may count processes differently than we do (containers).
 */
function descriptorFolder(): string | undefined {
  if (known === undefined) known = { folder: probe() }
  return known.folder
}

function probe(): string | undefined {
  if (process.platform !== 'linux') return undefined
  let descriptor: number | undefined
  try {
    const folder = `/proc/${readlinkSync('/proc/self')}/fd/`
    descriptor = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY)
    const there = statSync(`${folder}${descriptor}/.`, { bigint: true })
    const here = fstatSync(descriptor, { bigint: true })
    return there.ino === here.ino && there.dev === here.dev ? folder : undefined
  } catch {
    // No usable /proc: names are then built from plain paths, with the weaker promise that the README states.
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

const refusals: readonly (readonly [string, string])[] = [
  ['Operation not permitted', 'EPERM'],
  ['Permission denied', 'EACCES'],
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['Read-only file system', 'EROFS'],
  ['File exists', 'EEXIST'],
]

/**
 * Node has no call for this: the system's command does it, in its working folder, so that no odd path has to be told.
 *
 * The command is not told the mode, if that can be helped: it would change the mode of what it made by the name, which may
 * lead to another thing by then. The umask says it instead, from the first moment on.
 */
function makeNode(folder: Address, command: string, mode: number, args: string[]): void {
  if (typeof folder !== 'string') {
    throw Object.assign(new Error(`the folder's path is not ASCII, and ${command} cannot be sent there`), {
      code: 'ENOTSUP',
    })
  }
  // Between fork and exec the child still has our descriptors, under a number of its own in /proc.
  const cwd = folder.replace(/^\/proc\/\d+\/fd\//, '/proc/self/fd/')
  const byUmask = (mode & 0o111) === 0
  const argv = byUmask ? ['--', ...args] : ['-m', mode.toString(8), '--', ...args]
  const mask = ~mode & 0o777
  // A thread cannot set the process's umask: there a shell does, for itself.
  const [file, all] =
    byUmask && !isMainThread
      ? ['sh', ['-c', 'umask "$1" && shift && exec "$@"', 'sh', mask.toString(8), command, ...argv]]
      : [command, argv]
  const done = withUmask(byUmask && isMainThread ? mask : undefined, () =>
    spawnSync(file, all, {
      cwd,
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 30_000,
    }),
  )
  if (done.error !== undefined) throw done.error
  if (done.status === 0) return
  const said = done.stderr.toString().trim()
  const [words, code] = refusals.find(([some]) => said.includes(some)) ?? [said, 'unknown']
  const reason = words === '' ? `${command} ended with ${done.status ?? done.signal}` : words.toLowerCase()
  throw Object.assign(new Error(reason), { code })
}

function withUmask<T>(mask: number | undefined, call: () => T): T {
  if (mask === undefined) return call()
  const before = process.umask(mask)
  try {
    return call()
  } finally {
    process.umask(before)
  }
}
