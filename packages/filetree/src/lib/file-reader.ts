import { concat, parentPath, type RawPath } from '@coalmine/bytes'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { nodeEffects } from './effects.ts'
import type { OpenableEntry } from './entry.ts'
import { FileTreeError, sentence, toFileTreeError } from './errors.ts'
import { FolderStack } from './folder-stack.ts'
import { following, type TreeRoot } from './tree-root.ts'

/** Follows no symlink, never waits for the other end of a pipe. */
export const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** What is read at a time of a large file. */
export const pieceBytes = 1_048_576

/** Memory of its own, not cleared: it can be moved to another thread. */
export function memory(length: number): Uint8Array {
  const { buffer } = Buffer.allocUnsafeSlow(length)
  return new Uint8Array(buffer, 0, length)
}

/**
 * The whole of a small file, whatever its status said; `undefined` when it has `upTo` bytes or more by now.
 *
 * @param room - Gives memory; what is returned lies at its start or in memory of its own.
 */
export function readSmall(
  descriptor: number,
  size: number,
  upTo: number,
  room: (length: number) => Uint8Array,
): Uint8Array | undefined {
  // One byte more than there should be: when it does not come, status and read agree that this is the end.
  const space = room(size + 1)
  let got = readSync(descriptor, space, 0, size + 1, null)
  if (got === size) return space.subarray(0, size)
  while (got <= size) {
    const more = readSync(descriptor, space, got, size + 1 - got, null)
    if (more === 0) return space.subarray(0, got)
    got += more
  }
  // It grew, or its size is not told, as in /proc.
  const chunks = [space]
  while (got < upTo) {
    const chunk = new Uint8Array(Math.min(65_536, upTo - got))
    const more = readSync(descriptor, chunk, 0, chunk.length, null)
    if (more === 0) return concat([...chunks, new Uint8Array(0)])
    chunks.push(chunk.subarray(0, more))
    got += more
  }
  return undefined
}

/** Reads an open file to its end, wherever that is by then. Owns the descriptor. */
export class FileReader {
  readonly #descriptor: number
  readonly #path: RawPath
  readonly #size: number
  #at = 0
  #closed = false

  constructor(descriptor: number, path: RawPath, size: number) {
    this.#descriptor = descriptor
    this.#path = path
    this.#size = size
  }

  /** The next piece; `last` says that it is the last one, and then it may be empty. @throws FileTreeError */
  next(): { bytes: Uint8Array; last: boolean } {
    const left = Math.max(0, this.#size - this.#at)
    // One byte more than should be left, as in readSmall; after the expected end only a little at first.
    const wanted = Math.min(pieceBytes, left === 0 ? 65_536 : left + 1)
    const bytes = memory(wanted)
    let got: number
    try {
      got = readSync(this.#descriptor, bytes, 0, wanted, null)
    } catch (error) {
      this.close()
      throw toFileTreeError(error, 'read', this.#path, 'read')
    }
    this.#at += got
    const last = got === 0 || (got < wanted && this.#at === this.#size)
    if (last) this.close()
    return { bytes: bytes.subarray(0, got), last }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#descriptor)
  }
}

/** Opens walked files for reading. It stays in the folder of the last one, because they come in order. */
export class TreeOpener {
  readonly #root: TreeRoot
  readonly #stack: FolderStack | undefined

  constructor(root: TreeRoot) {
    this.#root = root
    const { path, descriptor, followLinks } = root
    if (descriptor !== undefined) this.#stack = new FolderStack(nodeEffects, { path, descriptor }, { followLinks })
  }

  /**
   * @throws FileTreeError with the system's code; `changed` when it is no regular file, or not the owner's or with the
   *   permissions that were walked. Otherwise one file's setuid bit could be kept with the content of another.
   */
  open(entry: OpenableEntry): FileReader {
    const { path } = entry
    let descriptor: number | undefined
    try {
      descriptor = this.descriptorOf(path)
      const stats = fstatSync(descriptor)
      if (!stats.isFile()) throw changed(path, 'it is no regular file')
      if ((stats.mode & 0o7777) !== entry.mode) throw changed(path, 'it has other permissions than before')
      if (stats.uid !== entry.uid || stats.gid !== entry.gid) throw changed(path, 'it has another owner than before')
      return new FileReader(descriptor, path, stats.size)
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor)
      throw toFileTreeError(error, 'open', path, 'open')
    }
  }

  /** The caller closes it. It may be anything that can be opened. @throws the system's error, or FileTreeError */
  descriptorOf(path: RawPath): number {
    return openSync(this.#find(path), following(fileFlags, this.#root))
  }

  close(): void {
    this.#stack?.close()
  }

  #find(path: RawPath) {
    if (this.#stack === undefined) {
      if (path === '') return this.#root.address
      throw new FileTreeError('ENOENT', sentence('open', path, 'the tree is a single file'), {
        path,
        operation: 'open',
      })
    }
    if (path === '') throw changed(path, 'it is no regular file')
    if (!isInside(path)) {
      throw new FileTreeError('unsafe-name', sentence('open', path, 'the path leads elsewhere'), { path })
    }
    const parent = parentPath(path)!
    this.#stack.goTo(parent)
    return this.#stack.at(parent === '' ? path : path.slice(parent.length + 1))
  }
}

function changed(path: RawPath, reason: string): FileTreeError {
  return new FileTreeError('changed', sentence('open', path, reason), { path, operation: 'open' })
}

const unsafe = /(?:^|\/)\.{0,2}(?:\/|$)|[^\x01-\xff]/

/**
 * Whether every component is a plain name: not empty, `.` or `..`, without NUL. A char above 255 would lose its upper
 * half on the way to bytes, and could become a slash or a dot by that.
 */
export function isInside(path: string): boolean {
  return !unsafe.test(path)
}
