import type { RawPath } from '@coalmine/bytes'
import { Worker } from 'node:worker_threads'
import { latin1Of } from './address.ts'
import { FileTreeError, sentence } from './errors.ts'
import type { ScratchFile } from './scratch-file.ts'
import type { ServedWriter, WriterReply, WriterRequest } from './serve-writer.ts'
import { createTreeWriter, type TreeWriterOptions } from './tree-writer.ts'
import { firstReply } from './worker-start.ts'
import { batchBytes, WritePacker, type WriteStep } from './write-batch.ts'
import type { AsyncTreeWriter, FileSink, WriteEntry, WriteProblem } from './write-entry.ts'

/** The worker's file beside this one: TypeScript where we run from source, JavaScript otherwise. */
const workerUrl = new URL(`./writer-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** Batches that may be on their way, before the caller has to wait. */
const mostUnderWay = 3

export interface OpenTreeWriterOptions extends Pick<TreeWriterOptions, 'ownership' | 'overwrite' | 'onProblem'> {
  /** For tests: the worker's script. */
  readonly worker?: URL
}

/**
 * As {@link createTreeWriter}, with the file system calls made in a thread of their own, some megabytes behind the caller.
 * So what is written is decoded and written at the same time; starting the thread takes some 50 ms. Problems, and the error
 * that ends it all, are told later than what they are about: what was written is certain once `finish` has resolved.
 *
 * Where no worker can be started (a bundle without its file), all is done in place.
 */
export async function openTreeWriter(
  target: string | Buffer,
  options: OpenTreeWriterOptions,
): Promise<AsyncTreeWriter> {
  const { ownership, overwrite, onProblem } = options
  const bytes = typeof target === 'string' ? Buffer.from(latin1Of(target), 'latin1') : target
  const workerData: ServedWriter = { target: new Uint8Array(bytes), ownership, overwrite }
  const worker = new Worker(options.worker ?? workerUrl, { workerData, name: 'tree writer' })
  const first = await firstReply<WriterReply>(worker)
  const here = () => createTreeWriter(target, { ownership, overwrite, onProblem })
  if (first?.type === 'ready') return new ThreadedWriter(worker, onProblem, here)
  await worker.terminate()
  return here()
}

class ThreadedWriter implements AsyncTreeWriter {
  readonly #worker: Worker
  readonly #onProblem: (problem: WriteProblem) => void
  /** A writer of this thread, for what has to be at hand at once. */
  readonly #open: () => ReturnType<typeof createTreeWriter>
  #here: ReturnType<typeof createTreeWriter> | undefined
  readonly #packer = new WritePacker(new ArrayBuffer(batchBytes))
  /** Memory that has come back. */
  readonly #free: ArrayBuffer[] = []
  #underWay = 0
  #failure: FileTreeError | undefined
  #isFinished = false
  #isClosed = false
  #isGone = false
  #sink: FileSink | undefined
  #wake = () => {}
  #closing: Promise<void> | undefined

  constructor(
    worker: Worker,
    onProblem: (problem: WriteProblem) => void,
    open: () => ReturnType<typeof createTreeWriter>,
  ) {
    this.#worker = worker
    this.#onProblem = onProblem
    this.#open = open
    worker.on('message', (reply: WriterReply) => this.#receive(reply))
    worker.on('error', (cause) =>
      this.#lose(`its worker failed (${cause instanceof Error ? cause.message : String(cause)})`, cause),
    )
    worker.on('exit', () => this.#lose('its worker ended'))
    // Idle, it does not keep the process alive; when it is waited for it does.
    worker.unref()
  }

  directory(entry: WriteEntry): void {
    this.#add('directory', entry)
  }

  file(entry: WriteEntry, content: Uint8Array): void {
    if (content.length <= batchBytes) return this.#add('file', entry, content)
    const sink = this.openFile(entry)
    sink.write(content)
    sink.commit()
  }

  openFile(entry: WriteEntry): FileSink {
    this.#add('begin', entry)
    const { path } = entry
    let over = false
    const end = (step: 'commit' | 'abort'): void => {
      over = true
      this.#sink = undefined
      this.#put(step)
    }
    this.#sink = {
      write: (chunk) => {
        if (over) throw closedSink('write', path)
        this.#requireLife(path)
        for (let at = 0; at < chunk.length;) {
          if (this.#packer.room <= 0) this.#send()
          const piece = chunk.subarray(at, at + this.#packer.room)
          this.#packer.add('data', undefined, piece)
          at += piece.length
        }
      },
      commit: () => {
        if (over) throw closedSink('commit', path)
        this.#requireLife(path)
        end('commit')
      },
      abort: () => {
        if (!over) end('abort')
      },
    }
    return this.#sink
  }

  symlink(entry: WriteEntry): void {
    this.#add('symlink', entry)
  }

  fifo(entry: WriteEntry): void {
    this.#add('fifo', entry)
  }

  device(entry: WriteEntry): void {
    this.#add('device', entry)
  }

  scratch(path: RawPath): ScratchFile {
    this.#requireLife(path)
    this.#here ??= this.#open()
    return this.#here.scratch(path)
  }

  async ready(): Promise<void> {
    // A thread that has nothing to do gets what there is; a busy one gets more at a time.
    if (this.#underWay === 0 && !this.#packer.isEmpty && this.#failure === undefined) this.#send()
    while (this.#underWay >= mostUnderWay && this.#failure === undefined) await this.#reply()
    if (this.#failure !== undefined) throw this.#failure
  }

  async finish(): Promise<void> {
    this.#requireReady('' as RawPath)
    try {
      if (!this.#packer.isEmpty) this.#send()
      this.#post({ type: 'finish' })
      while (!this.#isFinished && this.#failure === undefined) await this.#reply()
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      await this.close()
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#here?.close()
    this.#isClosed = true
    this.#post({ type: 'close' })
    // What it is writing it takes away itself: it is waited for.
    while (!this.#isGone && !this.#hasClosed) await this.#reply()
    this.#isGone = true
    await this.#worker.terminate()
  }

  #hasClosed = false

  #add(step: WriteStep, entry: WriteEntry, content?: Uint8Array): void {
    this.#requireReady(entry.path)
    this.#put(step, entry, content)
  }

  #put(step: WriteStep, entry?: WriteEntry, content?: Uint8Array): void {
    if (this.#packer.room < (content?.length ?? 0)) this.#send()
    this.#packer.add(step, entry, content)
  }

  #requireReady(path: RawPath): void {
    this.#requireLife(path)
    if (this.#sink === undefined) return
    throw new FileTreeError('busy', sentence('write', path, 'another file is still being written'), { path })
  }

  #requireLife(path: RawPath): void {
    if (this.#isClosed) throw new FileTreeError('closed', sentence('write', path, 'the writer was closed'), { path })
    if (this.#failure !== undefined) throw this.#failure
  }

  #send(): void {
    const batch = this.#packer.take(this.#free.pop() ?? new ArrayBuffer(batchBytes))
    this.#underWay += 1
    this.#post({ type: 'batch', batch }, [batch.memory])
  }

  #post(request: WriterRequest, transfer: ArrayBuffer[] = []): void {
    if (!this.#isGone) this.#worker.postMessage(request, transfer)
  }

  #receive(reply: WriterReply): void {
    if (reply.type === 'problem') return this.#onProblem(reply.problem)
    if (reply.type === 'done') {
      this.#underWay -= 1
      this.#free.push(reply.memory)
    } else if (reply.type === 'failed') {
      const { code, message, path, operation } = reply
      this.#failure ??= new FileTreeError(code, message, { path, operation })
    } else if (reply.type === 'finished') this.#isFinished = true
    else if (reply.type === 'closed') this.#hasClosed = true
    this.#wake()
  }

  #lose(state: string, cause?: unknown): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#failure ??= new FileTreeError('worker', `Cannot write the tree: ${state}`, { cause })
    this.#wake()
  }

  async #reply(): Promise<void> {
    this.#worker.ref()
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#worker.unref()
  }
}

function closedSink(verb: string, path: RawPath): FileTreeError {
  return new FileTreeError('closed', sentence(verb, path, 'it was committed or aborted already'))
}
