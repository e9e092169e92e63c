import { type AuthProvider, cookieAuth, passwordAuth, webAuth } from '@coalmine/mediafire'

/** How to sign in to an account. It is secret as a whole. */
export interface Credential {
  readonly signIn: SignInWay
  /** Whose account it is; a cookie says it by itself. */
  readonly email?: string
  readonly password?: string
  /** Of a browser; MediaFire replaces it from time to time. */
  readonly cookie?: string
}

/** By password, through the form of the website, or with the cookie of a browser that is signed in. */
export type SignInWay = 'password' | 'web' | 'cookie'

export const signInWays: readonly SignInWay[] = ['password', 'web', 'cookie']

/**
 * A credential from text: a JSON object with `email` and `password` or `cookie` (and `signIn`), or a password alone, which is
 * the first line. Messages of this are for people and quote nothing of it.
 *
 * @returns `undefined` when it is neither.
 */
export function parseCredential(text: string): Credential | undefined {
  if (!/^\s*\{/.test(text)) {
    const [password = ''] = text.split(/\r?\n/)
    return password === '' ? undefined : { signIn: 'password', password }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // A password may begin with a brace: then it is one line of text.
    const [password = ''] = text.split(/\r?\n/)
    return { signIn: 'password', password }
  }
  return credentialOf(value)
}

/** @returns `undefined` when the fields do not fit together. */
export function credentialOf(value: unknown): Credential | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = value as Readonly<Record<string, unknown>>
  const text = (name: string): string | undefined => {
    const one = fields[name]
    return typeof one === 'string' && one !== '' ? one : undefined
  }
  const [email, password, cookie] = [text('email'), text('password'), text('cookie')]
  const said = fields['signIn'] ?? (password === undefined ? 'cookie' : 'password')
  const signIn = signInWays.find((way) => way === said)
  if (signIn === undefined) return undefined
  if (signIn === 'cookie') return cookie === undefined ? undefined : { signIn, email, cookie }
  return password === undefined ? undefined : { signIn, email, password, ...(signIn === 'web' && cookie && { cookie }) }
}

export interface AuthOptions {
  /** `COALMINE_MEDIAFIRE_APP_ID`, `COALMINE_MEDIAFIRE_APP_KEY` */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told the whole credential when MediaFire has replaced its cookie. */
  readonly onReplaced?: (credential: Credential) => void | Promise<void>
}

/** What the client signs in with. @throws TypeError when the credential lacks something. */
export function authOf(credential: Credential, { env, onReplaced }: AuthOptions): AuthProvider {
  const { signIn, email = '', password = '', cookie } = credential
  const onCookie = (fresh: string): void | Promise<void> => onReplaced?.({ ...credential, cookie: fresh })
  if (signIn === 'cookie') return cookieAuth({ cookie: cookie ?? '', onCookie })
  if (signIn === 'web') return webAuth({ email, password, cookie, onCookie })
  const { COALMINE_MEDIAFIRE_APP_ID: id, COALMINE_MEDIAFIRE_APP_KEY: key } = env
  const applicationId = id === '' ? undefined : id
  return passwordAuth({ email, password, applicationId, apiKey: key === '' ? undefined : key })
}
