import { collect, fromBytes } from '@coalmine/bytes'
import { type MediaFireEvent, passwordAuth } from '@coalmine/mediafire'
import { createRegistry, type OpenContext, StorageError } from '@coalmine/storage'
import { afterAll, describe, expect, it } from 'vitest'
import { openMediaFireUrl } from '../src/index.ts'
import { account, bytesOf, emulated } from './emulated.ts'

const storages = createRegistry({ mf: openMediaFireUrl })

describe('openMediaFireUrl()', async () => {
  const { emulator } = await emulated({ settings: { profile: 'instant' } })
  afterAll(() => emulator.stop())
  const server = { COALMINE_MEDIAFIRE_URL: emulator.url }
  const own = { ...server, MEDIAFIRE_EMAIL: account.email, MEDIAFIRE_PASSWORD: account.password }
  const typed = 'a%20long%20password'

  // Judge: the paths in the emulator's account.
  it.each<[string, string, OpenContext]>([
    ['mf://Coalmine/Backup', '/Coalmine/Backup', { env: own }],
    ['mf://My Folder/Ünï', '/My Folder/Ünï', { env: own }],
    ['mf://Case/case%20%25', '/Case/case %', { env: own }],
    ['mf:///a//b/', '/a/b', { env: own }],
    [`mf://me%40example.com:${typed}@mediafire.com/In%20it`, '/In it', { env: server }],
    ['mf://me%40example.com@mediafire.com/ftp', '/ftp', { env: { ...server, FTP_PASSWORD: account.password } }],
    [
      'mf://me%40example.com@mediafire.com/backend',
      '/backend',
      { env: { ...server, FTP_PASSWORD: 'other', BACKEND_PASSWORD: account.password } },
    ],
    ['mf://me%40example.com@mediafire.com/', '', { env: { ...server, BACKEND_PASSWORD: account.password } }],
    ['mf://me%40example.com@mediafire.com/asked', '/asked', { env: server, password: async () => account.password }],
  ])('%s is the folder "%s"', async (url, path, context) => {
    const storage = await storages.open(url, context)
    expect(storage.info.scheme).toBe('mf')
    expect(storage.info.display).not.toContain(typed)
    const bytes = bytesOf(100)
    await storage.put('x', fromBytes(bytes))
    expect(emulator.account().files.map((file) => file.path)).toContain(`${path}/x`)
    expect(Buffer.compare(await collect(storage.get('x')), bytes)).toBe(0)
    await storage.close()
  })

  it.each<[string, NonNullable<OpenContext['env']>, string, string]>([
    ['mf://', own, 'invalid-url', 'it names no folder'],
    ['mf://me%40example.com:s3cret@mediafire.com', own, 'invalid-url', 'the root of the account is "/"'],
    ['mf://me%40example.com:s3cret@example.com/x', own, 'invalid-url', '"example.com" is not mediafire.com'],
    ['mf://me%40example.com:s3cret@mediafire.com:80/x', own, 'invalid-url', 'a port has no meaning'],
    ['mf://me%40example.com:s3cret@mediafire.com/x?y', own, 'invalid-url', 'no names with "?"'],
    ['mf://:s3cret@mediafire.com/x', own, 'invalid-url', 'a password and no user'],
    ['mf://a%2Fb/c', own, 'invalid-url', 'no names with / in them'],
    ['mf://a/../b', own, 'invalid-url', 'it stands for a folder'],
    ['mf://a/b', {}, 'denied', 'set MEDIAFIRE_EMAIL and MEDIAFIRE_PASSWORD'],
    ['mf://a/b', { MEDIAFIRE_EMAIL: 'me@example.com' }, 'denied', 'set MEDIAFIRE_PASSWORD'],
    ['mf://me%40example.com@mediafire.com/x', {}, 'denied', 'set BACKEND_PASSWORD'],
    ['mf://a/b', { ...own, COALMINE_MEDIAFIRE_URL: 'http://example.com' }, 'invalid-url', 'only https: is allowed'],
    ['mf://a/b', { ...own, COALMINE_MEDIAFIRE_APP_ID: 'x' }, 'invalid-url', 'no application id'],
  ])('%s is refused: %#', async (url, env, code, words) => {
    const error: unknown = await storages.open(url, { env }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(StorageError)
    expect(error).toMatchObject({ code, operation: 'open' })
    expect((error as Error).message).toContain(words)
    expect((error as Error).message).not.toContain('s3cret')
  })

  it('auth is asked how to sign in, unless the URL says it; nothing is as if it was not there', async () => {
    const asked: unknown[] = []
    const open = (url: string, env: NonNullable<OpenContext['env']>, answers: boolean) =>
      createRegistry({
        mf: (parsed, context) =>
          openMediaFireUrl(parsed, context, {
            auth: async (who) => {
              asked.push(who)
              return answers ? passwordAuth(account) : undefined
            },
          }),
      }).open(url, { env })
    for (const [url, env, answers] of [
      ['mf://One', server, true],
      ['mf://you%40example.com@mediafire.com/Two', server, true],
      ['mf://Three', own, false],
      [`mf://me%40example.com:${typed}@mediafire.com/Four`, server, true],
    ] as const) {
      const storage = await open(url, env, answers)
      await storage.put('x', fromBytes(bytesOf(10)))
      await storage.close()
    }
    expect(asked).toEqual([
      { email: undefined, named: false },
      { email: 'you@example.com', named: true },
      { email: account.email, named: false },
    ])
    const paths = emulator.account().files.map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['/One/x', '/Two/x', '/Three/x', '/Four/x']))
  })

  it('a wrong password is one sentence, tried once, and no secret is in an error or an event', async () => {
    const events: MediaFireEvent[] = []
    const url = 'mf://me%40example.com:wr0ng%20secret@mediafire.com/Coalmine'
    const registry = createRegistry({
      mf: (parsed, context) => openMediaFireUrl(parsed, context, { onEvent: (event) => events.push(event) }),
    })
    const storage = await registry.open(url, { env: server })
    const before = emulator.log.count('user/get_session_token')
    const error: unknown = await storage.stat('x').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'denied', operation: 'stat', retry: 'never' })
    expect((error as Error).message).toContain('the e-mail address and the password do not fit')
    expect(emulator.log.count('user/get_session_token')).toBe(before + 1)
    const told = JSON.stringify([events, error, (error as Error).message, String((error as Error).cause)])
    expect(told).not.toMatch(/wr0ng/)
    expect(events.length).toBeGreaterThan(0)
    await storage.close()
  })
})
