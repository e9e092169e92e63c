// The emulator's own calls and its page. Judges: what the library says, and what is escaped.
import { request } from 'node:http'
import { expect, it } from 'vitest'
import { emulate, login, password, textOf } from './caller.ts'

function ask(url: string, headers: Record<string, string>): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (answer) => {
      let text = ''
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
      .on('error', reject)
      .end()
  })
}

it('what the library does can be done by HTTP', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const key = await bob.put('a.txt', 'hello')
  const admin = async (method: string, name: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${emulator.url}/_emulator/${name}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    return (await answer.json()) as Record<string, unknown>
  }
  expect(await admin('POST', 'faults', { call: 'user/get_info', fault: { kind: 'error', code: 261 } })).toEqual({
    id: 1,
  })
  expect((await bob.call('user/get_info')).response['error']).toBe(261)
  expect((await admin('GET', 'faults'))['faults']).toMatchObject([{ id: 1, seen: 1, done: 1 }])
  await admin('DELETE', 'faults')
  await bob.ok('user/get_info')
  expect((await admin('GET', 'log?call=user/get_info'))['count']).toBe(2)
  await admin('DELETE', 'log')
  expect(emulator.log.count()).toBe(0)
  expect((await admin('POST', 'settings', { listLagMs: 7 }))['listLagMs']).toBe(7)
  expect(emulator.settings.listLagMs).toBe(7)
  expect((await admin('POST', 'settings', { listLagMs: 'x' }))['error']).toMatch(/Cannot set "listLagMs"/)
  expect(await admin('GET', 'account')).toMatchObject({ usedBytes: 5, files: [{ key, path: '/a.txt' }] })
  await admin('POST', 'account', { baseStorage: 3, bonusStorage: 0 })
  expect(emulator.account().storageLimit).toBe(3)
  const twin = (await admin('POST', 'duplicate', { quickkey: key }))['quickkey']
  await admin('POST', 'age', { quickkey: twin })
  const before = emulator.clock.now()
  await admin('POST', 'clock', { advanceMs: 60_000 })
  expect(emulator.clock.now() - before).toBeGreaterThanOrEqual(60_000)
  await admin('POST', 'expire')
  expect((await bob.call('user/get_info')).response['error']).toBe(105)
  expect((await admin('GET', 'nothing'))['error']).toMatch(/Nothing is at "nothing"/)
})

it('a page of another site can neither look in nor change anything', async () => {
  const emulator = await emulate()
  for (const path of ['/', '/_emulator/log', '/_emulator/settings']) {
    expect((await ask(emulator.url + path, { host: 'evil.example' })).status).toBe(403)
    expect((await ask(emulator.url + path, { host: `localhost:${emulator.port}` })).status).toBe(200)
  }
  // What a form of another site can send without being asked about.
  const simple = await fetch(`${emulator.url}/_emulator/settings`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: '{"profile":"legacy"}',
  })
  expect([simple.status, emulator.settings.profile]).toEqual([400, 'modern'])
})

it('the page shows the account, and nothing in it is more than text', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const { folder_key } = await bob.ok('folder/create', { foldername: `it's & that` })
  await bob.put(`a'&b.txt`, 'hello', { folder_key: textOf(folder_key) })
  await bob.ok('upload/check', { filename: 'big.bin', size: '90000000', hash: 'a'.repeat(64), resumable: 'yes' })
  await fetch(`${emulator.url}/<script>alert(1)</script>`)
  const page = await fetch(emulator.url)
  const html = await page.text()
  expect(html).toContain('/it&#39;s &amp; that/a&#39;&amp;b.txt')
  expect(html).toContain('0 of 22')
  expect(html).toContain('upload/simple')
  expect(html).not.toContain('<script')
  for (const secret of [password, bob.token]) expect(html).not.toContain(secret)
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(html).toContain(`<style nonce="${/nonce-([^']+)/.exec(policy)?.[1] ?? 'none'}">`)
  expect(html).not.toMatch(/ style=| on[a-z]+=/)
})
