import type { Storage } from './storage.ts'
import { StorageError } from './storage-error.ts'
import { parseStorageUrl, type StorageUrl } from './storage-url.ts'

/** What opening a storage may need from the program around it. None of it is looked up by a storage itself. */
export interface OpenContext {
  /** Relative `file` paths start here; the process's own folder by default. */
  readonly cwd?: string
  /** The environment, for storages that take credentials from it; empty by default. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Asks a person for a password, or finds it; called only when the URL has none and one is needed. */
  readonly password?: (wanted: { readonly user?: string; readonly display: string }) => Promise<string>
  readonly signal?: AbortSignal
}

/** Opens the storage that a URL names; may import what it needs only then. */
export type StorageFactory = (url: StorageUrl, context: OpenContext) => Storage | Promise<Storage>

export interface StorageRegistry {
  /** The schemes that are known, sorted. */
  readonly schemes: readonly string[]
  /** Makes a scheme known. @throws TypeError when it is no scheme, or known already. */
  register(scheme: string, factory: StorageFactory): void
  /**
   * Opens the storage that a URL names.
   *
   * @throws StorageError `invalid-url`, `unknown-scheme`, or what the storage's factory throws.
   */
  open(url: string, context?: OpenContext): Promise<Storage>
}

/**
 * A table of schemes and how to open them.
 *
 * @example
 * const storages = createRegistry({ file: async (url, context) => (await import('@coalmine/storage-file')).openFileUrl(url, context) })
 * const storage = await storages.open('file:///mnt/backup')
 */
export function createRegistry(factories: Readonly<Record<string, StorageFactory>> = {}): StorageRegistry {
  const known = new Map<string, StorageFactory>()
  const registry: StorageRegistry = {
    get schemes() {
      return [...known.keys()].sort()
    },
    register(scheme, factory) {
      if (!/^[a-z][a-z0-9+.-]*$/.test(scheme))
        throw new TypeError(`Cannot register "${scheme}": not a scheme in lower case`)
      if (known.has(scheme)) throw new TypeError(`Cannot register "${scheme}": the scheme is known already`)
      known.set(scheme, factory)
    },
    async open(text, context = {}) {
      context.signal?.throwIfAborted()
      const url = parseStorageUrl(text)
      const factory = known.get(url.scheme)
      if (factory === undefined) {
        const others = known.size === 0 ? 'no scheme is known' : `known are ${registry.schemes.join(', ')}`
        const message = `Cannot open "${url.display}": the scheme "${url.scheme}" is not known, ${others}`
        throw new StorageError('unknown-scheme', message, { operation: 'open' })
      }
      return await factory(url, context)
    },
  }
  for (const [scheme, factory] of Object.entries(factories)) registry.register(scheme, factory)
  return registry
}
