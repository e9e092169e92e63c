import type { AuthPort, AuthProvider } from './auth.ts'
import { FieldError, Fields, type Json, parseJson } from './fields.ts'
import { type HttpHeaders } from './http.ts'
import { MediaFireError } from './media-fire-error.ts'

/** The cookies of one website, whatever its paths. New ones join the old: nothing is lost when one is replaced. */
class CookieJar {
  readonly #cookies = new Map<string, string>()

  /** @param text - As a browser sends it: `a=1; b=2`. */
  constructor(text = '') {
    for (const part of text.split(';')) this.#set(part)
  }

  get size(): number {
    return this.#cookies.size
  }

  /** Takes what an answer sets; whether that changed anything. */
  take(headers: HttpHeaders): boolean {
    const before = this.toString()
    for (const line of [headers['set-cookie'] ?? []].flat()) {
      const [pair = '', ...attributes] = line.split(';')
      if (attributes.some(isOver)) this.#cookies.delete(pair.slice(0, Math.max(0, pair.indexOf('='))).trim())
      else this.#set(pair)
    }
    return this.toString() !== before
  }

  toString(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  values(): Iterable<string> {
    return this.#cookies.values()
  }

  #set(pair: string): void {
    const at = pair.indexOf('=')
    if (at <= 0) return
    const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
    // Such a value would end the header and begin another one.
    if (/[\u0000-\u001f\u007f]/.test(name + value) || name === '') return
    this.#cookies.set(name, value)
  }
}

function isOver(attribute: string): boolean {
  const [name = '', value = ''] = attribute.trim().toLowerCase().split('=')
  if (name === 'max-age') return Number(value) <= 0
  return name === 'expires' && Date.parse(value) < Date.UTC(1990, 0)
}

export interface CookieAuthOptions {
  /** What a browser that is signed in sends as its Cookie header to www.mediafire.com. */
  readonly cookie: string
  /** Called with the whole new cookie when MediaFire has replaced a part of it: keep it where the old one was. */
  readonly onCookie?: (cookie: string) => void | Promise<void>
}

/**
 * Uses the session of a browser (facts: 2.11).
 *
 * @throws TypeError when the text holds no cookie.
 */
export function cookieAuth(options: CookieAuthOptions): AuthProvider {
  const jar = new CookieJar(options.cookie)
  if (jar.size === 0) throw new TypeError('Cannot sign in by cookie: there is none in the text')
  const attempted = 'open a session (browser cookie)'
  return {
    name: 'browser cookie',
    tokenVersion: 1,
    async open(port) {
      const token = await tokenByCookie(port, jar, attempted, options.onCookie)
      if (token !== undefined) return { token }
      const state = 'the cookie does not sign in; sign in with the browser again and take its new cookie'
      throw new MediaFireError('credentials', state, { attempted })
    },
  }
}

export interface WebAuthOptions {
  readonly email: string
  readonly password: string
  /** Of an earlier login, to be used as long as it lasts. */
  readonly cookie?: string
  /** Called with the whole new cookie after a login and when a part of it was replaced. */
  readonly onCookie?: (cookie: string) => void | Promise<void>
}

/** Signs in through the form of the website, as a browser does (facts: 2.11). */
export function webAuth(options: WebAuthOptions): AuthProvider {
  const { email, password, onCookie } = options
  if (email === '' || password === '') throw new TypeError('Cannot sign in: the e-mail address or password is empty')
  let jar = new CookieJar(options.cookie)
  const attempted = 'open a session (web login)'
  return {
    name: 'web login',
    tokenVersion: 1,
    async open(port) {
      port.conceal(password)
      if (jar.size > 0) {
        const token = await tokenByCookie(port, jar, attempted, onCookie)
        if (token !== undefined) return { token }
      }
      jar = new CookieJar()
      const page = await port.page({ method: 'GET', path: '/login/', headers: browserHeaders(port, jar) })
      jar.take(page.headers)
      const security = hiddenInput(new TextDecoder().decode(page.body), 'security')
      if (security === undefined) {
        throw new MediaFireError('malformed', 'the login page of the website has no form that is known', { attempted })
      }
      port.conceal(security)
      const answer = await port.page({
        method: 'POST',
        path: '/dynamic/client_login/mediafire.php',
        form: { security, login_email: email, login_pass: password, login_remember: 'true' },
        headers: { ...browserHeaders(port, jar), referer: `${port.origin}/login/` },
      })
      jar.take(answer.headers)
      const token = await tokenByCookie(port, jar, attempted, onCookie)
      if (token !== undefined) {
        // Also when only the login has set it.
        await onCookie?.(jar.toString())
        return { token }
      }
      if (/captcha/i.test(new TextDecoder().decode(answer.body))) {
        const state = 'MediaFire asks to solve a captcha; sign in with a browser and use its cookie'
        throw new MediaFireError('captcha', state, { attempted })
      }
      const state = 'the website does not accept the e-mail address and the password'
      throw new MediaFireError('credentials', state, { attempted })
    },
  }
}

/** The token of the session that the cookies stand for; `undefined` when they stand for none. */
async function tokenByCookie(
  port: AuthPort,
  jar: CookieJar,
  attempted: string,
  onCookie: CookieAuthOptions['onCookie'],
): Promise<string | undefined> {
  for (const value of jar.values()) port.conceal(value)
  const path = '/application/get_session_token.php'
  const answer = await port.page({ method: 'POST', path, form: {}, headers: browserHeaders(port, jar) })
  if (jar.take(answer.headers)) {
    for (const value of jar.values()) port.conceal(value)
    await onCookie?.(jar.toString())
  }
  // A browser that is not signed in is sent to the login.
  if (answer.status >= 300 || /^\s*</.test(new TextDecoder().decode(answer.body.subarray(0, 100)))) return undefined
  try {
    const json = parseJson(new TextDecoder().decode(answer.body))
    const response = (json as { readonly [name: string]: Json } | null)?.['response']
    return Fields.of(response, 'response').someText('session_token')
  } catch (error) {
    // The parser's message would show parts of the answer.
    const why = error instanceof FieldError ? `in it ${error.message}` : 'it is not whole JSON'
    throw new MediaFireError('malformed', `the answer with the session cannot be read: ${why}`, { attempted })
  }
}

function browserHeaders(port: AuthPort, jar: CookieJar): Record<string, string> {
  const headers = { accept: '*/*', origin: port.origin, referer: `${port.origin}/` }
  return jar.size === 0 ? headers : { ...headers, cookie: jar.toString() }
}

/** The value of a hidden input of a form. */
function hiddenInput(page: string, name: string): string | undefined {
  for (const [tag] of page.matchAll(/<input\b[^<>]{0,1000}>/gi)) {
    if (new RegExp(`\\bname\\s*=\\s*["']?${name}["'\\s/>]`, 'i').test(tag)) {
      return /\bvalue\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i
        .exec(tag)
        ?.slice(1)
        .find((value) => value !== undefined)
    }
  }
  return undefined
}
