import type { MemoryStorageOptions, ObjectInfo, Storage, StorageLayer } from '@coalmine/storage'

/** A storage that breaks one promise, and keeps all others. */
export interface BrokenStorage {
  readonly how: string
  /** The one case that must fail. */
  readonly breaks: string
  readonly options?: MemoryStorageOptions
  /** What is shared by all storages over one place lives in the call. */
  layer(): StorageLayer
}

/** What is known about an object, for a storage that looks before it does wrong. */
export async function peek(storage: Storage, key: string): Promise<ObjectInfo | undefined> {
  try {
    return await storage.stat(key)
  } catch {
    // A bad key, a closed storage, one in trouble: the call that follows says so in its own words.
    return undefined
  }
}
