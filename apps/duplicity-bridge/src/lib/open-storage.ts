import {
  createRegistry,
  type OpenContext,
  parseStorageUrl,
  type Storage,
  StorageError,
  type StorageUrl,
} from '@coalmine/storage'

export interface OpenStorageOptions {
  /** Where credentials are looked for. */
  readonly env: NonNullable<OpenContext['env']>
  readonly cwd?: string
  /** For a URL that has none. */
  readonly password?: string
  /** What people should know, such as that a folder is public; never a secret. */
  readonly onWarning?: (text: string) => void
}

/**
 * Opens the storage that a URL names; nothing is sent yet.
 *
 * Nothing in here tries anything again: whoever asks has tries of their own, and two sides that do so multiply each
 * other's. Only a session that has run out is opened anew, and a service that says it is still busy is asked again.
 *
 * @throws StorageError `invalid-url`, `unknown-scheme`, `denied`.
 */
export function openStorage(url: string, options: OpenStorageOptions): Promise<Storage> {
  const { env, cwd, password, onWarning } = options
  const storages = createRegistry({
    file: async (parsed, context) =>
      (await import('@coalmine/storage-file')).openFileUrl(parsed, context, { verify: true }),
    mf: async (parsed, context) =>
      (await import('@coalmine/storage-mediafire')).openMediaFireUrl(parsed, context, {
        client: { tries: 1 },
        onWarning: (text) => onWarning?.(`${parsed.display}: ${text}`),
      }),
  })
  const known = password === undefined ? undefined : async () => password
  return storages.open(url, { env, cwd, password: known })
}

/**
 * The URL, which everybody on the machine can read when it is an argument.
 *
 * @throws StorageError `invalid-url` when it has a password, or is none.
 */
export function requireNoPassword(url: string): StorageUrl {
  const parsed = parseStorageUrl(url)
  if (parsed.password === undefined) return parsed
  const message = `Cannot open "${parsed.display}": everybody on this machine can read a password among the arguments; set BACKEND_PASSWORD instead`
  throw new StorageError('invalid-url', message, { operation: 'open' })
}
