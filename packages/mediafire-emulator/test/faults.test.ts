// What the service does when it does not do what it should. Judge: what a caller sees, and what is stored.
import { request } from 'node:http'
import { expect, it } from 'vitest'
import type { Fault, FaultRule } from '../src/index.ts'
import { emulate, items, login, send, sha256, textOf } from './caller.ts'

const once = (call: string, fault: Fault, more: Partial<FaultRule> = {}): FaultRule => ({
  call,
  fault,
  times: 1,
  ...more,
})

it('drop: before the work, or after it with the answer lost', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  emulator.faults.add(once('folder/create', { kind: 'drop', when: 'before' }))
  await expect(bob.ok('folder/create', { foldername: 'a' })).rejects.toThrow('fetch failed')
  expect(emulator.account().folders).toEqual([])
  emulator.faults.add(once('folder/create', { kind: 'drop', when: 'after' }))
  await expect(bob.ok('folder/create', { foldername: 'a' })).rejects.toThrow('fetch failed')
  expect(emulator.account().folders.map((folder) => folder.path)).toEqual(['/a'])
  expect(emulator.log.calls('folder/create').map((call) => [call.status, call.faults])).toEqual([
    [0, ['drop']],
    [0, ['drop']],
  ])
})

it('error: any number, on the nth calls; with the work done all the same', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  emulator.faults.add({ call: 'user/get_info', fault: { kind: 'error', code: 208 }, nth: [2, 3] })
  const errors: unknown[] = []
  for (let n = 0; n < 4; n++) errors.push((await bob.call('user/get_info')).response['error'] ?? 0)
  expect(errors).toEqual([0, 208, 208, 0])
  const { folder_key } = await bob.ok('folder/create', { foldername: 'a' })
  emulator.faults.add(once('folder/delete', { kind: 'error', code: 100, status: 900, applied: true }))
  const { status, response } = await bob.call('folder/delete', { folder_key: textOf(folder_key) })
  expect([status, response['error']]).toEqual([900, 100])
  expect(emulator.account().folders).toEqual([])
})

it('error 105 and 127 leave the key where it is; expire ends the token for good', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  for (const code of [105, 127]) {
    emulator.faults.add(once('user/get_info', { kind: 'error', code }))
    const { response } = await bob.call('user/get_info')
    expect([response['error'], response['new_key']]).toEqual([code, undefined])
    await bob.ok('user/get_info')
  }
  emulator.faults.add({ call: '*', fault: { kind: 'expire' }, every: 3 })
  const errors: unknown[] = []
  for (let n = 0; n < 4; n++) errors.push((await bob.call('user/get_info')).response['error'] ?? 0)
  expect(errors).toEqual([0, 0, 105, 105])
})

it('expire in the middle of an upload: the token is gone, the units are not', async () => {
  const emulator = await emulate()
  const content = Buffer.alloc(4 * 2 ** 20, 1)
  const hash = sha256(content)
  const check = { filename: 'a', size: String(content.length), hash, resumable: 'yes' }
  const bob = await login(emulator)
  await bob.ok('upload/check', check)
  emulator.faults.add({ call: 'upload/resumable', fault: { kind: 'expire' }, when: { 'x-unit-id': '1' }, times: 1 })
  const unit = (token: string, id: number) => {
    const body = content.subarray(id * 2 ** 20, (id + 1) * 2 ** 20)
    const headers = {
      'x-filesize': String(content.length),
      'x-filehash': hash,
      'x-unit-id': String(id),
      'x-unit-hash': sha256(body),
    }
    return send(emulator.url, 'upload/resumable', { session_token: token }, { body, headers })
  }
  expect((await unit(bob.token, 0)).response['result']).toBe('Success')
  expect((await unit(bob.token, 1)).response['error']).toBe(105)
  expect((await unit(bob.token, 2)).response['error']).toBe(105)
  const again = await login(emulator)
  const { resumable_upload: now } = await again.ok('upload/check', check)
  expect(now?.['bitmap']?.['words']).toEqual(['1'])
})

it('challenge, 429 with Retry-After, 500 and 900: pages in place of answers', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  emulator.faults.add(once('user/get_info', { kind: 'challenge' }))
  const challenge = await bob.call('user/get_info')
  expect([challenge.status, challenge.headers.get('content-type')]).toEqual([403, 'text/html; charset=UTF-8'])
  expect(challenge.headers.get('cf-mitigated')).toBe('challenge')
  emulator.faults.add(once('user/get_info', { kind: 'status', status: 429, retryAfter: '7' }))
  const limited = await bob.call('user/get_info')
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7'])
  emulator.faults.add(once('folder/create', { kind: 'status', status: 900, applied: true }))
  expect((await bob.call('folder/create', { foldername: 'x' })).status).toBe(900)
  expect(emulator.account().folders.length).toBe(1)
})

it('content-type, patch and truncate: answers that are not quite answers', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  for (const value of ['text/xml', 'application/json; charset=utf-8']) {
    emulator.faults.add(once('user/get_info', { kind: 'content-type', value }))
    expect((await bob.call('user/get_info')).headers.get('content-type')).toBe(value)
  }
  const set = { 'folder_content.more_chunks': 'yes', 'folder_content.folders': '', 'no.such.thing': 1, result: null }
  emulator.faults.add(once('folder/get_content', { kind: 'patch', set }))
  const { response } = await bob.call('folder/get_content')
  expect(response['folder_content']).toMatchObject({ more_chunks: 'yes', folders: '' })
  expect(response).not.toHaveProperty('result')
  emulator.faults.add(once('user/get_info', { kind: 'truncate', bytes: 20, clean: true }))
  await expect(bob.call('user/get_info')).rejects.toThrow(SyntaxError)
  emulator.faults.add(once('user/get_info', { kind: 'truncate', bytes: 20 }))
  await expect(bob.call('user/get_info')).rejects.toThrow('terminated')
})

it('lose-unit, a wrong bitmap, and polls that say something else', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const content = Buffer.alloc(100, 1)
  const hash = sha256(content)
  const check = { filename: 'a', size: '100', hash, resumable: 'yes' }
  await bob.ok('upload/check', check)
  const headers = { 'x-filesize': '100', 'x-filehash': hash, 'x-unit-id': '0', 'x-unit-hash': hash }
  emulator.faults.add(once('upload/resumable', { kind: 'lose-unit' }))
  const lost = await bob.ok('upload/resumable', {}, { body: content, headers })
  expect(lost).toMatchObject({ doupload: { result: '0' }, resumable_upload: { all_units_ready: 'no' } })
  const key = textOf(lost['doupload']?.['key'])
  expect((await bob.ok('upload/poll_upload', { key }))['doupload']?.['status']).toBe('17')
  emulator.faults.add(once('upload/check', { kind: 'patch', set: { 'resumable_upload.bitmap.words': ['1'] } }))
  expect((await bob.ok('upload/check', check))['resumable_upload']?.['bitmap']?.['words']).toEqual(['1'])
  expect((await bob.ok('upload/check', check))['resumable_upload']?.['bitmap']?.['words']).toEqual(['0'])
  await bob.ok('upload/resumable', {}, { body: content, headers })
  emulator.faults.add(once('upload/poll_upload', { kind: 'poll', result: '-20' }, { times: 2 }))
  emulator.faults.add(once('upload/poll_upload', { kind: 'poll', status: '17' }, { nth: 3 }))
  const polls: unknown[] = []
  for (let n = 0; n < 4; n++) {
    const { doupload } = await bob.ok('upload/poll_upload', { key })
    polls.push([doupload?.['result'], doupload?.['status'], doupload?.['quickkey'] !== undefined])
  }
  expect(polls).toEqual([
    ['-20', '99', true],
    ['-20', '99', true],
    ['0', '17', false],
    ['0', '99', true],
  ])
})

it('duplicate: the same request twice', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  emulator.faults.add(once('folder/create', { kind: 'duplicate' }))
  const answer = await bob.ok('folder/create', { foldername: 'a', action_on_duplicate: 'keep' })
  expect(answer['name']).toBe('a(1)')
  expect(emulator.account().folders.map((folder) => folder.path)).toEqual(['/a', '/a(1)'])
})

it('downloads: cut, corrupt, slow, stalled, elsewhere, and expired', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const content = Buffer.alloc(3_000_000, 'abcdefgh')
  const key = await bob.put('a.bin', content)
  const get = async (fault: Fault): Promise<Buffer> => {
    emulator.faults.add(once('download', fault))
    return Buffer.from(await (await bob.get(key)).arrayBuffer())
  }
  await expect(get({ kind: 'truncate', bytes: 1_500_000 })).rejects.toThrow('terminated')
  expect((await get({ kind: 'truncate', bytes: 1000, clean: true })).length).toBe(1000)
  const corrupt = await get({ kind: 'corrupt' })
  expect([corrupt.length, sha256(corrupt) === sha256(content)]).toEqual([content.length, false])
  expect((await get({ kind: 'slow', bytesPerSecond: 20_000_000 })).equals(content)).toBe(true)
  expect((await get({ kind: 'stall', when: 'during', bytes: 1_200_000, ms: 10 })).equals(content)).toBe(true)
  expect((await get({ kind: 'redirect' })).equals(content)).toBe(true)
  emulator.faults.add(once('download', { kind: 'redirect', to: 'http://example.com/' }))
  const { links } = await bob.ok('file/get_links', { quick_key: key, link_type: 'direct_download' })
  const url = textOf(items(links)[0]?.['direct_download'])
  expect((await fetch(url, { redirect: 'manual' })).headers.get('location')).toBe('http://example.com/')
  for (const status of [410, undefined]) {
    emulator.faults.add(
      once('download', status === undefined ? { kind: 'expired-link' } : { kind: 'expired-link', status }),
    )
    const gone = await bob.get(key)
    expect([gone.status, gone.headers.get('content-type')]).toEqual([status ?? 200, 'text/html; charset=UTF-8'])
  }
  const one = new URL((await fetch(url)).url)
  expect(one.hostname).toBe('127.0.0.1')
})

it('stall: nothing comes, until the caller goes', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  for (const when of ['before', 'after'] as const) {
    emulator.faults.add(once('folder/create', { kind: 'stall', when }))
    const url = `${emulator.url}/api/1.5/folder/create.php?foldername=${when}&session_token=${bob.token}`
    const asked = request(url)
    asked.on('error', () => undefined)
    asked.end()
    // A call of another kind goes on meanwhile.
    for (;;) {
      await bob.ok('user/get_info')
      if (emulator.faults.list().every((count) => count.done === 1)) break
    }
    asked.destroy()
  }
  expect(emulator.account().folders.map((folder) => folder.path)).toEqual(['/after'])
  emulator.faults.add(once('user/get_info', { kind: 'stall', when: 'before', ms: 5 }))
  await bob.ok('user/get_info')
})

it('chance decides as it is told, and when looks at parameters and heads', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  emulator.faults.add({ call: 'user/*', fault: { kind: 'error', code: 261 }, chance: 0.5 })
  let failed = 0
  for (let n = 0; n < 100; n++) failed += (await bob.call('user/get_info')).response['error'] === undefined ? 0 : 1
  // Less likely than 1 in 10^9 otherwise.
  expect(failed).toBeGreaterThan(19)
  expect(failed).toBeLessThan(81)
  emulator.faults.clear()
  emulator.faults.add({ call: '*', fault: { kind: 'error', code: 163 }, when: { foldername: 'b' } })
  expect((await bob.call('folder/create', { foldername: 'a' })).response['error']).toBeUndefined()
  expect((await bob.call('folder/create', { foldername: 'b' })).response['error']).toBe(163)
})

it('lags: new files are missing for a while, from listings and from get_info', async () => {
  const emulator = await emulate({ settings: { profile: 'instant', listLagMs: 5000, infoLagMs: 2000 } })
  const bob = await login(emulator)
  const key = await bob.put('a.txt', 'hello')
  const seen = async (): Promise<unknown> => {
    const { folder_content } = await bob.ok('folder/get_content', { content_type: 'files' })
    return [
      items(folder_content?.['files']).length,
      (await bob.call('file/get_info', { quick_key: key })).response['error'],
    ]
  }
  expect(await seen()).toEqual([0, 110])
  emulator.clock.advance(2000)
  expect(await seen()).toEqual([0, undefined])
  emulator.clock.advance(3000)
  expect(await seen()).toEqual([1, undefined])
})

it('jobs in the background: asynchronous yes, 208 for others, and an end', async () => {
  const emulator = await emulate({ settings: { asyncMs: 5000 } })
  const bob = await login(emulator)
  const { folder_key } = await bob.ok('folder/create', { foldername: 'a' })
  const deleted = await bob.ok('folder/purge', { folder_key: textOf(folder_key) })
  expect(deleted['asynchronous']).toBe('yes')
  expect((await bob.ok('device/get_status'))['async_jobs_in_progress']).toBe('yes')
  expect((await bob.call('folder/create', { foldername: 'b' })).response['error']).toBe(208)
  expect(emulator.account().folders.length).toBe(1)
  emulator.clock.advance(5000)
  expect((await bob.ok('device/get_status'))['async_jobs_in_progress']).toBe('no')
  expect(emulator.account().folders).toEqual([])
  expect((await bob.call('folder/get_info', { folder_key: textOf(folder_key) })).response['error']).toBe(112)
})

it('old data: two files of one name, an MD5 for a hash, keys of digits', async () => {
  const emulator = await emulate({ settings: { profile: 'instant', numericKeys: true } })
  const bob = await login(emulator)
  const key = await bob.put('a.txt', 'hello')
  expect(key).toMatch(/^\d{15}$/)
  const twin = emulator.duplicateFile(key)
  await emulator.ageFile(twin)
  const { folder_content } = await bob.ok('folder/get_content', { content_type: 'files' })
  const files = items(folder_content?.['files'])
  expect(files.map((file) => file['filename'])).toEqual(['a.txt', 'a.txt'])
  // Judge: md5sum of "hello".
  expect(files.map((file) => textOf(file['hash'])).sort()).toEqual(
    [sha256('hello'), '5d41402abc4b2a76b9719d911017c592'].sort(),
  )
})

it('a folder of more than 1000 files cannot be deleted at once', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const { folder_key } = await bob.ok('folder/create', { foldername: 'a' })
  for (const name of ['a', 'b', 'c', 'd']) {
    const keys = Array(300).fill(await bob.put(name, 'x'))
    await bob.ok('file/copy', { quick_key: keys.join(','), folder_key: textOf(folder_key) })
  }
  expect((await bob.call('folder/delete', { folder_key: textOf(folder_key) })).response['error']).toBe(242)
})

it('rules and settings that are none are refused, in a sentence', async () => {
  const emulator = await emulate()
  const wrong: [unknown, RegExp][] = [
    [{ call: '*' }, /no fault of kind "undefined"/],
    [{ call: '*', fault: { kind: 'toString' } }, /no fault of kind "toString"/],
    [{ call: '*', fault: { kind: 'drop' } }, /"drop" needs "when"/],
    [{ call: '*', fault: { kind: 'drop', when: 'during' } }, /one of before, after/],
    [{ call: '*', fault: { kind: 'error', code: -1 } }, /not a whole number/],
    [{ call: '*', fault: { kind: 'status', status: 99 } }, /from 200 to 999/],
    [{ call: '*', fault: { kind: 'corrupt', what: 1 } }, /"corrupt" has no "what"/],
    [{ call: '*', fault: { kind: 'corrupt' }, nth: 0 }, /whole numbers from 1/],
    [{ call: '*', fault: { kind: 'corrupt' }, chance: 2 }, /from 0 to 1/],
    [{ call: '*', fault: { kind: 'corrupt' }, wehn: {} }, /no "wehn"/],
  ]
  for (const [rule, words] of wrong) {
    const add = (): unknown => emulator.faults.add(rule as FaultRule)
    expect(add).toThrow(words)
    expect(add).toThrow(expect.objectContaining({ code: 'bad-option' }))
  }
  expect(() => emulator.set({ profile: 'newest' as never })).toThrow(/Cannot set "profile"/)
  expect(() => emulator.set(JSON.parse('{"__proto__": 1}') as object)).toThrow(/Cannot set "__proto__"/)
  expect(emulator.faults.list()).toEqual([])
})
