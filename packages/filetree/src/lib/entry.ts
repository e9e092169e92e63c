import type { ByteStream, RawPath } from '@coalmine/bytes'
import type { Select, Selection } from './select.ts'

export type EntryKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'character-device' | 'block-device'

/** What lstat says about one name of a tree. */
export interface TreeEntry {
  /** Relative to the root, which is the empty path. */
  readonly path: RawPath
  readonly kind: EntryKind
  /** Permissions with setuid, setgid and sticky: 12 bits. */
  readonly mode: number
  /** 0 … 2^32-1. */
  readonly uid: number
  readonly gid: number
  /** In bytes, when it was looked at; a file may have another length when it is read. */
  readonly size: number
  /** Whole seconds since 1970, rounded down: -1 and 999_999_999 nanos are one nanosecond before 1970. */
  readonly mtimeSeconds: number
  /** 0 … 999_999_999, exact. */
  readonly mtimeNanos: number
  /** Milliseconds since 1970, as exact as a double is: to a quarter of a microsecond. */
  readonly ctimeMs: number
  /** Rounded above 2^53. */
  readonly inode: number
  /** The file system it lies on. */
  readonly device: number
  /** Of a device node; 0 otherwise. */
  readonly devMajor: number
  readonly devMinor: number
  /** Of a symlink, as it is stored. */
  readonly linkTarget?: RawPath
  /** Of a regular file, when contents were asked for and it is small enough. Its length may differ from `size`. */
  readonly content?: Uint8Array
}

/** Something that could not be read. The walk goes on. */
export interface TreeProblem {
  readonly path: RawPath
  readonly operation: 'lstat' | 'list' | 'open' | 'read' | 'readlink'
  /** The system's code (`ELOOP` for a followed link that leads to a folder above it), or `changed`. */
  readonly code: string
  /** One sentence for people, the path quoted and escaped. */
  readonly message: string
}

export interface TreeBatch {
  readonly entries: TreeEntry[]
  readonly problems: TreeProblem[]
}

export interface WalkOptions {
  /** Regular files with fewer bytes come with their content; 0, so none. At most 16 MiB. */
  readonly contentUpTo?: number
  /**
   * Decides what comes and which folders are read; everything comes without it. A function is called in this thread,
   * so the walk is done here too, in turns with other work. A {@link Selection} is made in the worker if it can.
   */
  readonly select?: Select | Selection
  /**
   * Paths relative to the root: only they and the folders above them are looked at, and nothing below a path unless
   * that is named too. What is not there is passed over. `select` decides about them.
   */
  readonly only?: Iterable<string>
}

export type LoadOptions = Pick<WalkOptions, 'contentUpTo'>

/** An opened file tree. */
export interface Tree {
  /**
   * All entries, depth first, each folder before what it holds, names in the order of their bytes; in batches. Nothing
   * is read before the first pull. Leaving the loop early stops the reading.
   *
   * @throws FileTreeError `closed` or `worker`; `select` when the selection fails; `unsafe-name` for one of `only`; the
   *   signal's reason.
   */
  walk(options?: WalkOptions): AsyncIterable<TreeBatch>
  /**
   * The content of a walked regular file, in pieces of at most 1 MiB, to the end that it has when it is read. Pass the
   * entry that was walked: a file that has another kind, owner or mode by now is refused as `changed`.
   *
   * @throws FileTreeError with the system's code, or `changed`.
   */
  open(entry: OpenableEntry): ByteStream
  /**
   * Regular files looked at again, all together: each as it is now, in the order of `paths`, with its content when it is
   * small enough. What has vanished is left out; what is no regular file, or cannot be read, is among the problems. The
   * caller bounds what this holds in memory, by the sizes that were walked.
   *
   * @throws FileTreeError `closed` or `worker`; the signal's reason.
   */
  load(paths: readonly RawPath[], options?: LoadOptions): Promise<TreeBatch>
  /** Ends the worker and lets go of all descriptors. What is under way fails with `closed`. */
  close(): Promise<void>
}

/** What {@link Tree.open} compares with the file that it finds. */
export type OpenableEntry = Pick<TreeEntry, 'path' | 'mode' | 'uid' | 'gid'>

/** In the order of the packed form of a batch. */
export const entryKinds: readonly EntryKind[] = [
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'character-device',
  'block-device',
]

/** Where the kind of an st_mode is in {@link entryKinds}; -1 for a kind that is none of them. */
export function kindNumber(mode: number): number {
  switch (mode & 0o170000) {
    case 0o100000:
      return 0
    case 0o040000:
      return 1
    case 0o120000:
      return 2
    case 0o010000:
      return 3
    case 0o140000:
      return 4
    case 0o020000:
      return 5
    case 0o060000:
      return 6
    default:
      return -1
  }
}

/** Both halves of an st_rdev, as the system packs them: glibc's way, or macOS's. */
export function splitDevice(rdev: bigint, platform: NodeJS.Platform = process.platform): [number, number] {
  if (platform === 'darwin') return [Number((rdev >> 24n) & 0xffn), Number(rdev & 0xffffffn)]
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)
  return [Number(major), Number(minor)]
}
