import { Worker } from 'node:worker_threads'
import { createPartHash, type PartHash } from './part-hash.ts'
import type { HashAnswer, HashRequest } from './part-hash-worker.ts'

/** The hashes of uploads that are gathered, by their keys. */
export interface PartHashes {
  /** So many bytes of the file are there to stay, of the `size` that it will have. */
  follow(key: string, file: PartFile, bytes: number): void
  /** The hash of all of it. To be asked once. @throws what the file system throws. */
  end(key: string, file: PartFile): Promise<string>
  /** It will never be whole. */
  drop(key: string): void
  /** Resolves when nothing is hashed any more. */
  close(): Promise<void>
}

export interface PartFile {
  readonly path: string
  /** Once it is whole. */
  readonly size: number
}

/** Large ones are hashed in a thread of their own: the server answers meanwhile. */
const largeBytes = 16 * 2 ** 20

const workerUrl = new URL(`./part-hash-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** @param script - For tests. */
export function createPartHashes(script = workerUrl): PartHashes {
  const here = new Map<string, PartHash>()
  let thread: HashThread | undefined
  const hereOf = (key: string, path: string): PartHash => {
    const known = here.get(key) ?? createPartHash(path)
    here.set(key, known)
    return known
  }
  const threadFor = ({ size }: PartFile): HashThread | undefined => {
    if (size < largeBytes) return undefined
    thread ??= new HashThread(script)
    return thread.isLost ? undefined : thread
  }
  return {
    follow(key, file, bytes) {
      const there = threadFor(file)
      if (there === undefined) hereOf(key, file.path).follow(bytes)
      else there.post({ type: 'follow', key, path: file.path, bytes })
    },
    async end(key, file) {
      const hash = await threadFor(file)?.end(key, file)
      if (hash !== undefined) return hash
      try {
        return await hereOf(key, file.path).end(file.size)
      } finally {
        here.delete(key)
      }
    },
    drop(key) {
      here.delete(key)
      thread?.post({ type: 'drop', key, path: '', bytes: 0 })
    },
    async close() {
      await Promise.all([...here.values()].map((each) => each.idle()))
      await thread?.close()
    },
  }
}

class HashThread {
  isLost = false
  readonly #worker: Worker
  readonly #asked = new Map<string, { answer: (hash: string | undefined) => void; fail: (error: Error) => void }>()

  constructor(script: URL) {
    this.#worker = new Worker(script, { env: {}, name: 'part hashes' })
    this.#worker.on('message', (answer: HashAnswer) => this.#receive(answer))
    this.#worker.on('error', () => this.#lose())
    this.#worker.on('exit', () => this.#lose())
    this.#worker.unref()
  }

  post(request: HashRequest): void {
    if (!this.isLost) this.#worker.postMessage(request, [])
  }

  /** `undefined` when the thread could not be started, or has ended: then nothing is known of the file. */
  end(key: string, { path, size }: PartFile): Promise<string | undefined> {
    return new Promise((answer, fail) => {
      this.#asked.set(key, { answer, fail })
      this.#worker.ref()
      this.post({ type: 'end', key, path, bytes: size })
    })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #receive({ key, hash, error }: HashAnswer): void {
    const asked = this.#asked.get(key)
    this.#asked.delete(key)
    if (this.#asked.size === 0) this.#worker.unref()
    if (hash === undefined) asked?.fail(new Error(error))
    else asked?.answer(hash)
  }

  #lose(): void {
    this.isLost = true
    for (const { answer } of this.#asked.values()) answer(undefined)
    this.#asked.clear()
  }
}
