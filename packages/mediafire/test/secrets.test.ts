import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { collect, fromBytes } from '@coalmine/bytes'
import { Agent } from 'undici'
import { expect, it, onTestFinished } from 'vitest'
import { cookieAuth, passwordAuth, webAuth } from '../src/index.ts'
import { clientOf, email, emulate, password } from './emulated.ts'

// Judge: the bytes on the wire. What went there as a secret is looked for in everything that a caller can see.
it('a whole run says no secret: events, errors, progress, results, the client itself', async () => {
  const secrets = new Set<string>()
  const emulator = await emulate()
  const agent = new Agent()
  onTestFinished(() => agent.close())
  const remember = (text: string): void => {
    for (const [name, value] of new URLSearchParams(text)) {
      if (/token$|^signature$|pass/.test(name) && value.length > 3) secrets.add(value)
    }
    for (const [, value] of text.matchAll(/"(?:session_token|action_token|secret_key)":"([^"]+)"/g)) secrets.add(value!)
  }
  const dispatcher = agent.compose((dispatch) => (options, handler) => {
    const { path, body, headers } = options
    remember(path.slice(path.indexOf('?') + 1))
    if (typeof body === 'string') remember(body)
    const cookie = (headers as Record<string, string> | undefined)?.['cookie']
    for (const part of cookie?.split('; ') ?? []) secrets.add(part.slice(part.indexOf('=') + 1))
    // The opaque part of a link to a file is as good as the file; the quick key beside it is no secret.
    const parts = path.startsWith('/api/') ? [] : path.split('/')
    for (const part of parts) if (/^(?=.*\d)[\w-]{10,}$/.test(part) && part.length !== 15) secrets.add(part)
    return dispatch(options, handler)
  })
  let cookie = ''
  const seen: unknown[] = []
  const ways = [
    () => passwordAuth({ email, password }),
    () => passwordAuth({ email, password, tokenVersion: 1 }),
    () => webAuth({ email, password, onCookie: (text) => void (cookie = text) }),
    () => cookieAuth({ cookie }),
  ]
  for (const way of ways) {
    const { mediafire, events } = clientOf(emulator, { auth: way(), dispatcher, tries: 3 })
    const attempt = async (run: () => Promise<unknown>): Promise<void> => {
      seen.push(await run().catch((error: unknown) => error))
    }
    const onProgress = (progress: unknown): void => void seen.push(progress)
    for (const fault of [
      undefined,
      { kind: 'drop', when: 'after' },
      { kind: 'truncate', bytes: 60, clean: true },
      { kind: 'expire' },
      { kind: 'challenge' },
      { kind: 'status', status: 502 },
    ] as const) {
      emulator.faults.clear()
      if (fault !== undefined) emulator.faults.add({ call: '*', fault, every: 3 })
      const name = `${seen.length}.bin`
      await attempt(() =>
        mediafire.upload(name, fromBytes(randomBytes(fault === undefined ? 4_194_305 : 1000)), { onProgress }),
      )
      await attempt(() => collect(mediafire.download(`mf:/${name}`)))
      await attempt(() => mediafire.api.user.getInfo())
      await attempt(() => mediafire.call('user/get_info'))
      await attempt(() => mediafire.trash.deleteFiles('zzzzzzzzzzzzzzz'))
    }
    emulator.faults.clear()
    await mediafire.close()
    seen.push(events, mediafire)
  }
  const errors = seen.filter((one) => one instanceof Error)
  expect(errors.length).toBeGreaterThan(5)
  expect(secrets.size).toBeGreaterThan(50)
  expect(secrets.has(password)).toBe(true)
  const shown = seen
    .map((one) =>
      one instanceof Uint8Array ? '' : inspect(one, { depth: 12, showHidden: true, maxStringLength: null }),
    )
    .join('\n')
  for (const secret of secrets) expect(shown.includes(secret), secret).toBe(false)
})
