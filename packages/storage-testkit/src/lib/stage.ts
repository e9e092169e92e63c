import { randomBytes } from 'node:crypto'
import { type ByteRange, collect, fromBytes } from '@coalmine/bytes'
import { type ObjectInfo, type Sleep, type Storage, temporaryPrefix } from '@coalmine/storage'
import { BrokenPromiseError } from './broken-promise.ts'
import type { Hook, StorageHarness } from './harness.ts'

/** A promise of storages and how to try it. */
export interface Promised {
  readonly name: string
  /** What the harness must be able to do for it. */
  readonly needs?: Hook
  body(stage: Stage): Promise<void>
}

const realSleep: Sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Where one case plays: a storage, keys of its own, and the questions that every case asks. */
export class Stage {
  readonly harness: StorageHarness
  readonly storage: Storage
  readonly #prefix: string
  readonly #keys = new Set<string>()
  readonly #opened: Storage[] = []
  readonly #sleep: Sleep

  private constructor(harness: StorageHarness, storage: Storage, prefix: string) {
    this.harness = harness
    this.storage = storage
    this.#prefix = prefix
    this.#sleep = harness.sleep ?? realSleep
  }

  static async open(harness: StorageHarness, prefix: string): Promise<Stage> {
    return new Stage(harness, await harness.open(), prefix)
  }

  /** Size of an object that hardly any service sends in one piece. */
  get bodyBytes(): number {
    return Math.min(8_000_000, this.harness.largeBytes ?? 8_000_000)
  }

  /** A key of this case; it is deleted at the end. */
  key(name: string): string {
    const key = this.#prefix + name
    this.#keys.add(key)
    return key
  }

  /** One more storage over the same place; it is closed at the end. */
  async openAnother(): Promise<Storage> {
    const storage = await this.harness.open()
    this.#opened.push(storage)
    return storage
  }

  put(key: string, bytes: Uint8Array): Promise<ObjectInfo> {
    return this.storage.put(key, fromBytes(bytes))
  }

  read(key: string, range?: ByteRange): Promise<Uint8Array> {
    return collect(this.storage.get(key, range === undefined ? {} : { range }))
  }

  /** Whether the object is there. That absence is told as `undefined` has a case of its own. */
  async isThere(key: string): Promise<boolean> {
    try {
      return (await this.storage.stat(key)) !== undefined
    } catch (error) {
      if ((error as { code?: unknown }).code === 'not-found') return false
      throw error
    }
  }

  /** The objects of this case as they are listed. */
  async list(): Promise<ObjectInfo[]> {
    const infos: ObjectInfo[] = []
    for await (const info of this.storage.list()) if (info.key.startsWith(this.#prefix)) infos.push(info)
    return infos
  }

  /** The listing once it is as it should be; after the storage's own lag, as it is. */
  async listOnce(settled: (keys: ReadonlySet<string>) => boolean): Promise<ObjectInfo[]> {
    const { listLagMs } = this.storage.info.capabilities
    const stepMs = Math.max(10, listLagMs / 10)
    for (let waitedMs = 0; ; waitedMs += stepMs) {
      const infos = await this.list()
      if (waitedMs > listLagMs || settled(new Set(infos.map(({ key }) => key)))) return infos
      await this.#sleep(stepMs)
    }
  }

  async isListed(key: string, expected: boolean): Promise<boolean> {
    const infos = await this.listOnce((keys) => keys.has(key) === expected)
    return infos.some((info) => info.key === key)
  }

  /** What the promise comes to; an error when that takes longer than the harness has patience. */
  async soon<T>(promise: Promise<T>, what: string): Promise<T> {
    const { patienceMs = 10_000 } = this.harness
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new BrokenPromiseError(`${what} took more than ${patienceMs} ms`)), patienceMs)
    })
    try {
      return await Promise.race([promise, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Deletes what the case has made and closes what it has opened. */
  async end(): Promise<void> {
    // Deleting and closing have cases of their own; here an error would only hide the one that matters.
    for (const key of this.#keys) await this.storage.delete(key).catch(() => undefined)
    for (const storage of [this.storage, ...this.#opened]) await storage.close().catch(() => undefined)
  }
}

/** A beginning for keys that nobody else uses and that no backup program takes for its own. */
export function freshPrefix(): string {
  return `${temporaryPrefix.replace('tmp', 'check')}${randomBytes(4).toString('hex')}-`
}
