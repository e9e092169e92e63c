import { joinPath, type RawPath } from '@coalmine/bytes'
import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs'
import { type Address, addressBelow } from './address.ts'
import { BatchPacker, type EntryRow, type PackedBatch } from './batch.ts'
import { nodeEffects } from './effects.ts'
import { kindNumber, splitDevice, type TreeProblem } from './entry.ts'
import { codeOf, FileTreeError, isOutside, messageOf, sentence } from './errors.ts'
import { fileFlags, readSmall } from './file-reader.ts'
import { FolderStack, type FolderPort } from './folder-stack.ts'
import { guardedBelow, isKept } from './guarded.ts'
import type { TreeRoot } from './tree-root.ts'

export interface WalkerOptions {
  readonly contentUpTo?: number
  /** Entries in a batch at most; 1024. */
  readonly batchEntries?: number
  /** A batch goes when it has taken so long, on a slow file system; 50. */
  readonly batchMs?: number
  readonly nowMs?: () => number
  /** Whether folders are asked for the kinds of what they hold, which saves calls when contents are wanted; true. */
  readonly kinds?: boolean
  /** For tests: folders held open, and how names are found in them. */
  readonly window?: number
  readonly port?: FolderPort
}

interface Listing {
  readonly path: RawPath
  /** Where names of this folder can be looked up without its descriptor. */
  readonly guarded: string | undefined
  /** Whether the same can hold for folders in it. */
  readonly kept: boolean
  /** Sorted. */
  readonly names: readonly string[]
  /** Those that the folder itself says are no regular files; nothing is known of any without it. */
  readonly others: ReadonlySet<string> | undefined
  next: number
}

const verbs = { lstat: 'look at', list: 'list', open: 'open', read: 'read', readlink: 'read the link' } as const

/**
 * Walks a tree with synchronous calls, a batch at a time. A kernel: it waits for nothing but the file system, and runs in
 * a worker or in place.
 */
export class TreeWalker {
  readonly #root: TreeRoot
  readonly #contentUpTo: number
  readonly #kinds: boolean
  readonly #batchMs: number
  readonly #nowMs: () => number
  readonly #packer: BatchPacker
  readonly #stack: FolderStack | undefined
  readonly #listings: Listing[] = []
  #started = false
  #ended = false

  constructor(root: TreeRoot, options: WalkerOptions = {}) {
    const { contentUpTo = 0, batchEntries = 1024, batchMs = 50, nowMs = () => performance.now() } = options
    const { kinds = true, port = nodeEffects, window } = options
    this.#root = root
    this.#contentUpTo = contentUpTo
    this.#kinds = kinds && contentUpTo > 0
    this.#batchMs = batchMs
    this.#nowMs = nowMs
    this.#packer = new BatchPacker(batchEntries)
    const { path, descriptor } = root
    if (descriptor === undefined) return
    this.#stack = new FolderStack(port, { path, descriptor }, window)
  }

  /** The next batch; `undefined` after the last one. */
  next(): PackedBatch | undefined {
    if (this.#ended) return undefined
    const packer = this.#packer
    const deadline = this.#nowMs() + this.#batchMs
    for (let steps = 1; !packer.full; steps++) {
      if (!this.#step()) {
        this.close()
        return packer.take(true)
      }
      if (steps % 64 === 0 && this.#nowMs() > deadline && packer.count > 0) break
    }
    return packer.take(false)
  }

  /** Lets go of the folders that are held open. */
  close(): void {
    this.#ended = true
    this.#stack?.close()
  }

  /** One entry further; false when there is none. */
  #step(): boolean {
    if (!this.#started) {
      this.#started = true
      this.#emitRoot()
      return true
    }
    const listing = this.#listings.at(-1)
    if (listing === undefined) return false
    const name = listing.names[listing.next++]
    if (name === undefined) {
      this.#listings.pop()
      this.#stack!.leave()
      return true
    }
    const path = joinPath(listing.path, name as RawPath)
    let where: Address
    try {
      where = listing.guarded === undefined ? this.#stack!.at(name) : addressBelow(listing.guarded, name)
    } catch (error) {
      // The folder had to be opened again and is not there any more: nothing that is left in it can be reached.
      listing.next = listing.names.length
      this.#problem(listing.path, 'list', error)
      return true
    }
    const regular = listing.others !== undefined && !listing.others.has(name)
    if (!(regular && this.#emitFile(path, where))) this.#emit(path, name, where, listing)
    return true
  }

  #emitRoot(): void {
    const path = '' as RawPath
    if (this.#stack === undefined) {
      this.#emit(path, '', this.#root.address, undefined)
      return
    }
    const row = rowOf(fstatSync(this.#root.descriptor!, { bigint: true }))
    this.#packer.add(path, row)
    this.#list(path, row, this.#root.guarded)
  }

  #emit(path: RawPath, name: string, found: Address, listing: Listing | undefined): void {
    let where = found
    let stats: BigIntStats | undefined
    try {
      stats = lstatSync(where, { bigint: true, throwIfNoEntry: false })
      if (stats === undefined && listing?.guarded !== undefined) {
        // A folder on the way may have been moved; the descriptor has moved with it.
        where = this.#stack!.at(name)
        stats = lstatSync(where, { bigint: true, throwIfNoEntry: false })
      }
    } catch (error) {
      this.#problem(path, 'lstat', error)
      return
    }
    if (stats === undefined) {
      // Gone since the folder was listed: as if it had never been. Not so the root, or all would look deleted.
      if (path === '')
        this.#problem(path, 'lstat', new FileTreeError('ENOENT', sentence('look at', path, 'it is gone')))
      return
    }
    const row = rowOf(stats)
    if (row.kind < 0) {
      this.#packer.problem({
        path,
        operation: 'lstat',
        code: 'ENOTSUP',
        message: sentence('use', path, 'unknown kind'),
      })
    } else if (row.kind === 2) {
      this.#emitLink(path, where, row)
    } else if (row.kind === 1) {
      this.#packer.add(path, row)
      this.#enter(path, name, row, listing)
    } else if (row.kind === 0 && row.size < this.#contentUpTo) {
      // Where the folder does not tell kinds, or the file could not be opened at first: this tells why.
      this.#emitFile(path, where, true)
    } else {
      this.#packer.add(path, row)
    }
  }

  #emitLink(path: RawPath, where: Address, row: EntryRow): void {
    try {
      this.#packer.add(path, row, readlinkSync(where, 'latin1') as RawPath)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#problem(path, 'readlink', error)
    }
  }

  /**
   * Opens a file first and asks the descriptor, so that the entry and the content belong to the same file, and saves the
   * lstat. False when this is no regular file that can be opened and nothing was emitted.
   */
  #emitFile(path: RawPath, where: Address, certain = false): boolean {
    let descriptor: number
    try {
      descriptor = openSync(where, fileFlags)
    } catch (error) {
      if (!certain) return false
      if (codeOf(error) !== 'ENOENT') this.#problem(path, 'open', error)
      return true
    }
    try {
      const row = rowOf(fstatSync(descriptor, { bigint: true }))
      if (row.kind !== 0) {
        if (certain) this.#packer.problem(changed(path))
        return certain
      }
      const content =
        row.size < this.#contentUpTo
          ? readSmall(descriptor, row.size, this.#contentUpTo, (length) => this.#packer.room(length))
          : undefined
      this.#packer.add(path, row, undefined, content)
    } catch (error) {
      this.#problem(path, 'read', error)
    } finally {
      closeSync(descriptor)
    }
    return true
  }

  #enter(path: RawPath, name: string, row: EntryRow, above: Listing | undefined): void {
    try {
      this.#stack!.enter(name)
    } catch (error) {
      this.#problem(path, 'list', error)
      return
    }
    const guarded = above?.guarded !== undefined && above.kept ? guardedBelow(above.guarded, name) : undefined
    this.#list(path, row, guarded)
  }

  #list(path: RawPath, row: EntryRow, guarded: string | undefined): void {
    try {
      const found = listFolder(this.#stack!.here(), this.#kinds)
      this.#listings.push({ path, guarded, kept: isKept(row), next: 0, ...found })
    } catch (error) {
      this.#problem(path, 'list', error)
      this.#stack!.leave()
    }
  }

  #problem(path: RawPath, operation: TreeProblem['operation'], error: unknown): void {
    if (!isOutside(error)) throw error
    const message = messageOf(error, verbs[operation], path)
    this.#packer.problem({ path, operation, code: codeOf(error), message })
  }
}

function changed(path: RawPath): TreeProblem {
  return { path, operation: 'open', code: 'changed', message: sentence('open', path, 'it is no regular file any more') }
}

function listFolder(where: Address, kinds: boolean): Pick<Listing, 'names' | 'others'> {
  if (kinds) {
    try {
      const names: string[] = []
      const others = new Set<string>()
      for (const found of readdirSync(where, { encoding: 'latin1', withFileTypes: true })) {
        names.push(found.name)
        if (!found.isFile()) others.add(found.name)
      }
      return { names: names.sort(), others }
    } catch {
      // Node looks at names whose kind the file system does not tell, as UTF-8, and fails for others or when one is just
      // gone. The plain list below needs no kinds; when the folder itself is the trouble, it says so.
    }
  }
  return { names: readdirSync(where, 'latin1').sort(), others: undefined }
}

function rowOf(stats: BigIntStats): EntryRow {
  const mode = Number(stats.mode)
  const kind = kindNumber(mode)
  const node = kind === 5 || kind === 6
  const [devMajor, devMinor] = node ? splitDevice(stats.rdev) : [0, 0]
  return {
    kind,
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: Number(stats.ino),
    device: Number(stats.dev),
    devMajor,
    devMinor,
  }
}
