import type { ByteStream, RawPath } from '@coalmine/bytes'
import { Worker } from 'node:worker_threads'
import { address } from './address.ts'
import { unpackBatch } from './batch.ts'
import type { LoadOptions, OpenableEntry, Tree, TreeBatch, WalkOptions } from './entry.ts'
import { FileTreeError } from './errors.ts'
import type { ServedTree } from './serve-tree.ts'
import type { TreeRoot } from './tree-root.ts'
import type { TreeReply, TreeRequest } from './tree-server.ts'
import { walkHere } from './walk-here.ts'
import { firstReply } from './worker-start.ts'

type Sent = Extract<TreeReply, { id: number }>

/** The worker's file beside this one: TypeScript where we run from source, JavaScript otherwise. */
const workerUrl = new URL(`./tree-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** What came for one walk or reading and was not taken yet. */
interface Channel {
  readonly id: number
  readonly queue: Sent[]
  wake: (() => void) | undefined
}

/**
 * A tree whose file system calls are made in one worker thread.
 *
 * `undefined` when no worker can be started here: the file is not there (a bundle), or cannot be run (TypeScript on a
 * Node without it). The caller then does the same in place.
 *
 * @throws FileTreeError when the tree cannot be opened.
 */
export async function startWorkerTree(
  root: string,
  options: { signal?: AbortSignal; aheadBytes: number; followLinks: boolean; url?: URL },
): Promise<Tree | undefined> {
  const { followLinks } = options
  const workerData: ServedTree = { root, followLinks }
  const worker = new Worker(options.url ?? workerUrl, { workerData, env: {}, name: 'filetree' })
  const first = await firstReply<TreeReply>(worker)
  if (first?.type === 'ready') {
    const opened = { ...first.root, path: root, address: address(root), followLinks }
    return new WorkerTree(worker, opened, { ...options, selects: first.selects })
  }
  await worker.terminate()
  if (first?.type !== 'refused') return undefined
  throw new FileTreeError(first.code, first.message, { path: '' as RawPath, operation: 'open' })
}

class WorkerTree implements Tree {
  readonly #worker: Worker
  /** What the worker holds open. */
  readonly #root: TreeRoot
  /** Walks in place. */
  readonly #here = new Set<{ close(): void }>()
  /** Whether the worker can make selections. */
  readonly #selects: boolean
  readonly #aheadBytes: number
  readonly #signal: AbortSignal | undefined
  readonly #channels = new Map<number, Channel>()
  #lastId = 0
  #waiting = 0
  #failure: { reason: unknown } | undefined
  #gone: Promise<unknown> | undefined

  constructor(worker: Worker, root: TreeRoot, options: { signal?: AbortSignal; aheadBytes: number; selects: boolean }) {
    this.#worker = worker
    this.#selects = options.selects
    this.#root = root
    this.#aheadBytes = options.aheadBytes
    this.#signal = options.signal
    worker.on('message', (reply: Sent) => this.#receive(reply))
    worker.on('error', (cause) =>
      this.#end(new FileTreeError('worker', 'Cannot read the tree: its worker failed', { cause })),
    )
    worker.on('exit', () => this.#end(new FileTreeError('worker', 'Cannot read the tree: its worker ended')))
    // A tree that is open and idle does not keep the process alive; one that is waited for does.
    worker.unref()
    this.#signal?.addEventListener('abort', this.#abort)
    if (this.#signal?.aborted === true) this.#abort()
  }

  async *walk(options: WalkOptions = {}): AsyncGenerator<TreeBatch, void, undefined> {
    const { contentUpTo = 0, select: selection, only: paths } = options
    if (typeof selection === 'function' || (selection !== undefined && !this.#selects)) {
      yield* walkHere(this.#root, options, { open: this.#here, check: () => this.#check() })
      return
    }
    const aheadBytes = this.#aheadBytes
    const select = selection && { data: selection.data }
    const only = paths && [...paths]
    for await (const reply of this.#run((id) => ({ type: 'walk', id, aheadBytes, contentUpTo, select, only }))) {
      if (reply.type !== 'batch') continue
      yield unpackBatch(reply.batch)
      if (reply.last) selection?.onSummary?.(reply.summary)
    }
  }

  async *open(entry: OpenableEntry): ByteStream {
    const { path, mode, uid, gid } = entry
    for await (const reply of this.#run((id) => ({ type: 'open', id, entry: { path, mode, uid, gid } }))) {
      if (reply.type === 'piece' && reply.piece.length > 0) yield reply.piece
    }
  }

  async load(paths: readonly RawPath[], options: LoadOptions = {}): Promise<TreeBatch> {
    const { contentUpTo = 0 } = options
    const joined = paths.join('\0')
    for await (const reply of this.#run((id) => ({ type: 'load', id, paths: joined, contentUpTo }))) {
      if (reply.type === 'batch') return unpackBatch(reply.batch)
    }
    throw new FileTreeError('worker', 'Cannot read the tree: its worker did not answer')
  }

  async close(): Promise<void> {
    this.#end(new FileTreeError('closed', 'Cannot read the tree: it was closed'))
    await this.#gone
  }

  readonly #abort = () => this.#end(this.#signal!.reason)

  async *#run(request: (id: number) => TreeRequest): AsyncGenerator<Sent, void, undefined> {
    this.#check()
    const id = ++this.#lastId
    const channel: Channel = { id, queue: [], wake: undefined }
    this.#channels.set(id, channel)
    this.#send(request(id))
    let over = false
    try {
      while (!over) {
        const reply = await this.#next(channel)
        if (reply.type === 'failed') {
          over = true
          throw new FileTreeError(reply.code, reply.message, { path: reply.path, operation: reply.operation })
        }
        over = reply.last
        if (!over) this.#send({ type: 'taken', id, bytes: reply.bytes })
        yield reply
      }
    } finally {
      this.#channels.delete(id)
      if (!over) this.#send({ type: 'cancel', id })
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.reason
  }

  async #next(channel: Channel): Promise<Sent> {
    for (;;) {
      this.#check()
      const reply = channel.queue.shift()
      if (reply !== undefined) return reply
      if (this.#waiting++ === 0) this.#worker.ref()
      await new Promise<void>((resolve) => {
        channel.wake = resolve
      })
      // A worker that is ending is waited for: let go of now, the process would end in the middle of that.
      if (--this.#waiting === 0 && this.#failure === undefined) this.#worker.unref()
    }
  }

  #receive(reply: Sent): void {
    const channel = this.#channels.get(reply.id)
    // What was under way when a loop was left.
    if (channel === undefined) return
    channel.queue.push(reply)
    channel.wake?.()
  }

  #send(request: TreeRequest): void {
    if (this.#failure === undefined) this.#worker.postMessage(request, [])
  }

  #end(reason: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { reason }
    this.#signal?.removeEventListener('abort', this.#abort)
    for (const channel of this.#channels.values()) channel.wake?.()
    for (const walk of this.#here) walk.close()
    this.#gone = this.#worker.terminate()
  }
}
