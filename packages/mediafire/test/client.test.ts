import { fromBytes } from '@coalmine/bytes'
import { expect, it, onTestFinished } from 'vitest'
import { createMediaFire, type MediaFireOptions, tokenAuth } from '../src/index.ts'
import { type Reply, type Seen, serve, success } from './scripted-server.ts'

async function client(script: (seen: Seen) => Reply, options: MediaFireOptions = {}) {
  const server = await serve(script)
  const auth = tokenAuth({ token: 'the-session-token' })
  const mediafire = createMediaFire({ baseUrl: server.url, auth, sleep: async () => undefined, ...options })
  onTestFinished(() => mediafire.close())
  return { server, mediafire }
}

it('call() makes any call, and again only where asking does no harm', async () => {
  const { server, mediafire } = await client(({ action, nth }) =>
    nth === 0 ? { status: 503 } : success(action, { notifications: { num_total: '3' } }),
  )
  const answer = await mediafire.call('notifications/get_cache', { start: 0, limit: 5 })
  expect(answer.fields('notifications').count('num_total')).toBe(3)
  expect(server.seen[0]!.params).toMatchObject({ start: '0', limit: '5', session_token: 'the-session-token' })
  await expect(mediafire.call('contact/add', { display_name: 'Bob' })).rejects.toMatchObject({ outcome: 'unknown' })
  await expect(mediafire.call('user/get_action_token')).rejects.toMatchObject({ outcome: 'unknown' })
  expect(server.actions()).toEqual([
    'notifications/get_cache',
    'notifications/get_cache',
    'contact/add',
    'user/get_action_token',
  ])
  await mediafire.call('contact/add', {}, { repeatable: true, auth: 'none' })
  expect(server.seen.at(-1)!.params['session_token']).toBeUndefined()
})

it('api and upload() are there, and without auth only what is public', async () => {
  const { mediafire, server } = await client(({ action }) => success(action, { user_info: { email: 'a@b.c' } }))
  expect((await mediafire.api.user.getInfo()).email).toBe('a@b.c')
  await expect(mediafire.upload('a/b', fromBytes(new Uint8Array(1)))).rejects.toMatchObject({ code: 'invalid' })
  const { mediafire: stranger } = await client(() => ({}), { baseUrl: server.url, auth: undefined })
  await stranger.api.user.getInfo()
  expect(server.seen.at(-1)!.params['session_token']).toBeUndefined()
})
