import { type MediaFire, MediaFireError } from '@coalmine/mediafire'
import { untilAborted } from '@coalmine/storage'
import { isAbsence } from './failure.ts'

const rootKey = 'myfiles'

export interface PlaceOptions {
  readonly client: MediaFire
  /** From the root of the account. */
  readonly names: readonly string[]
  readonly onWarning: (warning: string) => void
}

interface Found {
  readonly key: string
  readonly isPrivate: boolean
}

/**
 * The folder of a storage: found once, made when something is to be put, private before anything is in it.
 *
 * The root of an account is always there, and has no privacy of its own.
 */
export class Place {
  readonly #client: MediaFire
  readonly #names: readonly string[]
  readonly #onWarning: (warning: string) => void
  #finding: Promise<Found | undefined> | undefined
  #making: Promise<string> | undefined

  constructor({ client, names, onWarning }: PlaceOptions) {
    this.#client = client
    this.#names = names
    this.#onWarning = onWarning
  }

  /** The folder's key; `undefined` when it is not there. Says when others can see it. */
  async find(signal?: AbortSignal): Promise<string | undefined> {
    const found = await untilAborted(this.#found(), signal)
    return found?.key
  }

  /** The folder's key. It is made when it is missing, with those above it, and private. */
  async make(signal?: AbortSignal): Promise<string> {
    if (this.#making === undefined) {
      const making = this.#make()
      this.#making = making
      // Those who wait are told; the next one tries again.
      making.catch(() => this.forget())
    }
    return await untilAborted(this.#making, signal)
  }

  /** The folder may be gone: it is looked for again. */
  forget(): void {
    this.#finding = undefined
    this.#making = undefined
    this.#client.paths.forgetFolders()
  }

  #found(): Promise<Found | undefined> {
    if (this.#finding !== undefined) return this.#finding
    const finding = this.#look()
    this.#finding = finding
    const dropUnlessFound = (found?: Found): void => {
      // It may be made at any time, by somebody else too.
      if (found === undefined && this.#finding === finding) this.#finding = undefined
    }
    finding.then(dropUnlessFound, () => dropUnlessFound())
    return finding
  }

  async #look(): Promise<Found | undefined> {
    const key = await this.#keyOf(this.#names)
    if (key === undefined || key === rootKey) return key === undefined ? undefined : { key, isPrivate: true }
    const info = await this.#client.api.folder.getInfo(key).catch((error: unknown) => {
      if (isAbsence(error)) return undefined
      throw error
    })
    // In the trash it can be seen no more, and nothing can be put into it.
    if (info === undefined || info.deletedAt !== undefined) {
      this.#client.paths.forgetFolders()
      return undefined
    }
    const isPrivate = info.isPrivate === true
    if (!isPrivate) this.#onWarning('the folder is public: whoever has its address sees what is in it')
    if (info.shared === true || info.sharedByUser === true) {
      this.#onWarning('the folder is shared: others can see what is in it')
    }
    if (info.filedropEnabled === true) this.#onWarning('strangers may put files into the folder: its filedrop is on')
    return { key, isPrivate }
  }

  async #make(): Promise<string> {
    const found = await this.#found()
    if (found?.isPrivate === true) return found.key
    if (found !== undefined) {
      await this.#client.sharing.unpublishFolder(found.key, { recursive: true })
      this.#onWarning('the folder was public, and has been made private')
      return found.key
    }
    let key = rootKey
    for (let depth = 1; depth <= this.#names.length; depth++) {
      const names = this.#names.slice(0, depth)
      const there = await this.#keyOf(names)
      if (there !== undefined) {
        key = there
        continue
      }
      key = await this.#client.paths.ensureFolder(pathOf(names))
      // New folders are public.
      await this.#client.sharing.unpublishFolder(key)
    }
    this.#finding = Promise.resolve({ key, isPrivate: true })
    return key
  }

  async #keyOf(names: readonly string[]): Promise<string | undefined> {
    if (names.length === 0) return rootKey
    try {
      return await this.#client.paths.findFolder(pathOf(names))
    } catch (error) {
      if (error instanceof MediaFireError && error.code === 'not-found') return undefined
      throw error
    }
  }
}

function pathOf(names: readonly string[]): string {
  return `mf:/${names.join('/')}`
}
