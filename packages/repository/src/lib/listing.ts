import type { Storage } from '@coalmine/storage'
import { type Collection, collectSets } from '@coalmine/volume-format'
import { collectCommitted } from './collect-committed.ts'
import { RepositoryError } from './errors.ts'
import type { RepositoryOptions } from './repository-options.ts'
import type { ListedObject } from './storage-check.ts'

/** What the storage holds. Listed once; when it was forgotten or failed, anew. */
export class Listing {
  readonly #storage: Storage
  readonly #options: Pick<RepositoryOptions, 'maxListedObjects' | 'prefixes' | 'signal'>
  #objects: ReadonlyMap<string, ListedObject> = new Map()
  #committed: Collection | undefined
  #collection: Promise<Collection> | undefined

  constructor(storage: Storage, options: Pick<RepositoryOptions, 'maxListedObjects' | 'prefixes' | 'signal'>) {
    this.#storage = storage
    this.#options = options
  }

  /** By sets and chains. */
  collect(): Promise<Collection> {
    if (this.#collection === undefined) {
      const listing = this.look()
      this.#collection = listing
      listing.catch(() => {
        if (this.#collection === listing) this.#collection = undefined
      })
    }
    return this.#collection
  }

  /** The same, without the signatures of sets that were not committed. */
  async collectCommitted(): Promise<Collection> {
    const collection = await this.collect()
    return this.#committed ?? collection
  }

  /** What was listed last, by name. */
  get objects(): ReadonlyMap<string, ListedObject> {
    return this.#objects
  }

  /** What was listed no longer holds. */
  forget(): void {
    this.#collection = undefined
  }

  /** As it is now, whatever was listed before. */
  async look(): Promise<Collection> {
    const { maxListedObjects = 2_000_000, prefixes, signal } = this.#options
    const objects: ListedObject[] = []
    for await (const { key, size, modifiedMs, digests } of this.#storage.list({ signal })) {
      if (objects.length === maxListedObjects) {
        const message = `Cannot read the listing of the storage: it has more than ${maxListedObjects} objects`
        throw new RepositoryError('unreadable', message)
      }
      objects.push({ key, size, modifiedMs, digests })
    }
    this.#objects = new Map(objects.map((object) => [object.key, object]))
    this.#committed = collectCommitted(objects, prefixes)
    return collectSets(objects, { prefixes })
  }
}
