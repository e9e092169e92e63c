import { type PackedBatch, transferOf } from './batch.ts'
import type { OpenableEntry } from './entry.ts'
import { codeOf, FileTreeError, isOutside, messageOf } from './errors.ts'
import { loadFiles } from './file-loader.ts'
import { type FileReader, TreeOpener } from './file-reader.ts'
import type { RawPath } from '@coalmine/bytes'
import { onlyTree } from './only.ts'
import { type CreateSelector, makeSelector, type Selector } from './select.ts'
import type { TreeRoot } from './tree-root.ts'
import { TreeWalker } from './walker.ts'

/** The options of a walk in a form that crosses to another thread. */
export interface WalkRequest {
  contentUpTo: number
  select?: { data: unknown }
  only?: readonly string[]
}

/** What a tree asks of its worker. `id` names one walk or one reading. */
export type TreeRequest =
  | ({ type: 'walk'; id: number; aheadBytes: number } & WalkRequest)
  | { type: 'open'; id: number; entry: OpenableEntry }
  /** Paths are separated by NULs. */
  | { type: 'load'; id: number; paths: string; contentUpTo: number }
  /** So many of the bytes that were sent have been taken. */
  | { type: 'taken'; id: number; bytes: number }
  | { type: 'cancel'; id: number }

/** What the worker sends. Nothing follows a `last` or a `failed`. */
export type TreeReply =
  | { type: 'ready'; root: Pick<TreeRoot, 'descriptor' | 'guarded'>; selects: boolean }
  | { type: 'refused'; code: string; message: string }
  | { type: 'batch'; id: number; batch: PackedBatch; last: boolean; bytes: number; summary?: unknown }
  | { type: 'piece'; id: number; piece: Uint8Array; last: boolean; bytes: number }
  | { type: 'failed'; id: number; code: string; message: string; path: RawPath; operation: string }

export type Post = (reply: TreeReply, transfer: ArrayBuffer[]) => void

/** Pieces of one file that are read before they are asked for. */
const piecesAhead = 2

/** One walk or reading: it runs as long as what was sent and not yet taken stays below its limit. */
interface Job {
  readonly id: number
  readonly limit: number
  ahead: number
  /** Does one batch or piece; returns how much of the limit it takes, or `undefined` when it was the last. */
  step(): number | undefined
  close(): void
}

/** The worker's side of a tree: a synchronous kernel that does one batch or piece at a time, in turns. */
export class TreeServer {
  readonly #root: TreeRoot
  readonly #post: Post
  readonly #create: CreateSelector | undefined
  readonly #wake: () => void
  readonly #opener: TreeOpener
  readonly #jobs = new Map<number, Job>()
  /** Walks whose selection is being loaded. */
  readonly #loading = new Set<number>()

  /**
   * @param options.create - Makes selections; without it none may be asked for.
   * @param options.wake - Told when there is something to do again, without a request.
   */
  constructor(root: TreeRoot, post: Post, options: { create?: CreateSelector; wake?: () => void } = {}) {
    this.#root = root
    this.#post = post
    this.#create = options.create
    this.#wake = options.wake ?? (() => undefined)
    this.#opener = new TreeOpener(root)
  }

  handle(request: TreeRequest): void {
    const { id } = request
    switch (request.type) {
      case 'walk':
        if (request.select === undefined) this.#walk(id, request)
        else void this.#load(id, request, request.select.data)
        break
      case 'open':
        this.#open(id, request.entry)
        break
      case 'load':
        this.#loadFiles(id, request.paths.split('\0') as RawPath[], request.contentUpTo)
        break
      case 'taken': {
        const job = this.#jobs.get(id)
        if (job !== undefined) job.ahead -= request.bytes
        break
      }
      case 'cancel':
        this.#loading.delete(id)
        this.#end(id)
        break
    }
  }

  /** Lets each job that may run go one step. False when there is nothing to do until the next request. */
  step(): boolean {
    let busy = false
    for (const job of this.#jobs.values()) {
      if (job.ahead >= job.limit) continue
      busy = true
      const taken = job.step()
      if (taken === undefined) this.#end(job.id)
      else job.ahead += taken
    }
    return busy
  }

  close(): void {
    for (const id of this.#jobs.keys()) this.#end(id)
    this.#opener.close()
  }

  #end(id: number): void {
    this.#jobs.get(id)?.close()
    this.#jobs.delete(id)
  }

  async #load(id: number, request: WalkRequest & { aheadBytes: number }, data: unknown): Promise<void> {
    this.#loading.add(id)
    try {
      const selector = await makeSelector(this.#create!, data)
      // It may have been cancelled meanwhile.
      if (!this.#loading.delete(id)) return
      this.#walk(id, request, selector)
      this.#wake()
    } catch (error) {
      if (this.#loading.delete(id)) this.#fail(id, '' as RawPath, 'select', error)
    }
  }

  #walk(
    id: number,
    { contentUpTo, only, aheadBytes: limit }: WalkRequest & { aheadBytes: number },
    by?: Selector,
  ): void {
    let walker: TreeWalker
    try {
      const select = by?.select.bind(by)
      walker = new TreeWalker(this.#root, { contentUpTo, select, only: only && onlyTree(only) })
    } catch (error) {
      this.#fail(id, '' as RawPath, 'walk', error)
      return
    }
    const step = () => {
      try {
        const batch = walker.next()
        if (batch === undefined) return undefined
        const { bytes, last } = batch
        const summary = last ? by?.summary?.() : undefined
        this.#post({ type: 'batch', id, batch, last, bytes, summary }, transferOf(batch))
        return last ? undefined : bytes
      } catch (error) {
        if (!isOutside(error)) throw error
        this.#fail(id, '' as RawPath, 'walk', error)
        return undefined
      }
    }
    this.#jobs.set(id, { id, limit, ahead: 0, step, close: () => walker.close() })
  }

  #open(id: number, entry: OpenableEntry): void {
    let reader: FileReader
    try {
      reader = this.#opener.open(entry)
    } catch (error) {
      this.#fail(id, entry.path, 'open', error)
      return
    }
    const step = () => {
      try {
        const { bytes: piece, last } = reader.next()
        this.#post({ type: 'piece', id, piece, last, bytes: 1 }, [piece.buffer as ArrayBuffer])
        return last ? undefined : 1
      } catch (error) {
        this.#fail(id, entry.path, 'read', error)
        return undefined
      }
    }
    this.#jobs.set(id, { id, limit: piecesAhead, ahead: 0, step, close: () => reader.close() })
  }

  #loadFiles(id: number, paths: readonly RawPath[], contentUpTo: number): void {
    const batch = loadFiles(this.#opener, paths, contentUpTo)
    this.#post({ type: 'batch', id, batch, last: true, bytes: batch.bytes }, transferOf(batch))
  }

  #fail(id: number, path: RawPath, operation: string, error: unknown): void {
    const message = messageOf(error, operation, path)
    // An error of ours knows better where it happened.
    const facts = error instanceof FileTreeError ? error : undefined
    const where = { path: facts?.path ?? path, operation: facts?.operation ?? operation }
    this.#post({ type: 'failed', id, code: codeOf(error), message, ...where }, [])
  }
}
