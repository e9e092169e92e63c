import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { AuthProvider } from '../src/lib/auth.ts'
import type { Caller, CallerOptions } from '../src/lib/caller.ts'
import { passwordAuth } from '../src/lib/password-auth.ts'
import { tokenAuth } from '../src/lib/token-auth.ts'
import { cookieAuth, webAuth } from '../src/lib/web-auth.ts'
import { callerOf, failureOf } from './harness.ts'
import { failure, type Reply, type ScriptedServer, type Seen, serve, success } from './scripted-server.ts'

const email = 'bob@example.com'
const password = 'päss wörd/+&'
const auth = (more: object = {}): AuthProvider => passwordAuth({ email, password, ...more })

const info = (caller: Caller, params = {}): Promise<string | undefined> =>
  caller.perform('session', { action: 'user/get_info', params, repeatable: true }, (fields) => fields.text('said'))

interface SignedServer extends ScriptedServer {
  logins: number
  /** Most calls that were under way with one token at a time. */
  mostAtOnce: number
  /** Tokens that end now. */
  expireAll(): void
}

interface Key {
  secret: number
  underWay: number
}

/** A server of version 2 sessions, checked by the rule of the facts written down once more. */
async function signedServer(
  options: {
    hashing?: 'encoded' | 'plain'
    answer?: (seen: Seen) => Reply | undefined
    login?: (nth: number) => Reply | undefined
    delayMs?: number
  } = {},
): Promise<SignedServer> {
  const { hashing = 'encoded', answer, login, delayMs = 0 } = options
  const keys = new Map<string, Key>()
  const server = await serve(async (seen) => {
    const { action, params } = seen
    if (action === 'user/get_session_token') {
      const special = login?.(result.logins)
      result.logins += 1
      if (special !== undefined) return special
      const sha1 = createHash('sha1').update(`${params['email']}${params['password']}42511`).digest('hex')
      if (params['password'] !== password || params['signature'] !== sha1) return failure(action, 107)
      const token = `token${result.logins}`.padEnd(144, '0')
      keys.set(token, { secret: 1_878_520_462 + result.logins, underWay: 0 })
      const secret_key = String(1_878_520_462 + result.logins)
      return success(action, { session_token: token, secret_key, time: '1397755702.0580', pkey: 'x', ekey: 'y' })
    }
    const key = keys.get(params['session_token'] ?? '')
    if (key === undefined) return failure(action, 105)
    key.underWay += 1
    result.mostAtOnce = Math.max(result.mostAtOnce, key.underWay)
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
    key.underWay -= 1
    const [query, signature] = seen.query.split('&signature=')
    const text = hashing === 'encoded' ? query! : decodeURIComponent(query!.replaceAll('+', '%20'))
    const base = `${key.secret % 256}1397755702.0580${seen.path}?${text}`
    if (createHash('md5').update(base).digest('hex') !== signature) return failure(action, 127)
    const special = answer?.(seen)
    const rolls = special === undefined || JSON.stringify(special.body ?? '').includes('new_key')
    if (rolls || special?.drop === true) key.secret = Number((BigInt(key.secret) * 16_807n) % 2_147_483_647n)
    return special ?? success(action, { new_key: 'yes', said: 'hello', action_token: 'an-action-token' })
  })
  const result: SignedServer = { ...server, logins: 0, mostAtOnce: 0, expireAll: () => keys.clear() }
  return result
}

describe('sessions of version 2', () => {
  it('sign every call with a key that rolls, on errors too', async () => {
    const answer = ({ action, nth }: Seen): Reply | undefined =>
      nth % 3 === 1 ? failure(action, 110, { new_key: 'yes' }) : undefined
    const server = await signedServer({ answer })
    const { caller } = callerOf(server, { auth: auth() })
    for (let i = 0; i < 12; i++) {
      if (i % 3 === 1) expect((await failureOf(info(caller))).apiCode).toBe(110)
      else expect(await info(caller)).toBe('hello')
    }
    expect([server.logins, server.seen.length]).toEqual([1, 13])
    expect(server.seen[0]!.params).toMatchObject({ application_id: '42511', token_version: '2', email })
  })

  it('do not roll the key where the answer does not say so', async () => {
    const answer = ({ action, nth }: Seen): Reply | undefined =>
      nth < 3 ? success(action, { said: 'same' }) : undefined
    const server = await signedServer({ answer })
    const { caller } = callerOf(server, { auth: auth() })
    for (let i = 0; i < 6; i++) await info(caller)
    expect(server.logins).toBe(1)
  })

  for (const hashing of ['encoded', 'plain'] as const) {
    it(`work with a server that hashes the ${hashing} text, and remember that it does`, async () => {
      const server = await signedServer({ hashing })
      const { caller } = callerOf(server, { auth: auth(), maxSessions: 1 })
      for (let i = 0; i < 5; i++) expect(await info(caller, { filename: 'a b+ç&=.txt' })).toBe('hello')
      expect(server.logins).toBe(hashing === 'encoded' ? 1 : 2)
    })
  }

  it('carry one call at a time each, and no more of them are opened than allowed', async () => {
    const server = await signedServer({ delayMs: 5 })
    const { caller } = callerOf(server, { auth: auth(), maxSessions: 3 })
    const said = await Promise.all(Array.from({ length: 60 }, () => info(caller)))
    expect(new Set(said)).toEqual(new Set(['hello']))
    expect([server.logins, server.mostAtOnce]).toEqual([3, 1])
    const single = await signedServer({ delayMs: 5 })
    await Promise.all([1, 2].map(() => info(callerOf(single, { auth: auth(), maxSessions: 1 }).caller)))
    expect(single.mostAtOnce).toBe(1)
  })

  it('are dropped when an answer was lost: the key may have rolled or not', async () => {
    const lost: Reply[] = [{ drop: true }, { body: '{"resp' }, { status: 502, body: '' }]
    for (const reply of lost) {
      const server = await signedServer({ answer: ({ nth }) => (nth === 1 ? reply : undefined) })
      const { caller } = callerOf(server, { auth: auth(), maxSessions: 1 })
      for (let i = 0; i < 4; i++) expect(await info(caller)).toBe('hello')
      expect(server.logins).toBe(2)
    }
  })

  it('are kept when the server refused before it looked', async () => {
    const server = await signedServer({ answer: ({ nth }) => (nth === 1 ? { status: 429 } : undefined) })
    const { caller } = callerOf(server, { auth: auth(), maxSessions: 1 })
    for (let i = 0; i < 4; i++) expect(await info(caller)).toBe('hello')
    expect(server.logins).toBe(1)
  })

  it('are dropped when a call is aborted under way, and the next call has a session that works', async () => {
    const server = await signedServer({ answer: ({ nth }) => (nth === 0 ? { body: 'x', hangAfter: 0 } : undefined) })
    const { caller } = callerOf(server, { auth: auth(), maxSessions: 1 })
    const stop = new AbortController()
    const running = caller.perform('session', { action: 'user/get_info', signal: stop.signal }, () => undefined)
    setTimeout(() => stop.abort(new Error('enough')), 100)
    await expect(running).rejects.toThrow('enough')
    expect(await info(caller)).toBe('hello')
    expect(server.logins).toBe(2)
  })

  it('are had again, once each, when they have ended, and the calls are made again', async () => {
    const server = await signedServer({ delayMs: 2 })
    const { caller } = callerOf(server, { auth: auth(), maxSessions: 3 })
    await Promise.all(Array.from({ length: 20 }, () => info(caller)))
    for (let round = 0; round < 3; round++) {
      server.expireAll()
      const before = server.logins
      const said = await Promise.all(Array.from({ length: 20 }, () => info(caller)))
      expect(new Set(said)).toEqual(new Set(['hello']))
      expect(server.logins - before).toBeLessThanOrEqual(3)
    }
  })

  it('expiry every few calls lets nothing fail', async () => {
    let calls = 0
    const server = await signedServer({
      answer: () => {
        calls += 1
        if (calls % 5 === 0) queueMicrotask(() => server.expireAll())
        return undefined
      },
    })
    const { caller } = callerOf(server, { auth: auth(), maxSessions: 3 })
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 3 }, () => info(caller)))
    }
  })

  it('give up after one more when the server accepts none', async () => {
    const server = await signedServer({ answer: ({ action }) => failure(action, 105) })
    const { caller } = callerOf(server, { auth: auth(), maxSessions: 1 })
    expect((await failureOf(info(caller))).code).toBe('session')
    expect(server.logins).toBeLessThanOrEqual(3)
  })

  it('wrong credentials are tried once, however many calls there are', async () => {
    const server = await signedServer()
    const { caller } = callerOf(server, { auth: auth({ password: 'wrong one' }) })
    const errors = await Promise.all(Array.from({ length: 20 }, () => failureOf(info(caller))))
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['credentials']))
    expect((await failureOf(info(caller))).message).toMatch(
      /^Cannot open a session \(password\): the e-mail address and the password do not fit/,
    )
    expect(server.seen).toHaveLength(1)
  })

  it('a locked account is left alone for ten minutes', async () => {
    const server = await signedServer({
      login: (nth) => (nth === 0 ? failure('user/get_session_token', 243) : undefined),
    })
    const { caller, clock } = callerOf(server, { auth: auth() })
    const error = await failureOf(info(caller))
    expect(error).toMatchObject({ code: 'locked', retry: 'later', retryAfterMs: 600_000 })
    clock.pass(599_000)
    await failureOf(info(caller))
    expect(server.logins).toBe(1)
    clock.pass(2000)
    expect(await info(caller)).toBe('hello')
  })

  it('a login that fails in passing is tried again, and one that brings nonsense says so', async () => {
    const passing = await signedServer({ login: (nth) => (nth < 2 ? { status: 503 } : undefined) })
    expect(await info(callerOf(passing, { auth: auth() }).caller)).toBe('hello')
    const fields = { session_token: 't', secret_key: '99999999999', time: '1.0' }
    const nonsense = await signedServer({ login: () => success('user/get_session_token', fields) })
    expect((await failureOf(info(callerOf(nonsense, { auth: auth() }).caller))).message).toBe(
      'Cannot open a session (password): in the answer secret_key is larger than 31 bits',
    )
  })

  it('can be brought along', async () => {
    const server = await signedServer()
    const { caller: first } = callerOf(server, { auth: auth(), maxSessions: 1 })
    await info(first)
    const { session_token: token } = server.seen[1]!.params
    const secretKey = Number(((1_878_520_462n + 1n) * 16_807n) % 2_147_483_647n)
    const given = tokenAuth({ token: token!, signing: { secretKey, time: '1397755702.0580' } })
    const { caller } = callerOf(server, { auth: given })
    expect(await Promise.all([info(caller), info(caller), info(caller)])).toEqual(['hello', 'hello', 'hello'])
    server.expireAll()
    expect((await failureOf(info(caller))).message).toMatch(/the session token that was given is not valid any more$/)
  })
})

describe('sessions of version 1', () => {
  /** Tokens live ten minutes of the client's clock; renewing gives another one. */
  async function v1Server(now: () => number) {
    const alive = new Map<string, number>()
    let made = 0
    const issue = () => {
      const token = `session-token-${++made}`
      alive.set(token, now() + 600_000)
      return token
    }
    const counts = { logins: 0, renewals: 0 }
    const server = await serve(({ action, params }) => {
      const isAlive = (alive.get(params['session_token'] ?? '') ?? 0) > now()
      if (action === 'user/get_session_token') {
        counts.logins += 1
        return success(action, { session_token: issue() })
      }
      if (!isAlive) return failure(action, 105)
      if (action === 'user/renew_session_token') {
        counts.renewals += 1
        return success(action, { session_token: issue() })
      }
      return success(action, { said: params['signature'] === undefined ? 'unsigned' : 'signed' })
    })
    return { ...server, counts, alive }
  }

  it('serve calls in parallel, are renewed before they end, and had again when they have ended', async () => {
    let clockNow = () => 0
    const server = await v1Server(() => clockNow())
    const { caller, clock } = callerOf(server, { auth: auth({ tokenVersion: 1 }) })
    clockNow = clock.now
    const many = () => Promise.all(Array.from({ length: 20 }, () => info(caller)))
    expect(new Set(await many())).toEqual(new Set(['unsigned']))
    expect(server.counts).toEqual({ logins: 1, renewals: 0 })
    clock.pass(6.9 * 60_000)
    await many()
    expect(server.counts).toEqual({ logins: 1, renewals: 0 })
    clock.pass(60_000)
    await many()
    expect(server.counts).toEqual({ logins: 1, renewals: 1 })
    clock.pass(3_600_000)
    await many()
    expect(server.counts).toEqual({ logins: 2, renewals: 1 })
    // Ended early, e.g. by a new password.
    server.alive.clear()
    await many()
    expect(server.counts).toEqual({ logins: 3, renewals: 1 })
  })

  it('that were brought along are renewed as long as that goes', async () => {
    let clockNow = () => 0
    const server = await v1Server(() => clockNow())
    server.alive.set('mine-and-mine-alone', 600_000 + Date.UTC(2026, 0, 5))
    const { caller, clock } = callerOf(server, { auth: tokenAuth({ token: 'mine-and-mine-alone' }) })
    clockNow = clock.now
    for (let i = 0; i < 10; i++) {
      await info(caller)
      clock.pass(4 * 60_000)
    }
    expect(server.counts).toEqual({ logins: 0, renewals: 4 })
    server.alive.clear()
    const error = await failureOf(info(caller))
    expect(error).toMatchObject({ code: 'session', retry: 'never' })
    expect((await failureOf(info(caller))).code).toBe('session')
  })
})

describe('the website', () => {
  interface Site {
    loginPage?: Reply
    accepts?: (form: Record<string, string>) => boolean
  }
  const site = async ({ loginPage, accepts = () => true }: Site = {}) => {
    let serial = 0
    const valid = new Set<string>()
    const server = await serve(({ path, action, params, headers }) => {
      if (path === '/login/') {
        const body =
          '<form><input type="text" name="login_email"/><input value="5ec&#x2D;1" type=hidden name=\'security\'></form>'
        return loginPage ?? { body, headers: { 'content-type': 'text/html', 'set-cookie': 'visit=1; path=/' } }
      }
      if (path === '/dynamic/client_login/mediafire.php') {
        if (!accepts(params)) return { body: '<script>parent.error()</script>' }
        const session = `sess${++serial}`
        valid.add(session)
        return { body: 'ok', headers: { 'set-cookie': [`session=${session}; HttpOnly`, 'user=ukey1234'] } }
      }
      if (path === '/application/get_session_token.php') {
        const session = /session=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? ''
        if (!valid.has(session)) return { body: { response: { result: 'Error', message: 'no' } }, status: 403 }
        valid.delete(session)
        const next = `sess${++serial}`
        valid.add(next)
        return {
          body: { response: { session_token: `web-token-${serial}` } },
          headers: { 'set-cookie': `session=${next}; HttpOnly` },
        }
      }
      return success(action, { said: params['session_token'] })
    })
    return { ...server, valid }
  }

  it('webAuth() signs in through the form and keeps the cookies together', async () => {
    const server = await site()
    const kept: string[] = []
    const provider = webAuth({ email, password, onCookie: (cookie) => void kept.push(cookie) })
    const { caller } = callerOf(server, { auth: provider })
    expect(await info(caller)).toBe('web-token-2')
    expect(server.actions().slice(0, 3)).toEqual([
      '/login/',
      '/dynamic/client_login/mediafire.php',
      '/application/get_session_token.php',
    ])
    expect(server.seen[1]!.params).toMatchObject({ login_email: email, login_pass: password })
    expect(server.seen[1]!.headers.cookie).toBe('visit=1')
    expect(server.seen[2]!.headers.cookie).toBe('visit=1; session=sess1; user=ukey1234')
    expect(kept.at(-1)).toBe('visit=1; session=sess2; user=ukey1234')
  })

  it('cookieAuth() uses the session of a browser and hands out what replaces its cookie', async () => {
    const server = await site()
    server.valid.add('browser')
    const kept: string[] = []
    const cookie = 'a=1; session=browser; b=2'
    const { caller } = callerOf(server, { auth: cookieAuth({ cookie, onCookie: (text) => void kept.push(text) }) })
    expect(await info(caller)).toBe('web-token-1')
    expect(kept).toEqual(['a=1; session=sess1; b=2'])
    const again = callerOf(server, { auth: cookieAuth({ cookie }) })
    expect((await failureOf(info(again.caller))).message).toBe(
      'Cannot open a session (browser cookie): the cookie does not sign in; sign in with the browser again and take its new cookie',
    )
  })

  it('webAuth() uses the cookie of an earlier login first, and logs in when that has ended', async () => {
    const server = await site()
    server.valid.add('kept')
    expect(await info(callerOf(server, { auth: webAuth({ email, password, cookie: 'session=kept' }) }).caller)).toBe(
      'web-token-1',
    )
    expect(server.actions()).not.toContain('/login/')
    const { caller } = callerOf(server, { auth: webAuth({ email, password, cookie: 'session=over' }) })
    expect(await info(caller)).toMatch(/^web-token-/)
    expect(server.actions()).toContain('/login/')
  })

  it('says what keeps one from signing in', async () => {
    const fails = async (options: Site) => {
      const server = await site(options)
      return failureOf(info(callerOf(server, { auth: webAuth({ email, password }) }).caller))
    }
    expect((await fails({ accepts: () => false })).message).toBe(
      'Cannot open a session (web login): the website does not accept the e-mail address and the password',
    )
    const page = { headers: { 'content-type': 'text/html' } }
    expect((await fails({ loginPage: { ...page, body: '<html>another one</html>' } })).code).toBe('malformed')
    const challenge = { ...page, status: 403, body: '<html><title>Just a moment...</title></html>' }
    expect((await fails({ loginPage: challenge })).code).toBe('bot-challenge')
  })

  it('refuses what is no cookie', () => {
    for (const cookie of ['', 'x', ';;', '=1']) expect(() => cookieAuth({ cookie }), cookie).toThrow(TypeError)
  })
})

describe('the token for uploads', () => {
  const check = (caller: Caller): Promise<unknown> =>
    caller.perform('upload', { action: 'upload/check', repeatable: true }, (fields) => fields.text('said'))

  async function uploadServer() {
    const alive = new Set<string>()
    let made = 0
    const server = await serve(({ action, params }) => {
      if (action === 'user/get_action_token') {
        const token = `action-token-${++made}`
        alive.add(token)
        return success(action, { action_token: token })
      }
      if (action === 'user/renew_session_token') return success(action, { session_token: params['session_token'] })
      if (action === 'user/destroy_action_token') {
        return alive.delete(params['action_token']!) ? success(action) : failure(action, 100)
      }
      if (params['signature'] !== undefined) return failure(action, 129)
      return alive.has(params['session_token']!) ? success(action, { said: 'fine' }) : failure(action, 105)
    })
    return { ...server, alive, made: () => made }
  }

  it('is one for all, had again once when it has ended, replaced after 18 hours, and given back', async () => {
    const server = await uploadServer()
    const { caller, clock } = callerOf(server, { auth: tokenAuth({ token: 'the-session-token' }) })
    const many = () => Promise.all(Array.from({ length: 30 }, () => check(caller)))
    await many()
    expect(server.seen[0]!.params).toMatchObject({ type: 'upload', lifespan: '1440' })
    expect(server.made()).toBe(1)
    server.alive.clear()
    await many()
    expect(server.made()).toBe(2)
    clock.pass(17.9 * 3_600_000)
    await many()
    expect(server.made()).toBe(2)
    clock.pass(0.2 * 3_600_000)
    await many()
    expect(server.made()).toBe(3)
    await caller.close()
    expect(server.alive.has('action-token-3')).toBe(false)
    expect(server.actions().at(-1)).toBe('user/destroy_action_token')
  })
})

describe('secrets', () => {
  it('appear in no event, error or message, whatever the server sends back', async () => {
    const secrets = new Set<string>([password, encodeURIComponent(password)])
    let knowsPassword = true
    const server = await serve(({ action, path, params, nth, headers }) => {
      for (const name of ['session_token', 'signature', 'password', 'login_pass']) {
        if (params[name] !== undefined) secrets.add(params[name])
      }
      if (action === 'user/get_session_token') {
        if (nth % 3 === 1) return { body: `{"response":{"session_token":"cut-token-${nth}` }
        const answer = {
          session_token: `secret-token-${nth}`,
          secret_key: '1878520462',
          time: '1.5',
          action_token: 'x',
        }
        for (const text of [answer.session_token, answer.secret_key, `cut-token-${nth}`]) secrets.add(text)
        return success(action, answer)
      }
      if (path.startsWith('/application')) return { body: `{"response":{"session_token":"cut-web-token` }
      if (path === '/login/') return { body: '<input name="security" value="sec-urity">' }
      if (headers.cookie !== undefined) secrets.add('cookie-value')
      const echoed = knowsPassword ? `${password} ${encodeURIComponent(password)}` : ''
      const message = `bad ${params['session_token']} ${echoed} ${params['signature']}`
      const replies: Reply[] = [
        failure(action, 171, { message }),
        failure(action, 105, { message }),
        failure(action, 127, { message }),
        failure(action, 100, { message }),
        { body: JSON.stringify({ response: { session_token: params['session_token'] } }).slice(0, -1) },
        { status: 302, headers: { location: `https://x.example/?session_token=${params['session_token']}` } },
        { body: `<html>${params['session_token']}</html>` },
        { drop: true },
        success(action, { said: { token: params['session_token'] } }),
      ]
      return replies[nth % replies.length]!
    })
    const seen: unknown[] = []
    const providers: AuthProvider[] = [
      auth(),
      auth({ tokenVersion: 1 }),
      tokenAuth({ token: 'given-session-token' }),
      webAuth({ email, password }),
      cookieAuth({ cookie: 'session=cookie-value' }),
    ]
    for (const text of ['given-session-token', 'cut-web-token', 'cookie-value', 'sec-urity']) secrets.add(text)
    for (const provider of providers) {
      knowsPassword = provider.name.startsWith('password') || provider.name === 'web login'
      const options: CallerOptions = { auth: provider, onEvent: (event) => seen.push(event), tries: 2 }
      const { caller } = callerOf(server, options)
      for (let i = 0; i < 12; i++) seen.push(await info(caller).catch((error: unknown) => error))
      seen.push(await caller.close())
      seen.push(caller)
    }
    const errors = seen.filter((one) => one instanceof Error)
    expect(errors.length).toBeGreaterThan(20)
    const text = seen
      .map(
        (one) =>
          inspect(one, { depth: 20, showHidden: true }) +
          JSON.stringify(one instanceof Error ? one : (one ?? null), errorReplacer),
      )
      .join('\n')
    expect(secrets.size).toBeGreaterThan(10)
    for (const secret of secrets) {
      const at = text.indexOf(secret)
      expect(at < 0 ? '' : text.slice(Math.max(0, at - 300), at + 100), secret).toBe('')
    }
  })
})

function errorReplacer(_name: string, value: unknown): unknown {
  return value instanceof Error
    ? Object.fromEntries(Object.getOwnPropertyNames(value).map((name) => [name, Reflect.get(value, name)]))
    : value
}
