// Whatever is sent, the emulator answers as an API does, and its state stays what it was told. Judge: its log, which notes
// what failed inside, and a second emulator that reads the journal.
import { createRandom, tempDir } from '@coalmine/fixtures'
import { expect, it } from 'vitest'
import { startEmulator } from '../src/index.ts'
import { email, login, password, send, sha256 } from './caller.ts'

const names: Readonly<Record<string, readonly string[]>> = {
  user: [
    'get_info',
    'get_limits',
    'get_settings',
    'get_action_token',
    'renew_session_token',
    'update',
    'fetch_tos',
    'get_session_token',
  ],
  folder: [
    'get_info',
    'get_content',
    'create',
    'copy',
    'move',
    'delete',
    'purge',
    'update',
    'configure_filedrop',
    'search',
    'get_depth',
    'get_siblings',
    'get_revision',
  ],
  file: [
    'get_info',
    'get_links',
    'copy',
    'move',
    'delete',
    'purge',
    'update',
    'update_file',
    'create',
    'restore',
    'get_versions',
    'recently_modified',
    'one_time_key',
    'zip',
  ],
  upload: ['check', 'instant', 'simple', 'resumable', 'poll_upload', 'update'],
  device: ['get_status', 'get_changes', 'get_trash', 'empty_trash', 'get_updates', 'get_patch'],
}
const params = [
  'folder_key',
  'folder_path',
  'quick_key',
  'file_path',
  'parent_key',
  'parent_path',
  'folder_key_src',
  'folder_key_dst',
  'foldername',
  'filename',
  'from_quickkey',
  'to_quickkey',
  'content_type',
  'chunk',
  'chunk_size',
  'order_by',
  'details',
  'action_on_duplicate',
  'size',
  'hash',
  'resumable',
  'key',
  'path',
  'revision',
  'mtime',
  'privacy',
  'search_text',
  'type',
  'lifespan',
  'link_type',
  'filter',
  'uploadkey',
  'truncate',
  'response_format',
  'duration',
]
const words = [
  '',
  'yes',
  'no',
  '0',
  '1',
  '-1',
  '99999999999999999999',
  '1e3',
  'a',
  'a.txt',
  'b.txt',
  'a/b',
  '/',
  '..',
  '.',
  '__proto__',
  'constructor',
  'myfiles',
  'trash',
  'files',
  'keep',
  'replace',
  'upload',
  'direct_download',
  'size',
  'created',
  'private',
  'ünï ☃',
  '\u0000',
  '%',
  '%00',
  '+',
  '&',
  'a,b',
  ',',
  'x'.repeat(300),
  '2015-02-03T23:27:32Z',
  'json',
  'xml',
  'NaN',
]

it('no call fails inside, whatever it is sent', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = createRandom(seed)
  const dataDir = await tempDir('mfany')
  const accounts = [{ email, password }]
  const emulator = await startEmulator({ dataDir, accounts, settings: { profile: 'instant' } })
  const bob = await login(emulator)
  const keys: string[] = []
  const known = (): string[] => {
    const { files, folders, uploads, trash } = emulator.account()
    return [...files, ...folders, ...uploads, ...trash].map((item) => item.key)
  }
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length - 1)]!
  const one = async (): Promise<void> => {
    const [category, methods] = pick(Object.entries(names))
    const name = `${category}/${pick(methods)}`
    const sent: Record<string, string> = random.integer(0, 9) === 0 ? {} : { session_token: bob.token }
    for (let n = random.integer(0, 6); n > 0; n--) {
      const value = random.integer(0, 2) === 0 && keys.length > 0 ? pick(keys) : pick(words)
      sent[pick(params)] = random.integer(0, 9) === 0 ? sha256(value) : value
    }
    const method = pick(['GET', 'POST'] as const)
    const version = pick(['', '1.0', '1.3', '1.5'])
    const body = method === 'POST' && category === 'upload' ? { body: pick(words) } : {}
    const headers = {
      'x-filename': pick(['a.txt', 'b.txt', '', '..']),
      'x-unit-id': pick(['0', '-1', 'x']),
    }
    await send(emulator.url, name, sent, { method, version, ...body, headers: category === 'upload' ? headers : {} })
  }
  for (let round = 0; round < (process.env['COALMINE_LONG'] ? 300 : 25); round++) {
    await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(one))
    keys.splice(0, keys.length, ...known())
    // Copies of copies would soon be all there is.
    if (keys.length > 500) await bob.ok('folder/purge', { folder_key: emulator.account().folders[0]?.key ?? '' })
  }
  const failed = emulator.log.calls().filter((call) => call.note.startsWith('failed') || call.status === 500)
  expect(
    failed.map((call) => [call.call, call.note, call.params]),
    `seed ${seed}`,
  ).toEqual([])
  const view = emulator.account()
  await emulator.stop()
  const second = await startEmulator({ dataDir, accounts })
  const again = second.account()
  await second.stop()
  expect({ ...again, uploads: [] }, `seed ${seed}`).toEqual({ ...view, uploads: [] })
})
