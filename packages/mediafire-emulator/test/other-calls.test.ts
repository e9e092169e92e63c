// The calls and settings beside the checklist. Judge: what is written down of the service.
import { expect, it } from 'vitest'
import { startEmulator } from '../src/index.ts'
import { tempDir } from '@coalmine/fixtures'
import { email, emulate, items, login, loginParams, password, send, sha256, textOf, type Tree } from './caller.ts'

it('folder/copy and folder/move take all that is inside, and refuse what cannot be', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const made = async (foldername: string, parent_key: unknown = 'myfiles'): Promise<string> =>
    textOf((await bob.ok('folder/create', { foldername, parent_key: textOf(parent_key) }))['folder_key'])
  const a = await made('a')
  const inner = await made('inner', a)
  await bob.put('x.txt', 'x', { folder_key: inner })
  const b = await made('b')
  const copied = await bob.ok('folder/copy', { folder_key_src: a, folder_key_dst: b })
  expect(items(copied['new_folderkeys']).length).toBe(1)
  expect((await bob.call('folder/move', { folder_key_src: a, folder_key_dst: inner })).response['error']).toBe(115)
  expect((await bob.call('folder/copy', { folder_key_src: a, folder_key_dst: a })).response['error']).toBe(115)
  expect((await bob.call('folder/move', { folder_key_src: 'none' })).response['error']).toBe(112)
  expect((await bob.call('folder/move', {})).response['error']).toBe(113)
  expect((await bob.ok('folder/move', { folder_key_src: a, folder_key_dst: b }))['new_names']).toEqual(['a(1)'])
  expect(emulator.account().files.map((file) => file.path)).toEqual(['/b/a(1)/inner/x.txt', '/b/a/inner/x.txt'])
  const { folder_depth: depth } = await bob.ok('folder/get_depth', { folder_key: inner })
  expect(items(depth?.['chain_folders']).map((folder) => textOf(folder['name']))).toEqual([
    'inner',
    'a(1)',
    'b',
    'myfiles',
  ])
  const { siblings } = await bob.ok('folder/get_siblings', { folder_key: a })
  expect(items(siblings).map((folder) => textOf(folder['name']))).toEqual(['a'])
  const found = await bob.ok('folder/search', { search_text: 'X.T' })
  expect([found['results_count'], items(found['results'])[0]?.['parent_name']]).toEqual(['2', 'inner'])
  const details = await bob.ok('folder/get_info', { folder_path: '/b', details: 'yes' })
  expect(details['folder_info']).toMatchObject({ total_files: '2', total_folders: '4', total_size: '2' })
  expect((await bob.ok('folder/get_info', { folder_key: `${a},${b}` }))['folder_infos']).toHaveLength(2)
})

it('file/copy, move, update_file, recently_modified and create', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const { folder_key } = await bob.ok('folder/create', { foldername: 'd' })
  const folder = { folder_key: textOf(folder_key) }
  const one = await bob.put('one.txt', '1')
  const two = await bob.put('two.txt', '22')
  const { new_quickkeys: keys } = await bob.ok('file/copy', { quick_key: `${one},${one}`, ...folder })
  expect(items(keys).length).toBe(2)
  expect((await bob.ok('file/move', { quick_key: `${one},${two}`, ...folder }))['new_names']).toEqual([
    'one(2).txt',
    'two.txt',
  ])
  const paths = (): string[] => emulator.account().files.map((file) => file.path)
  expect(paths()).toEqual(['/d/one(1).txt', '/d/one(2).txt', '/d/one.txt', '/d/two.txt'])
  await bob.ok('file/update_file', { from_quickkey: two, to_quickkey: one })
  expect(await (await bob.get(one)).text()).toBe('22')
  expect(paths()).toEqual(['/d/one(1).txt', '/d/one(2).txt', '/d/one.txt'])
  expect(items((await bob.ok('file/recently_modified', { number_of_files: '1' }))['quickkeys'])).toEqual([one])
  expect((await bob.ok('file/create', { filename: 'new.txt' }))['fileinfo']).toMatchObject({
    filename: 'new.txt',
    size: '0',
    hash: sha256(''),
  })
  expect((await bob.call('file/create', { filename: 'new.md' })).response['error']).toBe(262)
  expect((await bob.call('file/create', { filename: 'new' })).response['error']).toBe(263)
  const { updates } = await bob.ok('device/get_updates', { quick_key: one })
  expect(items(updates)).toMatchObject([{ source_hash: sha256('1'), target_hash: sha256('22') }])
  expect((await bob.call('device/get_patch', { quick_key: one })).response['error']).toBe(222)
})

it('one-time links are good once, unless they are told otherwise, and as long as they are told', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const key = await bob.put('a.txt', 'hello')
  const linkOf = async (params: Record<string, string>): Promise<string> =>
    textOf((await bob.ok('file/one_time_key', { quick_key: key, ...params }))['links']?.['download'])
  const statuses = async (url: string): Promise<number[]> => [(await fetch(url)).status, (await fetch(url)).status]
  expect(await statuses(await linkOf({}))).toEqual([200, 404])
  expect(await statuses(await linkOf({ burn_after_use: 'no' }))).toEqual([200, 200])
  const short = await linkOf({ duration: '2' })
  emulator.clock.advance(120_000)
  expect((await fetch(short)).status).toBe(404)
  const { links } = await bob.ok('file/get_links', { quick_key: key, link_type: 'one_time_download' })
  expect(await statuses(textOf(items(links)[0]?.['one_time']?.['download']))).toEqual([200, 404])
  emulator.set({ bandwidthMb: 0 })
  const none = await bob.ok('file/get_links', { quick_key: key, link_type: 'direct_download' })
  expect(none).toMatchObject({ direct_download_free_bandwidth: '0', links: [{ direct_download_error: '1' }] })
  expect(items(none['links'])[0]).not.toHaveProperty('direct_download')
})

it('links lead where the settings say', async () => {
  const emulator = await emulate({ tls: true, settings: { profile: 'instant' } })
  const bob = await login({ url: `http://127.0.0.1:${emulator.port}` })
  const key = await bob.put('a b.txt', 'hello')
  const link = async (): Promise<string> => {
    const { links } = await bob.ok('file/get_links', { quick_key: key, link_type: 'direct_download' })
    return textOf(items(links)[0]?.['direct_download'])
  }
  const end = new RegExp(String.raw`/[a-z0-9]{24}/${key}/a%20b\.txt$`)
  expect(await link()).toMatch(end)
  expect((await link()).startsWith(`https://127.0.0.1:${emulator.port}/download/`)).toBe(true)
  emulator.set({ linkScheme: 'http' })
  const plain = await link()
  expect(plain.startsWith(`http://127.0.0.1:${emulator.port}/download/`)).toBe(true)
  expect(await (await fetch(plain)).text()).toBe('hello')
  emulator.set({ linkHosts: 'mediafire' })
  expect(await link()).toMatch(/^http:\/\/download\d+\.mediafire\.com\/[a-z0-9]{24}\//)
})

it('accounts are walls: keys of one are nothing to another', async () => {
  const accounts = [
    { email, password },
    { email: 'eve@example.com', password: 'x' },
  ]
  const emulator = await emulate({ accounts, settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const eve = await login(emulator, { email: 'eve@example.com', password: 'x' })
  const { folder_key } = await bob.ok('folder/create', { foldername: 'd' })
  await bob.ok('folder/update', { folder_key: textOf(folder_key), privacy: 'private' })
  const quick_key = await bob.put('a.txt', 'hello')
  const folder = textOf(folder_key)
  const tries: [string, Record<string, string>][] = [
    ['file/get_info', { quick_key }],
    ['file/get_links', { quick_key }],
    ['file/copy', { quick_key }],
    ['file/move', { quick_key }],
    ['file/delete', { quick_key }],
    ['file/purge', { quick_key }],
    ['file/update', { quick_key, filename: 'b.txt' }],
    ['file/one_time_key', { quick_key }],
    ['folder/get_content', { folder_key: folder }],
    ['folder/create', { parent_key: folder, foldername: 'x' }],
    ['folder/move', { folder_key_src: folder }],
    ['folder/purge', { folder_key: folder }],
    ['folder/update', { folder_key: folder, foldername: 'x' }],
    ['upload/check', { folder_key: folder, filename: 'x', size: '1', hash: sha256('x') }],
    ['upload/instant', { folder_key: folder, filename: 'x', size: '5', hash: sha256('hello') }],
  ]
  for (const [name, params] of tries)
    expect([name, (await eve.call(name, params)).response['error']]).toEqual([name, 114])
  // What is public can be read, and no more than that.
  await bob.ok('folder/update', { folder_key: folder, privacy: 'public' })
  const own = textOf((await eve.ok('folder/create', { foldername: 'own' }))['folder_key'])
  await eve.ok('folder/get_content', { folder_key: folder })
  const writes: [string, Record<string, string>][] = [
    ['folder/create', { parent_key: folder, foldername: 'x' }],
    ['folder/copy', { folder_key_src: own, folder_key_dst: folder }],
    ['folder/move', { folder_key_src: own, folder_key_dst: folder }],
    ['file/create', { parent_key: folder, filename: 'x.txt' }],
    ['file/copy', { quick_key, folder_key: folder }],
    ['upload/check', { folder_key: folder, filename: 'x', size: '1', hash: sha256('x') }],
  ]
  for (const [name, params] of writes) {
    expect([name, (await eve.call(name, params)).response['error']]).toEqual([name, 114])
  }
  const replaced = await eve.call('upload/simple', { quick_key }, { body: 'mine', headers: { 'x-filename': 'x' } })
  expect(replaced.response).toMatchObject({ error: 110, doupload: { result: '-203' } })
  expect(emulator.account('eve@example.com').files).toEqual([])
  expect(emulator.account().files.length).toBe(1)
})

it('version 2 tokens end after a time or a number of calls, when they are told to', async () => {
  const emulator = await emulate({ settings: { v2MaxCalls: 1, v2LifetimeMs: 5000 } })
  const { response } = await send(emulator.url, 'user/get_session_token', loginParams({ token_version: '2' }))
  const params = { session_token: textOf(response['session_token']) }
  expect((await send(emulator.url, 'user/get_info', params)).response['error']).toBe(127)
  emulator.clock.advance(5000)
  expect((await send(emulator.url, 'user/get_info', params)).response['error']).toBe(105)
})

it('applications may have keys, and names may be the same whatever their case', async () => {
  const emulator = await emulate({ apps: { '77': 'key' }, settings: { foldCase: true, minChunkSize: 1 } })
  const asked = async (params: Record<string, string>): Promise<unknown> =>
    (await send(emulator.url, 'user/get_session_token', params)).response['error'] ?? 0
  expect(await asked(loginParams({ application_id: '77' }))).toBe(127)
  expect(await asked(loginParams())).toBe(0)
  const bob = await login(emulator)
  const first = await bob.ok('folder/create', { foldername: 'Dir' })
  expect((await bob.ok('folder/create', { foldername: 'dIR' }))['folder_key']).toEqual(first['folder_key'])
  await bob.ok('folder/create', { foldername: 'other' })
  const { folder_content } = await bob.ok('folder/get_content', { chunk_size: '1' })
  expect(folder_content).toMatchObject({ chunk_size: '1', more_chunks: 'yes', folders: [{ name: 'Dir' }] })
  expect((await bob.ok('folder/get_info', { folder_path: '/DIR' }))['folder_info']?.['name']).toBe('Dir')
})

it('what is kept is there after a restart: the tree, the clock, and whether a password has changed', async () => {
  const dataDir = await tempDir('mfagain')
  const first = await startEmulator({ dataDir, accounts: [{ email, password }], settings: { profile: 'instant' } })
  const bob = await login(first)
  await bob.put('a.txt', 'hello')
  await bob.put('a.txt', 'hello, world', { action_on_duplicate: 'replace' })
  first.clock.advance(1_000_000_000)
  const view = first.account()
  const pkeyOf = async (base: string, params: Record<string, string> = {}): Promise<Tree> =>
    (await send(base, 'user/get_session_token', loginParams(params))).response
  const old = await pkeyOf(first.url)
  await first.stop()
  const second = await emulate({ dataDir })
  expect(second.account()).toEqual(view)
  expect(second.clock.offsetMs).toBe(1_000_000_000)
  const same = await pkeyOf(second.url)
  expect([same['pkey'], same['ekey']]).toEqual([old['pkey'], old['ekey']])
  expect((await bob.call('user/get_info').catch(() => undefined))?.status).toBeUndefined()
  await second.stop()
  const third = await emulate({ dataDir, accounts: [{ email, password: 'another' }] })
  const changed = await pkeyOf(third.url, { password: 'another' })
  expect(changed['ekey']).toEqual(old['ekey'])
  expect(changed['pkey']).not.toEqual(old['pkey'])
})

it('what is no account, no folder of its own, and no name of this machine is refused', async () => {
  const dataDir = await tempDir('mfwrong')
  const accounts = [{ email, password }]
  const refused = (options: object, words: RegExp): Promise<void> =>
    expect(startEmulator({ dataDir, accounts, ...options })).rejects.toThrow(words)
  await refused({ accounts: [] }, /there is no account/)
  await refused({ accounts: [{ email: 'x', password: 'y' }] }, /not an e-mail address/)
  await refused({ accounts: [{ email, password: '' }] }, /its password is empty/)
  await refused({ accounts: [...accounts, ...accounts] }, /named twice/)
  await refused({ host: '0.0.0.0' }, /not a name of this machine alone/)
  await refused({ tls: { key: 'x', cert: 'y' } }, /not PEM/)
  await refused({ faults: [{ call: '*', fault: { kind: 'x' } }] }, /no fault of kind "x"/)
  const emulator = await emulate({ dataDir })
  const other = await tempDir('mfother')
  await expect(startEmulator({ dataDir: other, accounts, port: emulator.port })).rejects.toMatchObject({
    code: 'cannot-listen',
  })
  // Whatever was refused has let go of its folder.
  await (await startEmulator({ dataDir: other, accounts })).stop()
})
