import { createHash, randomBytes } from 'node:crypto'
import { type ByteStream, collect } from '@coalmine/bytes'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMediaFire, type MediaFireEvent, type MediaFireOptions, tokenAuth } from '../src/index.ts'
import { secureUrl } from '../src/lib/download-url.ts'
import { failureOf, testClock } from './harness.ts'
import { stubDispatcher, type StubReply } from './stub-dispatcher.ts'
import { failure, type Reply, type Seen, serve, success } from './scripted-server.ts'

const bytes = randomBytes(300_000)
const hashOf = (kind: string, content: Uint8Array) => createHash(kind).update(content).digest('hex')

/** One file, and a link to it; `answer` says otherwise. */
async function fileServer(
  answer: (seen: Seen) => Reply | undefined = () => undefined,
  options: MediaFireOptions & { info?: object } = {},
) {
  const { info: more = {}, ...rest } = options
  const info = {
    quickkey: 'q1',
    filename: 'a.bin',
    size: String(bytes.length),
    hash: hashOf('sha256', bytes),
    ready: 'yes',
    ...more,
  }
  const server = await serve((seen) => {
    const special = answer(seen)
    if (special !== undefined) return special
    const { action, path, headers } = seen
    if (action === 'file/get_info') return success(action, { file_info: info })
    if (action === 'file/get_links') {
      return success(action, { links: [{ quickkey: 'q1', direct_download: `http://${headers.host}/abc/q1/a.bin` }] })
    }
    return path === '/abc/q1/a.bin' ? rangeOf(seen) : { status: 404 }
  })
  const clock = testClock()
  const events: MediaFireEvent[] = []
  const { now, sleep } = clock
  const onEvent = (event: MediaFireEvent) => void events.push(event)
  const auth = tokenAuth({ token: 'the-session-token' })
  const mediafire = createMediaFire({ baseUrl: server.url, auth, now, sleep, random: () => 0.5, onEvent, ...rest })
  onTestFinished(() => mediafire.close())
  const downloads = () => server.seen.filter(({ path }) => path.startsWith('/abc'))
  return { server, mediafire, clock, events, downloads }
}

/** The file as a server with ranges gives it. */
function rangeOf({ headers }: Seen): Reply {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
  if (from === undefined) return { body: bytes, headers: { 'content-type': 'application/octet-stream' } }
  const range = `bytes ${from}-${to}/${bytes.length}`
  return { status: 206, body: bytes.subarray(Number(from), Number(to) + 1), headers: { 'content-range': range } }
}

const all = async (stream: ByteStream): Promise<Buffer> => Buffer.from(await collect(stream))

describe('download()', () => {
  it('brings the bytes, with nothing of the session in the request', async () => {
    const { mediafire, server, downloads } = await fileServer(undefined, {
      headers: { cookie: 'secret=1', 'x-mine': 'y' },
    })
    const progress: number[] = []
    const stream = mediafire.download('q1', { onProgress: (count) => progress.push(count) })
    expect(server.seen).toEqual([])
    expect((await all(stream)).equals(bytes)).toBe(true)
    expect(progress.at(-1)).toBe(bytes.length)
    expect(server.actions()).toEqual(['file/get_info', 'file/get_links', '/abc/q1/a.bin'])
    const [{ headers, query }] = downloads() as [Seen]
    expect(Object.keys(headers).sort()).toEqual(['accept-encoding', 'connection', 'host', 'user-agent'])
    expect(query).toBe('')
  })

  it('brings any range, and refuses what is outside', async () => {
    const { mediafire, downloads } = await fileServer()
    for (const [start, end] of [
      [0, 10],
      [299_990, undefined],
      [100, 100],
      [undefined, 5],
      [0, 300_000],
    ] as const) {
      const part = await all(mediafire.download('q1', { range: { start, end } }))
      expect(part.equals(bytes.subarray(start, end))).toBe(true)
    }
    expect(downloads().map(({ headers }) => headers.range)).toEqual([
      'bytes=0-9',
      'bytes=299990-299999',
      'bytes=0-4',
      undefined,
    ])
    for (const range of [{ start: -1 }, { end: 300_001 }, { start: 5, end: 4 }, { start: 1.5 }]) {
      await expect(all(mediafire.download('q1', { range }))).rejects.toThrow(RangeError)
    }
  })

  it('goes on in the middle of the body, whatever breaks it off', async () => {
    const cuts: ((reply: Reply) => Reply)[] = [
      (reply) => ({ ...reply, cutAfter: 70_000 }),
      () => ({ drop: true }),
      () => ({ status: 503 }),
      (reply) => ({ ...reply, cutAfter: 50_000 }),
    ]
    const { mediafire, downloads, clock } = await fileServer((seen) => {
      const cut = seen.path.startsWith('/abc') ? cuts[seen.nth] : undefined
      return cut?.(rangeOf(seen))
    })
    expect((await all(mediafire.download('q1'))).equals(bytes)).toBe(true)
    const starts = downloads().map(({ headers }) => Number(/=(\d+)/.exec(headers.range ?? '=0')![1]))
    expect(starts).toHaveLength(5)
    expect(starts[1]).toBe(70_000)
    expect(starts.slice(1, 4)).toEqual([70_000, 70_000, 70_000])
    expect(starts[4]).toBe(120_000)
    // What has moved on begins with a short pause again.
    expect(clock.pauses).toEqual([1000, 2000, 4000, 1000])
  })

  it('goes on also where the server knows no ranges', async () => {
    const { mediafire } = await fileServer(({ path, nth }) => {
      if (!path.startsWith('/abc')) return undefined
      return nth === 0 ? { body: bytes, cutAfter: 100_000 } : { body: bytes }
    })
    expect((await all(mediafire.download('q1'))).equals(bytes)).toBe(true)
    const part = await fileServer(({ path }) => (path.startsWith('/abc') ? { body: bytes } : undefined))
    expect(
      (await all(part.mediafire.download('q1', { range: { start: 7, end: 9 } }))).equals(bytes.subarray(7, 9)),
    ).toBe(true)
  })

  it('gives up when nothing comes, after as many tries as it was told', async () => {
    const { mediafire, downloads } = await fileServer(
      ({ path }) => (path.startsWith('/abc') ? { drop: true } : undefined),
      { tries: 3 },
    )
    const error = await failureOf(all(mediafire.download('q1')))
    expect(error).toMatchObject({ code: 'unreachable', retry: 'later' })
    expect(error.message).toMatch(/^Cannot download "a\.bin": the connection was lost to 127\.0\.0\.1/)
    expect(downloads()).toHaveLength(3)
  })

  it('takes a new link when the old one is not good any more', async () => {
    const page = { headers: { 'content-type': 'text/html' }, body: '<html>expired</html>' }
    for (const over of [{ status: 404 }, { status: 410 }, { status: 403 }, page] as Reply[]) {
      const { mediafire, server } = await fileServer(({ path, nth }) =>
        path.startsWith('/abc') && nth === 0 ? over : undefined,
      )
      expect((await all(mediafire.download('q1'))).equals(bytes)).toBe(true)
      expect(server.actions().filter((action) => action === 'file/get_links')).toHaveLength(2)
    }
  })

  it('says of a link that stays bad, or a server that fails, nothing of the file', async () => {
    const headers = { 'content-type': 'text/html' }
    const body = '<html>Sorry</html>'
    const replies: [Reply, string, RegExp][] = [
      [{ status: 404 }, 'expired-link', /: the link is not good any more \(HTTP status 404\)$/],
      [{ headers, body }, 'expired-link', /: the link is not good any more \(HTTP status 200\)$/],
      [{ status: 403, headers, body }, 'expired-link', /HTTP status 403/],
      [{ status: 503, headers, body }, 'server', /: the server does not do its work \(HTTP status 503\)$/],
      [{ status: 429, headers, body }, 'rate-limited', /HTTP status 429/],
    ]
    for (const [reply, code, message] of replies) {
      const { mediafire } = await fileServer(({ path }) => (path.startsWith('/abc') ? reply : undefined))
      const error = await failureOf(all(mediafire.download('q1')))
      expect([error.code, error.message], JSON.stringify(reply)).toEqual([code, expect.stringMatching(message)])
      expect(error.retry).not.toBe('never')
    }
  })

  it('never takes a page for the file', async () => {
    const html = { 'content-type': 'text/html; charset=utf-8' }
    const pages: [string, string][] = [
      ['<html><title>Just a moment...</title></html>', 'bot-challenge'],
      ['<html><div class="h-captcha"></div></html>', 'captcha'],
    ]
    for (const [body, code] of pages) {
      const { mediafire, downloads } = await fileServer(({ path }) =>
        path.startsWith('/abc') ? { body, headers: html } : undefined,
      )
      expect((await failureOf(all(mediafire.download('q1')))).code).toBe(code)
      expect(downloads()).toHaveLength(1)
    }
    // A web page that is the file is one.
    const { mediafire } = await fileServer((seen) =>
      seen.path.startsWith('/abc') ? { ...rangeOf(seen), headers: html } : undefined,
    )
    expect((await all(mediafire.download('q1'))).equals(bytes)).toBe(true)
  })

  it('compares the hash, of very old files their MD5', async () => {
    const other = randomBytes(bytes.length)
    const { mediafire } = await fileServer(({ path }) => (path.startsWith('/abc') ? { body: other } : undefined))
    const error = await failureOf(all(mediafire.download('q1')))
    expect(error).toMatchObject({ code: 'mismatch', retry: 'now', keys: ['q1'] })
    expect(error.message).toBe('Cannot download "a.bin": other bytes have come than the hash of the file says')
    for (const [hash, fails] of [
      [hashOf('md5', bytes), false],
      [hashOf('md5', other), true],
    ] as const) {
      const old = await fileServer(undefined, { info: { hash } })
      const done = all(old.mediafire.download('q1'))
      if (fails) expect((await failureOf(done)).code).toBe('mismatch')
      else expect((await done).equals(bytes)).toBe(true)
    }
  })

  it('is not misled by another length or another range', async () => {
    const wrong: Reply[] = [
      { body: bytes.subarray(1) },
      { status: 206, body: bytes.subarray(5, 10), headers: { 'content-range': `bytes 6-10/${bytes.length}` } },
      { status: 206, body: bytes.subarray(5, 10), headers: { 'content-range': 'bytes 5-9/77' } },
      { status: 206, body: bytes.subarray(5, 10) },
    ]
    for (const reply of wrong) {
      const { mediafire } = await fileServer(({ path }) => (path.startsWith('/abc') ? reply : undefined))
      expect((await failureOf(all(mediafire.download('q1', { range: { start: 5, end: 10 } })))).code).toBe('mismatch')
    }
  })

  it('says why there is no link, and when the file is not ready', async () => {
    const noLink = (fields: object) => (seen: Seen) =>
      seen.action === 'file/get_links' ? success(seen.action, { links: [{ quickkey: 'q1', ...fields }] }) : undefined
    const over = { direct_download_error: '1', direct_download_error_message: 'Not enough bandwidth' }
    const bandwidth = await failureOf(all((await fileServer(noLink(over))).mediafire.download('q1')))
    expect([bandwidth.code, bandwidth.message]).toEqual([
      'bandwidth',
      'Cannot download "a.bin": MediaFire gives no direct link ("Not enough bandwidth")',
    ])
    expect((await failureOf(all((await fileServer(noLink({}))).mediafire.download('q1')))).code).toBe('denied')
    const unready = await fileServer(undefined, { info: { ready: 'no' } })
    expect(await failureOf(all(unready.mediafire.download('q1')))).toMatchObject({ code: 'busy', retry: 'later' })
    const gone = await fileServer(({ action }) => (action === 'file/get_info' ? failure(action, 110) : undefined))
    expect((await failureOf(all(gone.mediafire.download('q1')))).code).toBe('not-found')
  })

  it('ends what stands still, and not what its reader leaves standing', async () => {
    const { mediafire, events } = await fileServer(
      (seen) => (seen.path.startsWith('/abc') && seen.nth === 0 ? { ...rangeOf(seen), hangAfter: 100_000 } : undefined),
      { stallMs: 200 },
    )
    const chunks: Uint8Array[] = []
    for await (const chunk of mediafire.download('q1')) {
      if (chunks.length === 0) await new Promise((resolve) => setTimeout(resolve, 400))
      chunks.push(chunk)
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
    const retries = events.filter((event) => event.type === 'retry')
    expect(retries.map(({ error }) => error.message)).toEqual(['Cannot download "a.bin": nothing has moved for 0.2 s'])
  })

  it('ends with the reason of the signal, and lets go when its reader leaves', async () => {
    const { mediafire } = await fileServer((seen) =>
      seen.path.startsWith('/abc') ? { ...rangeOf(seen), hangAfter: 100_000 } : undefined,
    )
    const reason = new Error('enough')
    const stop = new AbortController()
    setTimeout(() => stop.abort(reason), 100)
    await expect(all(mediafire.download('q1', { signal: stop.signal }))).rejects.toBe(reason)
    for await (const chunk of mediafire.download('q1')) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
    await mediafire.close()
    expect((await failureOf(all(mediafire.download('q1')))).code).toBe('closed')
  })

  it('an empty file needs no request, and is compared as well', async () => {
    const empty = { size: '0', hash: hashOf('sha256', new Uint8Array(0)) }
    const { mediafire, downloads } = await fileServer(undefined, { info: empty })
    expect(await all(mediafire.download('q1'))).toHaveLength(0)
    expect(downloads()).toEqual([])
    const wrong = await fileServer(undefined, { info: { size: '0' } })
    expect((await failureOf(all(wrong.mediafire.download('q1')))).code).toBe('mismatch')
  })
})

describe('where links lead', () => {
  it('redirects are followed to other hosts, with nothing of the session, but not for ever', async () => {
    const other = await serve(rangeOf)
    const { mediafire } = await fileServer(({ path }) =>
      path.startsWith('/abc') ? { status: 302, headers: { location: `${other.url}/real` } } : undefined,
    )
    expect((await all(mediafire.download('q1', { range: { start: 3, end: 9 } }))).equals(bytes.subarray(3, 9))).toBe(
      true,
    )
    expect(other.seen[0]).toMatchObject({ path: '/real', query: '', headers: { range: 'bytes=3-8' } })
    const round = await fileServer(({ path }) =>
      path.startsWith('/abc') ? { status: 302, headers: { location: '/abc' } } : undefined,
    )
    expect((await failureOf(all(round.mediafire.download('q1')))).code).toBe('redirected')
    expect(round.downloads()).toHaveLength(6)
  })

  it('a link with http: is asked for with https:, also when a redirect gives it', async () => {
    const asked: string[] = []
    const content = Buffer.from('hello')
    const json = (fields: object) => ({
      body: Buffer.from(JSON.stringify({ response: { ...fields, result: 'Success' } })),
    })
    const info = { quickkey: 'q1', filename: 'a', size: '5', hash: hashOf('sha256', content) }
    const replies: Record<string, StubReply> = {
      '/api/1.5/file/get_info.php': json({ file_info: info }),
      '/api/1.5/file/get_links.php': json({ links: { direct_download: 'http://download1.mediafire.com/x' } }),
      '/x': { status: 302, headers: { location: 'http://download2.mediafire.com/y' } },
      '/y': { body: content },
    }
    const dispatcher = stubDispatcher(({ url, path }) => {
      asked.push(url)
      return replies[path]!
    })
    const mediafire = createMediaFire({ auth: tokenAuth({ token: 'the-session-token' }), dispatcher })
    expect((await all(mediafire.download('q1'))).toString()).toBe('hello')
    expect(asked).toEqual([
      'https://www.mediafire.com/api/1.5/file/get_info.php',
      'https://www.mediafire.com/api/1.5/file/get_links.php',
      'https://download1.mediafire.com/x',
      'https://download2.mediafire.com/y',
    ])
    await mediafire.close()
  })

  it('secureUrl() lets nothing through that is not encrypted', () => {
    const live = new URL('https://www.mediafire.com')
    const local = new URL('http://127.0.0.1:8080')
    const tls = new URL('https://127.0.0.1:8443')
    expect(secureUrl('http://a.example/x?y', live, 'x').href).toBe('https://a.example/x?y')
    expect(secureUrl('http://127.0.0.1:9/x', local, 'x').href).toBe('http://127.0.0.1:9/x')
    expect(secureUrl('http://127.0.0.1:9/x', tls, 'x').href).toBe('https://127.0.0.1:9/x')
    expect(secureUrl('http://a.example/x', local, 'x').href).toBe('https://a.example/x')
    for (const bad of [
      'http://localhost/x',
      'https://127.0.0.1/',
      'ftp://a.example',
      'file:///etc/passwd',
      'https://u:p@a.example/',
    ]) {
      expect(() => secureUrl(bad, live, 'x'), bad).toThrow(expect.objectContaining({ code: 'insecure' }))
    }
    expect(() => secureUrl('secret', live, 'x')).toThrow('Cannot x: the link that MediaFire gives is no address')
  })
})
