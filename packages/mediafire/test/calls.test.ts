import { gzipSync } from 'node:zlib'
import { Agent } from 'undici'
import { describe, expect, it } from 'vitest'
import { Caller } from '../src/lib/caller.ts'
import type { ApiCall } from '../src/lib/engine.ts'
import { tokenAuth } from '../src/lib/token-auth.ts'
import { callerOf, failureOf } from './harness.ts'
import { stubDispatcher } from './stub-dispatcher.ts'
import { failure, type Reply, type Seen, serve, success } from './scripted-server.ts'

const call: ApiCall = { action: 'user/get_info', params: { b: 'ä b', a: true }, repeatable: true }
const names = (fields: { names: string[] }): string[] => fields.names

describe('a call', () => {
  it('is a POST form to the pinned version, with nothing in the address', async () => {
    const server = await serve(() => success('user/get_info', { user_info: {} }))
    const { caller } = callerOf(server, { apiVersion: '1.4', headers: { 'User-Agent': 'browser' } })
    await caller.perform('none', call, names)
    const [seen] = server.seen
    expect([seen!.method, seen!.path, seen!.body.toString()]).toEqual([
      'POST',
      '/api/1.4/user/get_info.php',
      'a=yes&b=%C3%A4+b&response_format=json',
    ])
    expect(seen!.headers).toMatchObject({
      'user-agent': 'browser',
      'content-type': 'application/x-www-form-urlencoded',
    })
  })

  it('goes through the dispatcher that was given, which is not closed with the client', async () => {
    const server = await serve(() => success('user/get_info'))
    const agent = new Agent()
    let dispatched = 0
    const dispatcher = agent.compose((dispatch) => (options, handler) => {
      dispatched += 1
      return dispatch(options, handler)
    })
    const { caller } = callerOf(server, { dispatcher })
    await caller.perform('none', call, names)
    await caller.close()
    expect([dispatched, agent.closed]).toEqual([1, false])
    await agent.close()
  })

  it('reads an answer whatever its type, status and compression say', async () => {
    const body = JSON.stringify(success('user/get_info', { user_info: 'here' }).body)
    const replies: Reply[] = [
      { body, headers: { 'content-type': 'text/xml' } },
      { body, headers: { 'content-type': 'application/json; charset=utf-8' } },
      { body, status: 500 },
      { body: `\n ${body} ` },
      { body: gzipSync(body), headers: { 'content-encoding': 'gzip' } },
    ]
    const server = await serve(({ nth }) => replies[nth]!)
    const { caller } = callerOf(server)
    for (const _ of replies) expect(await caller.perform('none', call, names)).toContain('user_info')
    expect(server.seen).toHaveLength(replies.length)
  })

  it('tells of a deprecated call once', async () => {
    const server = await serve(({ action }) => success(action, { deprecated: 'yes' }))
    const { caller, events } = callerOf(server)
    await caller.perform('none', call, names)
    await caller.perform('none', call, names)
    const told = events.filter((event) => event.type === 'deprecated')
    expect(told).toEqual([{ type: 'deprecated', action: 'user/get_info', apiVersion: '1.5' }])
  })

  it('tells of every exchange and every try', async () => {
    const server = await serve(({ nth, action }) => (nth === 0 ? failure(action, 100, {}, 500) : success(action)))
    const { caller, events } = callerOf(server)
    await caller.perform('none', call, names)
    expect(events).toMatchObject([
      { type: 'call', action: 'user/get_info', attempt: 1, httpStatus: 500, error: { apiCode: 100 } },
      { type: 'retry', action: 'user/get_info', failures: 1, delayMs: 1000 },
      { type: 'call', action: 'user/get_info', attempt: 2, httpStatus: 200, error: undefined },
    ])
  })
})

describe('what is not an answer has a sentence of its own', () => {
  const page = (inner: string) => `<!DOCTYPE html><html><head>${inner}</head><body></body></html>`
  const html = { 'content-type': 'text/html' }
  const whole = JSON.stringify(success('user/get_info', { user_info: { size: 'x' } }).body)
  const cases: [name: string, reply: Reply, code: string, sentence: RegExp][] = [
    [
      "Cloudflare's page",
      { status: 403, headers: html, body: page('<title>Just a moment...</title>') },
      'bot-challenge',
      /^Cannot call "user\/get_info": a page that lets only browsers pass came instead of an answer \(bot protection\); sign in with a browser/,
    ],
    [
      "Cloudflare's page with status 200",
      { headers: html, body: page('<script src="/cdn-cgi/challenge-platform/x.js"></script>') },
      'bot-challenge',
      /bot protection/,
    ],
    [
      'a challenge by header',
      { status: 403, headers: { 'cf-mitigated': 'challenge' } },
      'bot-challenge',
      /bot protection/,
    ],
    ['a bare page with 403', { status: 403, headers: html, body: page('') }, 'bot-challenge', /bot protection/],
    [
      'a captcha',
      { headers: html, body: page('<div class="g-recaptcha"></div>') },
      'captcha',
      /MediaFire asks to solve a captcha; sign in with a browser and use its cookie$/,
    ],
    ['429', { status: 429, body: 'slow down' }, 'rate-limited', /too many calls in a short time \(HTTP status 429\)$/],
    [
      '502',
      { status: 502, headers: html, body: page('') },
      'server',
      /the server does not do its work \(HTTP status 502\)$/,
    ],
    ['900', { status: 900, body: '' }, 'server', /HTTP status 900/],
    [
      'cut JSON',
      { body: whole.slice(0, 40) },
      'malformed',
      /the answer of 40 bytes breaks off in the middle of its JSON$/,
    ],
    ['no JSON', { body: '{"a":}' }, 'malformed', /the answer of 6 bytes is not JSON that can be read$/],
    ['nothing', { body: '' }, 'malformed', /the answer of 0 bytes is empty$/],
    ['XML', { body: '<?xml version="1.0"?><response/>' }, 'malformed', /is XML instead of JSON$/],
    ['a page', { headers: html, body: page('hello') }, 'malformed', /a web page came instead of an answer/],
    ['other JSON', { body: '{"response":[]}' }, 'malformed', /is not an answer of the API$/],
    ['no result', { body: '{"response":{}}' }, 'malformed', /in the answer result is missing$/],
    ['a field of the wrong kind', { body: whole }, 'malformed', /in the answer user_info\.size is not a number$/],
    ['a body that breaks off', { body: whole, cutAfter: 20 }, 'unreachable', /the answer broke off/],
    ['no answer', { drop: true }, 'unreachable', /the connection was lost to 127\.0\.0\.1:\d+ \(UND_ERR_SOCKET\)$/],
    ['404', { status: 404, body: 'none' }, 'unknown-method', /the server refuses \(HTTP status 404\)$/],
    [
      'a redirect',
      { status: 302, headers: { location: 'https://evil.example/login?token=abc' } },
      'redirected',
      /the server sends calls on to "evil\.example", and they are not sent there$/,
    ],
    [
      'damaged gzip',
      { body: gzipSync(whole).subarray(0, 30), headers: { 'content-encoding': 'gzip' } },
      'malformed',
      /the compressed answer is cut off or damaged$/,
    ],
  ]
  for (const [name, reply, code, sentence] of cases) {
    it(name, async () => {
      const server = await serve(() => reply)
      const { caller } = callerOf(server, { tries: 1 })
      const error = await failureOf(
        caller.perform('none', call, (fields) => fields.fields('user_info').requiredCount('size')),
      )
      expect([error.code, error.message]).toEqual([code, expect.stringMatching(sentence)])
      expect(server.seen).toHaveLength(1)
    })
  }

  const refusals: [number, string, RegExp][] = [
    [107, 'credentials', /the e-mail address and the password do not fit, or the application id is blocked/],
    [109, 'application', /the application id is not accepted/],
    [110, 'not-found', /there is no such file/],
    [112, 'not-found', /there is no such folder/],
    [114, 'denied', /no access to it/],
    [145, 'application', /the application is disabled/],
    [149, 'bandwidth', /not enough bandwidth left/],
    [161, 'terms', /the terms of service must be accepted first/],
    [162, 'storage-full', /the storage of the account is full/],
    [232, 'unverified', /the account's e-mail address is not verified/],
    [243, 'locked', /the account is locked for a while/],
    [253, 'unknown-method', /MediaFire knows no such call/],
    [128, 'invalid', /MediaFire does not accept an argument/],
    [171, 'refused', /MediaFire refuses/],
    [99_999, 'refused', /MediaFire refuses/],
  ]
  for (const [number, code, sentence] of refusals) {
    it(`MediaFire's error ${number}`, async () => {
      const server = await serve(({ action }) => failure(action, number))
      const { caller } = callerOf(server)
      const error = await failureOf(caller.perform('none', call, names))
      expect(error).toMatchObject({ code, apiCode: number, apiMessage: `the words for ${number}`, httpStatus: 403 })
      expect(error.message).toMatch(sentence)
      expect(error.message).toMatch(new RegExp(`\\(MediaFire's error ${number}: "the words for ${number}"\\)$`))
      // None of these gets better by being asked again.
      expect(server.seen).toHaveLength(1)
    })
  }

  it("MediaFire's words stay on one line and act on no terminal", async () => {
    const message = `\u001b[31m two\nlines\u202e ${'x'.repeat(500)}`
    const server = await serve(({ action }) => failure(action, 171, { message }))
    const error = await failureOf(callerOf(server).caller.perform('none', call, names))
    expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(error.message.length).toBeLessThan(300)
  })
})

describe('the call policy', () => {
  const attempts = async (
    script: (seen: Seen) => Reply,
    options: Partial<ApiCall> = {},
  ): Promise<{ pauses: number[]; calls: number; code?: string }> => {
    const server = await serve(script)
    const { caller, clock } = callerOf(server)
    const code = await caller.perform('none', { ...call, ...options }, names).then(
      () => undefined,
      (error: { code: string }) => error.code,
    )
    return { pauses: clock.pauses, calls: server.seen.length, code }
  }
  const failing =
    (times: number, reply: (action: string) => Reply) =>
    ({ nth, action }: Seen): Reply =>
      nth < times ? reply(action) : success(action)

  it('tries what may be done twice up to five times, with growing pauses', async () => {
    const internal = (action: string) => failure(action, 100, {}, 500)
    expect(await attempts(failing(3, internal))).toEqual({ pauses: [1000, 2000, 4000], calls: 4 })
    expect(await attempts(failing(9, internal))).toEqual({ pauses: [1000, 2000, 4000, 8000], calls: 5, code: 'server' })
    expect(await attempts(failing(2, () => ({ drop: true })))).toEqual({ pauses: [1000, 2000], calls: 3 })
    expect(await attempts(failing(1, () => ({ body: '{"resp' })))).toEqual({ pauses: [1000], calls: 2 })
  })

  it('waits half a minute when the rate is exceeded, or as long as the server says', async () => {
    expect(await attempts(failing(2, (action) => failure(action, 261)))).toEqual({ pauses: [30_000, 60_000], calls: 3 })
    const asked = (retryAfter: string): Reply => ({ status: 429, headers: { 'retry-after': retryAfter } })
    expect(await attempts(failing(1, () => asked('7')))).toEqual({ pauses: [7500], calls: 2 })
    const date = new Date(Date.UTC(2026, 0, 5, 0, 0, 12)).toUTCString()
    expect(await attempts(failing(1, () => asked(date)))).toEqual({ pauses: [12_500], calls: 2 })
    expect(await attempts(failing(1, () => asked('301')))).toEqual({ pauses: [], calls: 1, code: 'rate-limited' })
    expect(await attempts(failing(1, () => asked('soon')))).toEqual({ pauses: [30_000], calls: 2 })
  })

  it('asks every second for two minutes while another job runs', async () => {
    const busy = (action: string) => failure(action, 208)
    const { pauses, calls } = await attempts(failing(100, busy))
    expect([calls, new Set(pauses)]).toEqual([101, new Set([1000])])
    expect(await attempts(failing(500, busy))).toMatchObject({ calls: 120, code: 'busy' })
  })

  it('never hammers against a challenge', async () => {
    const challenge = { status: 403, headers: { 'content-type': 'text/html' }, body: '<html></html>' }
    expect(await attempts(() => challenge)).toEqual({ pauses: [], calls: 1, code: 'bot-challenge' })
  })

  it('does not do twice what may have been done, but does again what was refused', async () => {
    const once = { repeatable: false }
    for (const lost of [{ drop: true }, { body: '{"resp' }, { status: 502 }] as Reply[]) {
      expect(
        await attempts(
          failing(1, () => lost),
          once,
        ),
      ).toMatchObject({ calls: 1, pauses: [] })
    }
    expect(
      await attempts(
        failing(1, (action) => failure(action, 100)),
        once,
      ),
    ).toMatchObject({ calls: 1, code: 'server' })
    expect(
      await attempts(
        failing(1, (action) => failure(action, 208)),
        once,
      ),
    ).toMatchObject({ calls: 2 })
    expect(
      await attempts(
        failing(1, () => ({ status: 429 })),
        once,
      ),
    ).toMatchObject({ calls: 2 })
  })

  it('tells that the outcome is not known', async () => {
    const server = await serve(() => ({ drop: true }))
    const { caller } = callerOf(server)
    expect(await failureOf(caller.perform('none', { action: 'file/copy' }, names))).toMatchObject({
      outcome: 'unknown',
    })
    const nobody = callerOf({ url: 'http://127.0.0.1:1' }, { tries: 1 })
    const error = await failureOf(nobody.caller.perform('none', call, names))
    expect(error).toMatchObject({ outcome: 'not-done', code: 'unreachable' })
    expect(error.message).toBe('Cannot call "user/get_info": no connection to 127.0.0.1:1 (ECONNREFUSED)')
  })

  it('gives a call up that has no answer in time, and says so', async () => {
    const server = await serve(({ nth, action }) => (nth === 0 ? { hangAfter: 0, body: 'x' } : success(action)))
    const { caller, clock } = callerOf(server, { timeoutMs: 100 })
    await caller.perform('none', call, names)
    expect(clock.pauses).toEqual([1000])
    const silent = await serve(() => ({ hangAfter: 5, body: '{"response' }))
    const error = await failureOf(callerOf(silent, { timeoutMs: 100, tries: 1 }).caller.perform('none', call, names))
    expect(error.message).toBe('Cannot call "user/get_info": no answer within 0.1 s')
    expect(error).toMatchObject({ code: 'timeout', retry: 'later', outcome: 'unknown' })
  })

  it('ends with the reason of the signal: before, during and between the tries', async () => {
    const reason = new Error('enough')
    const hanging = await serve(() => ({ hangAfter: 0, body: 'x' }))
    const { caller } = callerOf(hanging)
    await expect(caller.perform('none', { ...call, signal: AbortSignal.abort(reason) }, names)).rejects.toBe(reason)
    expect(hanging.seen).toHaveLength(0)
    const during = new AbortController()
    const running = caller.perform('none', { ...call, signal: during.signal }, names)
    setTimeout(() => during.abort(reason), 50)
    await expect(running).rejects.toBe(reason)
    const between = new AbortController()
    const failing = await serve(() => ({ status: 503 }))
    const slow = callerOf(failing, {
      sleep: (_ms, signal) =>
        new Promise((_resolve, reject) => {
          signal!.addEventListener('abort', () => reject(signal!.reason as Error))
          between.abort(reason)
        }),
    })
    await expect(slow.caller.perform('none', { ...call, signal: between.signal }, names)).rejects.toBe(reason)
    expect(failing.seen).toHaveLength(1)
  })

  it('a closed client makes no calls and ends those under way', async () => {
    const server = await serve(() => ({ hangAfter: 0, body: 'x' }))
    const { caller } = callerOf(server)
    const running = failureOf(caller.perform('none', call, names))
    while (server.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await caller.close()
    expect((await running).code).toBe('closed')
    expect((await failureOf(caller.perform('none', call, names))).message).toBe(
      'Cannot call "user/get_info": the client was closed before',
    )
    await caller.close()
  })
})

describe('where calls go', () => {
  it('only to encrypted addresses, or unencrypted to this machine', () => {
    for (const baseUrl of [
      'https://www.mediafire.com',
      'http://127.0.0.1:80',
      'http://localhost:1',
      'http://[::1]:1',
    ]) {
      expect(() => new Caller({ baseUrl })).not.toThrow()
    }
    for (const baseUrl of [
      'http://www.mediafire.com',
      'http://127.0.0.1.example.com',
      'ftp://localhost',
      'http://10.0.0.1',
    ]) {
      expect(() => new Caller({ baseUrl }), baseUrl).toThrow(/only https: is allowed, and http: to this machine$/)
    }
    expect(() => new Caller({ baseUrl: 'https://me:secret@host' })).toThrow(
      'Cannot use the server at host: its address holds credentials',
    )
    expect(() => new Caller({ baseUrl: 'https://host/path' })).toThrow(/has no path$/)
    expect(() => new Caller({ baseUrl: 'secret' })).toThrow('Cannot use the address of the server: it is not a URL')
  })

  it('a token never follows a redirect', async () => {
    const elsewhere = await serve(() => success('user/get_info'))
    for (const status of [301, 302, 307, 308]) {
      const server = await serve(() => ({
        status,
        headers: { location: `${elsewhere.url}/api/1.5/user/get_info.php` },
      }))
      const { caller } = callerOf(server, { auth: tokenAuth({ token: 'the-session-token' }) })
      expect((await failureOf(caller.perform('session', call, names))).code).toBe('redirected')
    }
    expect(elsewhere.seen).toHaveLength(0)
  })

  it('refuses names of calls that would be other addresses', async () => {
    const { caller } = callerOf({ url: 'http://127.0.0.1:1' })
    for (const action of ['user', '../x/y', 'user/get_info?x', 'a/b/c', 'https://host/a', 'User/Get']) {
      await expect(caller.perform('none', { action }, names)).rejects.toThrow(TypeError)
    }
  })
})

describe('the rate of calls', () => {
  const body = Buffer.from(JSON.stringify(success('user/get_info').body))
  const never = stubDispatcher(() => ({ body }))

  it('is two a second after twenty at once, for calls that carry no content', async () => {
    const { caller, clock } = callerOf({ url: 'https://www.mediafire.com' }, { dispatcher: never })
    for (let i = 0; i < 20; i++) await caller.perform('none', call, names)
    expect(clock.pauses).toEqual([])
    for (let i = 0; i < 4; i++) await caller.perform('none', call, names)
    expect(clock.pauses).toEqual([500, 500, 500, 500])
    const content = { headers: {}, size: 1, open: () => [Buffer.from('x')] as unknown as AsyncIterable<Uint8Array> }
    for (let i = 0; i < 50; i++) await caller.perform('none', { ...call, content }, names)
    expect(clock.pauses).toHaveLength(4)
    clock.pass(60_000)
    for (let i = 0; i < 20; i++) await caller.perform('none', call, names)
    expect(clock.pauses).toHaveLength(4)
  })

  it('has no limit to this machine', async () => {
    const server = await serve(({ action }) => success(action))
    const { caller, clock } = callerOf(server)
    await Promise.all(Array.from({ length: 100 }, () => caller.perform('none', call, names)))
    expect(clock.pauses).toEqual([])
  })
})
