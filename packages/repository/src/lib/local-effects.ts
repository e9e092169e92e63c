import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import { hostname } from 'node:os'

/** What is told about a name or an open file. */
export interface LocalFacts {
  readonly kind: 'file' | 'folder' | 'other'
  /** 12 bits. */
  readonly mode: number
  readonly uid: number
  /** In bytes. */
  readonly size: number
  /** Of which file this is a name: the same for two names of one file, and for no others. */
  readonly identity: string
}

/** A process, told apart from all others that ever had its number. Short ASCII words, without dashes. */
export interface ProcessFacts {
  /** The machine. */
  readonly host: string
  /** The start of the machine, where it can be told; else `0`. */
  readonly boot: string
  /** Among which processes the number counts, where it can be told (containers); else `0`. */
  readonly space: string
  readonly pid: number
  /** When the process began, where it can be told; else `0`. */
  readonly began: string
}

/**
 * Everything that a repository does to this machine's files, one method per effect, so that a test can count them, fail
 * them and die between any two: the spool, the archive dir and its lock. Errors are those of `node:fs`, with a `code`.
 */
export interface LocalEffects {
  /** Makes one folder, for its owner alone; fails when there is anything of that name. */
  makeFolder(path: string): void
  /** Makes a folder, for its owner alone, and those above it; one that is there is fine. */
  makeFolders(path: string): void
  /** Removes an empty folder. */
  removeFolder(path: string): void
  /** Makes a file that only its owner may read, to be written and read; fails when there is anything of that name. */
  createFile(path: string): number
  /** Opens a file to be locked, and makes it when there is none. */
  openLockFile(path: string): number
  /** Opens a file to write at its end, and makes it for its owner alone when there is none. */
  openToAppend(path: string): number
  /** Writes all of the bytes at the end of what was written before. */
  write(descriptor: number, bytes: Uint8Array): void
  /** Cuts an open file off at a length. */
  truncate(descriptor: number, bytes: number): void
  /** Returns when the content of the file is on the disk. */
  sync(descriptor: number): void
  close(descriptor: number): void
  /** Gives a file another name, in place of what had it. */
  rename(from: string, to: string): void
  /** Takes away a name; fails when there is none. */
  remove(path: string): void

  openFile(path: string): number
  /** Reads up to the length of the buffer; 0 at the end. */
  read(descriptor: number, into: Uint8Array, at: number): Promise<number>
  /** The whole of a small file. */
  readFile(path: string): Uint8Array
  list(path: string): string[]
  factsOfFile(descriptor: number): LocalFacts
  /** Of what a name leads to; follows symlinks. */
  facts(path: string): LocalFacts
  /** Of the name itself. */
  ownFacts(path: string): LocalFacts
  /** What an unprivileged user may still write in a folder; `undefined` where the system does not tell. */
  freeBytes(path: string): number | undefined
  /** Who owns what this process makes; `undefined` where there are no users. */
  user(): number | undefined
  process(): ProcessFacts
  /** When a running process with that number began (`0` where that cannot be told); `undefined` when there is none. */
  began(pid: number): string | undefined
}

/** The effects of `node:fs`. */
export const nodeLocalEffects: LocalEffects = {
  makeFolder(path) {
    mkdirSync(path, { mode: 0o700 })
  },
  makeFolders(path) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  },
  removeFolder: (path) => rmdirSync(path),
  createFile: (path) => openSync(path, 'wx+', 0o600),
  openLockFile: (path) => openSync(path, 'a', 0o600),
  openToAppend: (path) => openSync(path, 'a', 0o600),
  write(descriptor, bytes) {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
  },
  truncate: (descriptor, bytes) => ftruncateSync(descriptor, bytes),
  sync: (descriptor) => fsyncSync(descriptor),
  close: (descriptor) => closeSync(descriptor),
  rename: (from, to) => renameSync(from, to),
  remove: (path) => unlinkSync(path),
  // A pipe in the place of a file must not make anybody wait.
  openFile: (path) => openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)),
  read: (descriptor, into, at) =>
    new Promise((resolve, reject) => {
      read(descriptor, into, 0, into.length, at, (error, count) => (error === null ? resolve(count) : reject(error)))
    }),
  readFile: (path) => readFileSync(path),
  list: (path) => readdirSync(path),
  factsOfFile: (descriptor) => factsOf(fstatSync(descriptor, { bigint: true })),
  facts: (path) => factsOf(statSync(path, { bigint: true })),
  ownFacts: (path) => factsOf(lstatSync(path, { bigint: true })),
  freeBytes(path) {
    const { bsize, blocks, bavail } = statfsSync(path)
    // Some file systems over a network know nothing of blocks.
    return blocks === 0 ? undefined : bavail * bsize
  },
  user: () => process.geteuid?.(),
  process: () => (ownFacts ??= processFacts()),
  began,
}

function factsOf(stats: BigIntStats): LocalFacts {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other',
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    size: Number(stats.size),
    identity: `${stats.dev} ${stats.ino}`,
  }
}

let ownFacts: ProcessFacts | undefined

function processFacts(): ProcessFacts {
  // A /proc of other processes than ours would answer about strangers.
  const isOurs = textOf(() => readlinkSync('/proc/self')) === String(process.pid)
  const space = isOurs ? textOf(() => readlinkSync('/proc/self/ns/pid')) : ''
  const machine = textOf(() => readFileSync('/etc/machine-id', 'latin1'))
  return {
    host: word(`${hostname()} ${machine}`),
    boot: word(textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'))),
    space: word(space),
    pid: process.pid,
    began: (isOurs && began(process.pid)) || '0',
  }
}

function began(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Not ours to signal is there all the same.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined
  }
  const line = textOf(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  // The name of the program comes second, in brackets, and may hold anything.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const [state, start] = [fields[0] ?? '', fields[19] ?? '']
  if (/^[ZXx]$/.test(state)) return undefined
  return /^\d+$/.test(start) ? start : '0'
}

function textOf(look: () => string): string {
  try {
    return look()
  } catch {
    // Not Linux, or not to be seen: what it would tell is not known.
    return ''
  }
}

function word(text: string): string {
  return text === '' ? '0' : createHash('sha256').update(text).digest('hex').slice(0, 8)
}
