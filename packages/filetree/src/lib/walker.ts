import { joinPath, type RawPath } from '@coalmine/bytes'
import { closeSync, fstatSync, lstatSync, openSync, readlinkSync, statSync, type BigIntStats } from 'node:fs'
import { type Address, addressBelow } from './address.ts'
import { BatchPacker, type EntryRow, type PackedBatch } from './batch.ts'
import { nodeEffects } from './effects.ts'
import { type EntryKind, entryKinds, type TreeProblem } from './entry.ts'
import { codeOf, FileTreeError, isOutside, messageOf, sentence } from './errors.ts'
import { fileFlags, readSmall } from './file-reader.ts'
import { FolderStack, type FolderPort } from './folder-stack.ts'
import { guardedBelow, isKept } from './guarded.ts'
import { listFolder, type Names } from './list-folder.ts'
import type { OnlyTree } from './only.ts'
import { identityOf, rowOf } from './row.ts'
import { ask, leadsNowhere, type Select, type Verdict, WalkCandidate } from './select.ts'
import { following, type TreeRoot } from './tree-root.ts'

export interface WalkerOptions {
  readonly contentUpTo?: number
  /** Entries in a batch at most; 1024. */
  readonly batchEntries?: number
  /** A batch goes when it has taken so long, on a slow file system; 50. */
  readonly batchMs?: number
  readonly nowMs?: () => number
  /** Whether folders are asked for the kinds of what they hold, which saves calls when contents are wanted; true. */
  readonly kinds?: boolean
  /** Decides what comes; everything does without. */
  readonly select?: Select
  /** Found instead of what folders hold. */
  readonly only?: OnlyTree
  /** For tests: folders held open, how names are found in them, and how they are listed. */
  readonly window?: number
  readonly port?: FolderPort
  readonly list?: typeof listFolder
}

interface Listing extends Names {
  readonly path: RawPath
  /** Where names of this folder can be looked up without its descriptor. */
  readonly guarded: string | undefined
  /** Whether the same can hold for folders in it. */
  readonly kept: boolean
  readonly only: OnlyTree | undefined
  /** Of a folder that comes only when something below it does, as long as nothing did. */
  deferred: EntryRow | undefined
  /** Which folder it is, where links are followed. */
  readonly identity: string
  next: number
}

/** How a folder is entered. */
interface Entering {
  readonly path: RawPath
  readonly row: EntryRow
  readonly guarded: string | undefined
  readonly only: OnlyTree | undefined
  readonly deferred: boolean
  readonly identity: string
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
  readonly #select: Select | undefined
  readonly #candidate = new WalkCandidate()
  readonly #only: OnlyTree | undefined
  readonly #listFolder: typeof listFolder
  /** Where the first folder is among the listings that has not come yet. */
  #deferredFrom = Number.POSITIVE_INFINITY
  /** The folders that are being walked, where links are followed: so that a link back to one of them is seen. */
  readonly #inside = new Set<string>()
  #started = false
  #ended = false

  constructor(root: TreeRoot, options: WalkerOptions = {}) {
    const { contentUpTo = 0, batchEntries = 1024, batchMs = 50, nowMs = () => performance.now() } = options
    const { kinds = true, select, only, port = nodeEffects, window, list = listFolder } = options
    this.#root = root
    this.#contentUpTo = contentUpTo
    this.#kinds = kinds && contentUpTo > 0
    this.#select = select
    this.#only = only
    this.#listFolder = list
    this.#batchMs = batchMs
    this.#nowMs = nowMs
    this.#packer = new BatchPacker(batchEntries)
    const { path, descriptor, followLinks } = root
    if (descriptor === undefined) return
    this.#stack = new FolderStack(port, { path, descriptor }, { window, followLinks })
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
      // Also with nothing in it: a selection may leave out a great deal, and whoever waits wants to be able to stop.
      if (steps % 64 === 0 && this.#nowMs() > deadline) break
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
      this.#leave()
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
    // Nothing is asked of the file itself, and it is not opened, before it is known to come.
    if (regular && this.#verdict(path, 'file', where) !== 'include') return true
    if (!(regular && this.#emitFile(path, where))) this.#emit(path, name, where, listing, regular)
    return true
  }

  #verdict(path: RawPath, kind: EntryKind, where: Address, stats?: BigIntStats): Verdict {
    return this.#select === undefined ? 'include' : ask(this.#select, this.#candidate.about(path, kind, where, stats))
  }

  /** Packs an entry, after the folders above it that were waiting for one. */
  #add(path: RawPath, row: EntryRow, linkTarget?: RawPath, content?: Uint8Array): void {
    const listings = this.#listings
    for (; this.#deferredFrom < listings.length; this.#deferredFrom++) {
      const listing = listings[this.#deferredFrom]!
      if (listing.deferred !== undefined) this.#packer.add(listing.path, listing.deferred)
      listing.deferred = undefined
    }
    this.#deferredFrom = Number.POSITIVE_INFINITY
    this.#packer.add(path, row, linkTarget, content)
  }

  #emitRoot(): void {
    const path = '' as RawPath
    if (this.#stack === undefined) {
      this.#emit(path, '', this.#root.address, undefined)
      return
    }
    const stats = fstatSync(this.#root.descriptor!, { bigint: true })
    const row = rowOf(stats)
    const identity = this.#root.followLinks ? identityOf(stats) : ''
    this.#packer.add(path, row)
    this.#list({ path, row, guarded: this.#root.guarded, only: this.#only, deferred: false, identity })
  }

  /** @param asked - Whether it is known to come if it is a regular file. */
  #emit(path: RawPath, name: string, found: Address, listing: Listing | undefined, asked = false): void {
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
    const link = stats.isSymbolicLink() && this.#root.followLinks
    if (link) {
      stats = this.#follow(path, where)
      if (stats === undefined) return
    }
    const row = rowOf(stats)
    const kind = entryKinds[row.kind]
    if (kind === undefined) {
      const message = sentence('use', path, 'unknown kind')
      this.#packer.problem({ path, operation: 'lstat', code: 'ENOTSUP', message })
      return
    }
    const known = path === '' || (asked && kind === 'file')
    const verdict = known ? 'include' : this.#verdict(path, kind, where, stats)
    if (kind === 'directory') {
      if (verdict === 'exclude') return
      const identity = this.#root.followLinks ? identityOf(stats) : ''
      // Without this a link to a folder above would give the same files again and again.
      if (link && this.#inside.has(identity)) this.#packer.problem(endless(path))
      else this.#enter(name, link, listing, { path, row, deferred: verdict === 'scan', identity })
    } else if (verdict !== 'include') {
      return
    } else if (kind === 'symlink') {
      this.#emitLink(path, where, row)
    } else if (kind === 'file' && row.size < this.#contentUpTo) {
      // Where the folder does not tell kinds, or the file could not be opened at first: this tells why.
      this.#emitFile(path, where, true)
    } else if (kind !== 'socket' || this.#deferredFrom === Number.POSITIVE_INFINITY) {
      // No archive holds sockets: a folder that waits for something does not come because of one.
      this.#add(path, row)
    }
  }

  /** What a link leads to; `undefined` when that is nothing, as the real program has it, or a problem. */
  #follow(path: RawPath, where: Address): BigIntStats | undefined {
    try {
      return statSync(where, { bigint: true, throwIfNoEntry: false })
    } catch (error) {
      if (!leadsNowhere(error)) this.#problem(path, 'lstat', error)
      return undefined
    }
  }

  #emitLink(path: RawPath, where: Address, row: EntryRow): void {
    try {
      this.#add(path, row, readlinkSync(where, 'latin1') as RawPath)
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
      descriptor = openSync(where, certain ? following(fileFlags, this.#root) : fileFlags)
    } catch (error) {
      if (!certain) return false
      if (codeOf(error) !== 'ENOENT') this.#problem(path, 'open', error)
      return true
    }
    try {
      const row = rowOf(fstatSync(descriptor, { bigint: true }))
      if (row.kind !== 0) {
        if (certain) this.#packer.problem(changed(path, 'open', 'it is no regular file any more'))
        return certain
      }
      const content =
        row.size < this.#contentUpTo
          ? readSmall(descriptor, row.size, this.#contentUpTo, (length) => this.#packer.room(length))
          : undefined
      this.#add(path, row, undefined, content)
    } catch (error) {
      this.#problem(path, 'read', error)
    } finally {
      closeSync(descriptor)
    }
    return true
  }

  #enter(
    name: string,
    link: boolean,
    above: Listing | undefined,
    folder: Pick<Entering, 'path' | 'row' | 'deferred' | 'identity'>,
  ): void {
    const { path, row, deferred } = folder
    if (!deferred) this.#add(path, row)
    if (this.#stack === undefined) {
      // The root was no folder when it was opened.
      this.#packer.problem(changed(path, 'list', 'it is a folder by now'))
      return
    }
    const only = above?.only?.get(name)
    // Nothing in it is looked for.
    if (only?.size === 0) return
    try {
      this.#stack.enter(name)
    } catch (error) {
      this.#problem(path, 'list', error)
      return
    }
    const isGuarded = !link && above?.guarded !== undefined && above.kept
    this.#list({ ...folder, guarded: isGuarded ? guardedBelow(above.guarded, name) : undefined, only })
  }

  #list({ path, row, guarded, only, deferred, identity }: Entering): void {
    try {
      const found: Names =
        only === undefined
          ? this.#listFolder(this.#stack!.here(), this.#kinds)
          : { names: [...only.keys()].sort(), others: undefined }
      const waiting = deferred ? row : undefined
      this.#listings.push({ path, guarded, kept: isKept(row), only, deferred: waiting, identity, next: 0, ...found })
      if (deferred) this.#deferredFrom = Math.min(this.#deferredFrom, this.#listings.length - 1)
      if (identity !== '') this.#inside.add(identity)
    } catch (error) {
      this.#problem(path, 'list', error)
      this.#stack!.leave()
    }
  }

  #leave(): void {
    const { identity } = this.#listings.pop()!
    if (this.#deferredFrom >= this.#listings.length) this.#deferredFrom = Number.POSITIVE_INFINITY
    if (identity !== '') this.#inside.delete(identity)
    this.#stack!.leave()
  }

  #problem(path: RawPath, operation: TreeProblem['operation'], error: unknown): void {
    if (!isOutside(error)) throw error
    const message = messageOf(error, verbs[operation], path)
    this.#packer.problem({ path, operation, code: codeOf(error), message })
  }
}

function changed(path: RawPath, operation: 'open' | 'list', reason: string): TreeProblem {
  return { path, operation, code: 'changed', message: sentence(operation, path, reason) }
}

function endless(path: RawPath): TreeProblem {
  return { path, operation: 'list', code: 'ELOOP', message: sentence('list', path, 'it leads back to a folder above') }
}
