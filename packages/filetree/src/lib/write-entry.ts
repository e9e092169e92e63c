import type { RawPath } from '@coalmine/bytes'
import type { EntryKind } from './entry.ts'
import type { ScratchFile } from './scratch-file.ts'

/** What is to be written at one path. */
export interface WriteEntry {
  /** Relative to the target, which is the empty path. */
  readonly path: RawPath
  readonly kind: EntryKind
  /** Permissions with setuid, setgid and sticky: 12 bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds since 1970; may be negative. */
  readonly mtimeSeconds: number
  /** With one char per byte; '' when it is not known. */
  readonly userName: string
  readonly groupName: string
  /** Of a symlink. */
  readonly linkTarget?: RawPath
  /** Of a device node. */
  readonly devMajor?: number
  readonly devMinor?: number
}

/** Something that could not be written as it should be. The writing goes on. */
export interface WriteProblem {
  readonly path: RawPath
  /** `name`: not a safe path; `place`: something is in the way; the others: what could not be done. */
  readonly operation: 'name' | 'place' | 'create' | 'write' | 'owner' | 'mode' | 'time'
  /** The system's code, `unsafe-name` or `changed`. */
  readonly code: string
  /** One sentence for people, the path quoted and escaped. */
  readonly message: string
  /** The entry is in place nevertheless, and only its owner, mode or time is not as it should be. */
  readonly written: boolean
}

/** Takes the content of one file. It appears under its name when it is committed, whole. */
export interface FileSink {
  /** The sink of a file that could not be created takes bytes too, to nowhere; the problem has been told. */
  write(chunk: Uint8Array): void
  commit(): void
  /** Leaves nothing behind. Does nothing after the end. */
  abort(): void
}

/**
 * Writes a tree, entry by entry, in the order of archives: depth first, folders before what they hold. What cannot be
 * written is told to `onProblem`, and the next entry can come; a disk that is full or fails ({@link isFatal}) throws.
 *
 * @throws FileTreeError with the system's code when nothing further can be written; `busy` while a sink is open;
 *   `closed`.
 */
export interface TreeWriter {
  /** Makes a folder, or goes into the one that is there. Its attributes are set when its last child is written. */
  directory(entry: WriteEntry): void
  file(entry: WriteEntry, content: Uint8Array): void
  /** For a content that comes in pieces. Nothing else can be written until it is committed or aborted. */
  openFile(entry: WriteEntry): FileSink
  symlink(entry: WriteEntry): void
  fifo(entry: WriteEntry): void
  device(entry: WriteEntry): void
  /**
   * A file without a name on the disk that the entry at `path` will be written to: in the target, or, when the target
   * itself is to be a file, in the folder above it. The caller closes it.
   *
   * @throws FileTreeError when there is no room, or whatever else is the matter.
   */
  scratch(path: RawPath): ScratchFile
  /** Sets the attributes of the folders that are still open, and closes. */
  finish(): void
  /** Lets go of everything, and of an open sink; folders that are still open keep their provisional attributes. */
  close(): void
}

/** A {@link TreeWriter} that may be some megabytes behind, in another thread. A plain one is one too. */
export interface AsyncTreeWriter extends Omit<TreeWriter, 'finish' | 'close'> {
  /**
   * To be awaited between two entries or pieces, every megabyte or so: otherwise all that is written may have to wait in memory.
   *
   * @throws FileTreeError as soon as nothing further can be written.
   */
  ready?(): Promise<void>
  finish(): void | Promise<void>
  close(): void | Promise<void>
}

const fatalCodes = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM'])

/** Whether an error with this code concerns more than one entry: a full or failing disk, no more descriptors. */
export function isFatal(code: string): boolean {
  return fatalCodes.has(code)
}
