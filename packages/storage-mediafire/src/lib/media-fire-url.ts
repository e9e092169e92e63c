import {
  type AuthProvider,
  createMediaFire,
  type MediaFireEvent,
  type MediaFireOptions,
  passwordAuth,
} from '@coalmine/mediafire'
import { type OpenContext, type Storage, StorageError, type StorageUrl } from '@coalmine/storage'
import { createMediaFireStorage, type MediaFireStorageOptions } from './media-fire-storage.ts'
import { nameProblem } from './names.ts'

export interface OpenMediaFireOptions extends Pick<
  MediaFireStorageOptions,
  'deleted' | 'listLagMs' | 'onWarning' | 'now'
> {
  /** For the client: clock, pauses, tries, limits. */
  readonly client?: Omit<MediaFireOptions, 'auth' | 'baseUrl' | 'onEvent'>
  /**
   * Asked first how to sign in, unless the URL has a password: from a keyring, with a cookie. `undefined` is as if it was not
   * there.
   */
  readonly auth?: (who: {
    /** Of the URL, or of `MEDIAFIRE_EMAIL`. */
    readonly email?: string
    /** The URL names the user. */
    readonly named: boolean
  }) => Promise<AuthProvider | undefined>
  /** What the client does: calls, tries, sessions; never a secret. */
  readonly onEvent?: (event: MediaFireEvent) => void
}

interface Account {
  readonly email: string
  readonly password: string
}

/**
 * Opens the folder that an `mf://` URL names; for `createRegistry({ mf: openMediaFireUrl })`. Nothing is sent before the
 * first call.
 *
 * - `mf://Folder/Path`: the account is in `MEDIAFIRE_EMAIL` and `MEDIAFIRE_PASSWORD` of `context.env`.
 * - `mf://user%40example.com:password@mediafire.com/Path`, as duplicity has it: without a password in it, that is in
 *   `BACKEND_PASSWORD` or `FTP_PASSWORD`.
 *
 * Where there is no password, `context.password` is asked. `COALMINE_MEDIAFIRE_URL` is the address of another server, such
 * as an emulator; `COALMINE_MEDIAFIRE_APP_ID` and `COALMINE_MEDIAFIRE_APP_KEY` are another application.
 *
 * @throws StorageError `invalid-url`; `denied` when there is no e-mail address or password.
 */
export async function openMediaFireUrl(
  url: StorageUrl,
  context: OpenContext = {},
  options: OpenMediaFireOptions = {},
): Promise<Storage> {
  const { client, onEvent, auth: ask, ...rest } = options
  const { env = {} } = context
  const { display } = url
  const folder = folderOf(url)
  const baseUrl = wordOf(env, 'COALMINE_MEDIAFIRE_URL')
  const named = url.host !== undefined && url.user !== undefined
  const email = named ? url.user : wordOf(env, 'MEDIAFIRE_EMAIL')
  const given = url.password === undefined ? await ask?.({ email, named }) : undefined
  const account = given ?? (await accountOf(url, context))
  try {
    const auth =
      'open' in account
        ? account
        : passwordAuth({
            ...account,
            applicationId: wordOf(env, 'COALMINE_MEDIAFIRE_APP_ID'),
            apiKey: wordOf(env, 'COALMINE_MEDIAFIRE_APP_KEY'),
          })
    // What a server on this machine lists is not late.
    const listLagMs = rest.listLagMs ?? (baseUrl?.startsWith('http:') === true ? 0 : undefined)
    const opened = createMediaFire({ ...client, baseUrl, auth, onEvent })
    return createMediaFireStorage({ ...rest, listLagMs, client: opened, folder, display })
  } catch (cause) {
    // Of the client's arguments only those of the environment can be wrong here, and it quotes no secret.
    if (!(cause instanceof TypeError)) throw cause
    throw openError('invalid-url', display, cause.message.replace(/^Cannot /, 'cannot '), cause)
  }
}

function folderOf({ host, port, query, user, password, path, names, display }: StorageUrl): readonly string[] {
  if (host !== undefined) {
    if (!/^(?:www\.)?mediafire\.com$/i.test(host)) {
      const form = 'mf://user%40example.com@mediafire.com/Folder; write "@" in the name of a folder as %40'
      throw openError('invalid-url', display, `"${host}" is not mediafire.com; it is written as ${form}`)
    }
    if (port !== undefined) throw openError('invalid-url', display, 'a port has no meaning there')
    if (query !== undefined) throw openError('invalid-url', display, 'MediaFire has no names with "?" in them')
    if (user === undefined && password !== undefined) {
      throw openError('invalid-url', display, 'it has a password and no user')
    }
    if (path === '') throw openError('invalid-url', display, 'it names no folder; the root of the account is "/"')
  } else if (names.length === 0) {
    throw openError('invalid-url', display, 'it names no folder')
  }
  for (const name of names) {
    const problem = nameProblem(name)
    if (problem !== undefined) throw openError('invalid-url', display, problem)
  }
  return names
}

async function accountOf({ user, password, host, display }: StorageUrl, context: OpenContext): Promise<Account> {
  const { env = {} } = context
  if (host !== undefined && user !== undefined) {
    const found = password ?? wordOf(env, 'BACKEND_PASSWORD') ?? wordOf(env, 'FTP_PASSWORD')
    return { email: user, password: found ?? (await askFor(user, display, 'BACKEND_PASSWORD', context)) }
  }
  const email = wordOf(env, 'MEDIAFIRE_EMAIL')
  if (email === undefined) {
    const reason = 'it is not said whose account it is; set MEDIAFIRE_EMAIL and MEDIAFIRE_PASSWORD'
    throw openError('denied', display, reason)
  }
  const found = wordOf(env, 'MEDIAFIRE_PASSWORD')
  return { email, password: found ?? (await askFor(email, display, 'MEDIAFIRE_PASSWORD', context)) }
}

async function askFor(user: string, display: string, variable: string, { password }: OpenContext): Promise<string> {
  const typed = await password?.({ user, display })
  if (typed !== undefined && typed !== '') return typed
  throw openError('denied', display, `there is no password; set ${variable}`)
}

function wordOf(env: NonNullable<OpenContext['env']>, name: string): string | undefined {
  const value = env[name]
  return value === undefined || value === '' ? undefined : value
}

function openError(code: 'invalid-url' | 'denied', display: string, reason: string, cause?: unknown): StorageError {
  return new StorageError(code, `Cannot open "${display}": ${reason}`, { operation: 'open', cause })
}
