import { type PackedBatch, transferOf } from './batch.ts'
import type { OpenableEntry } from './entry.ts'
import { codeOf, messageOf } from './errors.ts'
import { type FileReader, TreeOpener } from './file-reader.ts'
import type { RawPath } from '@coalmine/bytes'
import type { TreeRoot } from './tree-root.ts'
import { TreeWalker } from './walker.ts'

/** What a tree asks of its worker. `id` names one walk or one reading. */
export type TreeRequest =
  | { type: 'walk'; id: number; contentUpTo: number; aheadBytes: number }
  | { type: 'open'; id: number; entry: OpenableEntry }
  /** So many of the bytes that were sent have been taken. */
  | { type: 'taken'; id: number; bytes: number }
  | { type: 'cancel'; id: number }

/** What the worker sends. Nothing follows a `last` or a `failed`. */
export type TreeReply =
  | { type: 'ready' }
  | { type: 'refused'; code: string; message: string }
  | { type: 'batch'; id: number; batch: PackedBatch; last: boolean; bytes: number }
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
  readonly #opener: TreeOpener
  readonly #jobs = new Map<number, Job>()

  constructor(root: TreeRoot, post: Post) {
    this.#root = root
    this.#post = post
    this.#opener = new TreeOpener(root)
  }

  handle(request: TreeRequest): void {
    const { id } = request
    switch (request.type) {
      case 'walk':
        this.#jobs.set(id, this.#walk(id, request.contentUpTo, request.aheadBytes))
        break
      case 'open':
        this.#open(id, request.entry)
        break
      case 'taken': {
        const job = this.#jobs.get(id)
        if (job !== undefined) job.ahead -= request.bytes
        break
      }
      case 'cancel':
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

  #walk(id: number, contentUpTo: number, limit: number): Job {
    const walker = new TreeWalker(this.#root, { contentUpTo })
    const step = () => {
      const batch = walker.next()
      if (batch === undefined) return undefined
      const { bytes, last } = batch
      this.#post({ type: 'batch', id, batch, last, bytes }, transferOf(batch))
      return last ? undefined : bytes
    }
    return { id, limit, ahead: 0, step, close: () => walker.close() }
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

  #fail(id: number, path: RawPath, operation: string, error: unknown): void {
    const message = messageOf(error, operation, path)
    this.#post({ type: 'failed', id, code: codeOf(error), message, path, operation }, [])
  }
}
