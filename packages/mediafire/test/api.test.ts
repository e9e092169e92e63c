import { collect } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { DeviceApi } from '../src/lib/api-device.ts'
import { FileApi } from '../src/lib/api-file.ts'
import { FolderApi } from '../src/lib/api-folder.ts'
import { SystemApi } from '../src/lib/api-system.ts'
import { UserApi } from '../src/lib/api-user.ts'
import { passwordAuth } from '../src/lib/password-auth.ts'
import { tokenAuth } from '../src/lib/token-auth.ts'
import { callerOf, failureOf } from './harness.ts'
import { failure, type Reply, type Seen, serve, success } from './scripted-server.ts'

// The answers below are those of the SDKs' fixtures and of the documentation, as the facts record them.

async function api(script: (seen: Seen) => Reply) {
  const server = await serve(script)
  const { caller, clock } = callerOf(server, { auth: tokenAuth({ token: 'the-session-token' }) })
  return {
    server,
    clock,
    user: new UserApi(caller),
    folder: new FolderApi(caller),
    file: new FileApi(caller),
    device: new DeviceApi(caller),
    system: new SystemApi(caller),
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

describe('user', () => {
  it('getInfo() reads the documented answer', async () => {
    const user_info = {
      ekey: 'abcdefghijklmnop',
      email: 'bob@example.com',
      first_name: 'bob',
      display_name: 'bobtom',
      gender: 'Prefer not to answer',
      birth_date: '1983-05-08',
      location: '',
      premium: 'no',
      bandwidth: '1190676917602',
      created: '2013-06-26',
      validated: 'yes',
      tos_accepted: '0.14',
      used_storage_size: '466138562',
      base_storage: '10739515392',
      bonus_storage: '10737418240',
      storage_limit: '21476933632',
      storage_limit_exceeded: 'no',
      facebook: { linked: 'no' },
      one_time_key_request_max_count: '10',
    }
    const { user } = await api(({ action }) => success(action, { user_info }))
    expect(await user.getInfo()).toMatchObject({
      ekey: 'abcdefghijklmnop',
      location: undefined,
      premium: false,
      validated: true,
      termsAccepted: '0.14',
      usedStorage: 466_138_562,
      storageLimit: 21_476_933_632,
      storageLimitExceeded: false,
      created: new Date('2013-06-26T05:00:00Z'),
      oneTimeKeyRequestMaxCount: 10,
    })
  })

  it('the other questions, and the terms of service', async () => {
    const { user, server } = await api(({ action }) => {
      const answers: Record<string, object> = {
        'user/get_limits': { limits: { storage_limit: '5', upload_size_limit: '21474836580' } },
        'user/get_settings': {
          settings: { validated: 'Yes', auto_bandwidth: { enabled: 'no' }, share_link_status: 'inherit' },
        },
        'user/fetch_tos': {
          terms_of_service: { revision: '1.4', user_accepted_terms: 'no', acceptance_token: 'yes-i-do' },
        },
        'user/register': { email: 'a@b.c', created: '2026-01-05 10:11:12' },
      }
      return action === 'user/get_avatar' ? failure(action, 230) : success(action, answers[action])
    })
    expect(await user.getLimits()).toMatchObject({ storageLimit: 5, uploadSizeLimit: 21_474_836_580 })
    expect(await user.getSettings()).toMatchObject({
      validated: true,
      autoBandwidth: false,
      shareLinkStatus: 'inherit',
    })
    expect(await user.getAvatar()).toBeUndefined()
    const { accepted, acceptanceToken } = await user.fetchTerms()
    expect([accepted, acceptanceToken]).toEqual([false, 'yes-i-do'])
    await user.acceptTerms('yes-i-do')
    expect(server.seen.at(-1)!.params).toMatchObject({ acceptance_token: 'yes-i-do' })
    await user.setSettings({ collectMetadata: false })
    expect(server.seen.at(-1)!.params).toMatchObject({ collect_metadata: 'no' })
    await user.update({ display_name: 'Bob' })
    await user.setAvatar()
    expect((await user.register({ email: 'a@b.c', password: 'pass word' })).created).toEqual(
      new Date('2026-01-05T16:11:12Z'),
    )
    expect(server.seen.at(-1)!.params).toMatchObject({ application_id: '42511', password: 'pass word' })
    expect(server.seen.at(-1)!.params['session_token']).toBeUndefined()
  })
})

describe('folder', () => {
  const root = {
    folderkey: 'myfiles',
    name: 'myfiles',
    file_count: '13',
    folder_count: '6',
    revision: '272536',
    flag: '2',
  }
  const docs = {
    folderkey: 'x9iqvxkb9hzg1',
    name: 'docs',
    description: '',
    created: '2026-01-05 10:11:12',
    created_utc: '2026-01-05T16:11:12Z',
    privacy: 'public',
    file_count: '3',
    folder_count: '1',
    revision: '101',
    dropbox_enabled: 'no',
    parent_folderkey: 'myfiles',
    shared_by_user: '',
    permissions: { value: '4', explicit: '1', read: '1', write: '1' },
  }

  it('getInfo() reads the root, another folder, and either spelling of the answer', async () => {
    const { folder, server } = await api(({ action, params }) =>
      params['folder_key'] === 'myfiles'
        ? success(action, { folder_info: root })
        : success(action, params['details'] === 'yes' ? { folder_infos: [docs] } : { folder_info: docs }),
    )
    const atTop = await folder.getInfo()
    expect(atTop).toMatchObject({ key: 'myfiles', fileCount: 13, revision: 272_536, permissions: {} })
    expect([atTop.parentKey, atTop.created, atTop.isPrivate]).toEqual([undefined, undefined, undefined])
    for (const details of [true, undefined]) {
      expect(await folder.getInfo('x9iqvxkb9hzg1', { details })).toMatchObject({
        name: 'docs',
        description: undefined,
        isPrivate: false,
        created: new Date('2026-01-05T16:11:12Z'),
        filedropEnabled: false,
        sharedByUser: undefined,
        permissions: { value: 4, explicit: true, read: true, write: true },
      })
    }
    await folder.getInfo({ path: 'Some/Folder' })
    expect(server.seen.at(-1)!.params).toMatchObject({ folder_path: 'Some/Folder' })
    await expect(async () => folder.getInfo('a,b')).rejects.toThrow(TypeError)
  })

  /** Pages of a folder of `names`, as `folder/get_content` gives them. */
  const page = (
    params: Record<string, string>,
    names: string[],
    more: Partial<Record<string, string>> = {},
  ): object => {
    const size = Number(params['chunk_size'])
    const at = (Number(params['chunk']) - 1) * size
    const files = names
      .slice(at, at + size)
      .map((name) => ({ quickkey: `key${name}`, filename: name, hash: sha256, size: '5' }))
    const more_chunks = at + size < names.length ? 'yes' : 'no'
    return { folder_content: { chunk_size: String(size), files, more_chunks, revision: '102', ...more } }
  }
  const many = Array.from({ length: 2500 }, (_, i) => String(i).padStart(4, '0'))

  it('files() reads all pages, each file once', async () => {
    const { folder, server } = await api(({ action, params }) => success(action, page(params, many)))
    const files = await all(folder.files('x9iqvxkb9hzg1'))
    expect(files.map(({ name }) => name)).toEqual(many)
    expect(files[0]).toMatchObject({ key: 'key0000', size: 5, sha256, parentKey: 'x9iqvxkb9hzg1' })
    expect(server.seen.map(({ params }) => [params['chunk'], params['chunk_size'], params['content_type']])).toEqual([
      ['1', '1000', 'files'],
      ['2', '1000', 'files'],
      ['3', '1000', 'files'],
    ])
  })

  it('files() is not misled by a stale more_chunks', async () => {
    const ends = await api(({ action, params }) => success(action, page(params, many, { more_chunks: 'no' })))
    expect(await all(ends.folder.files('x9'))).toHaveLength(2500)
    const never = await api(({ action, params }) => success(action, page(params, many, { more_chunks: 'yes' })))
    expect(await all(never.folder.files('x9'))).toHaveLength(2500)
    const old = await api(({ action, params }) => success(action, page(params, many, { more_chunks: undefined })))
    expect(await all(old.folder.files('x9'))).toHaveLength(2500)
  })

  it('files() ends where a server says the same page for ever', async () => {
    const { folder, server } = await api(({ action, params }) => {
      return success(action, page({ ...params, chunk: '1' }, many.slice(0, 3), { more_chunks: 'yes' }))
    })
    expect(await all(folder.files('x9'))).toHaveLength(3)
    expect(server.seen).toHaveLength(2)
  })

  it('files() begins again when the folder changes between pages, and misses nothing', async () => {
    const { folder } = await api(({ action, params, nth }) => {
      // After the first page its first file is deleted: what was 1000th is in the first page now.
      const revision = nth === 0 ? '102' : '103'
      return success(action, page(params, nth === 0 ? many : many.slice(1), { revision }))
    })
    const names = (await all(folder.files('x9'))).map(({ name }) => name)
    expect(new Set(names)).toEqual(new Set(many))
    expect(names).toHaveLength(2500)
    const restless = await api(({ action, params, nth }) =>
      success(action, page(params, many, { revision: String(nth) })),
    )
    expect((await failureOf(all(restless.folder.files('x9')))).message).toBe(
      'Cannot list the files of "x9": the folder changed while it was read, 5 times',
    )
  })

  it('folders() of an empty folder, whatever an empty list is made of', async () => {
    for (const folders of [[], '', undefined]) {
      const { folder } = await api(({ action }) => success(action, { folder_content: { folders, more_chunks: 'no' } }))
      expect(await all(folder.folders())).toEqual([])
    }
    const { folder } = await api(({ action }) => success(action, { folder_content: '' }))
    expect(await all(folder.folders())).toEqual([])
  })

  it('create() reads the key under either name', async () => {
    const { folder, server } = await api(({ action, nth }) =>
      success(action, { [nth === 0 ? 'folder_key' : 'folderkey']: 'new1', name: 'a', new_device_revision: 7 }),
    )
    expect(await folder.create('a')).toMatchObject({ key: 'new1', name: 'a', deviceRevision: 7, asynchronous: false })
    expect(server.seen[0]!.params).toMatchObject({
      foldername: 'a',
      parent_key: 'myfiles',
      action_on_duplicate: 'skip',
    })
    expect((await folder.create('a', { parent: 'x9', onDuplicate: 'keep' })).key).toBe('new1')
  })

  it('copy(), move(), delete(), purge() and update() send what the service spells that way', async () => {
    const { folder, server } = await api(({ action, nth }) => {
      if (action === 'folder/delete' && nth === 0) return failure(action, 209)
      if (action === 'folder/update') return failure(action, 238)
      return success(action, {
        new_folderkeys: ['n1', 'n2'],
        new_names: ['a'],
        asynchronous: 'yes',
        new_device_revision: '9',
      })
    })
    expect(await folder.copy(['a1', 'a2'], 'b1')).toEqual({
      newKeys: ['n1', 'n2'],
      skippedCount: 0,
      deviceRevision: 9,
      asynchronous: true,
    })
    expect(server.seen.at(-1)!.params).toMatchObject({ folder_key_src: 'a1,a2', folder_key_dst: 'b1' })
    expect((await folder.move('a1', 'b1')).newNames).toEqual(['a'])
    expect(await folder.delete('a1')).toEqual({ asynchronous: false })
    expect((await folder.delete('a1')).asynchronous).toBe(true)
    await folder.purge(['a1'])
    expect(await folder.update('a1', { isPrivate: true, recursive: true, name: 'x' })).toEqual({ asynchronous: false })
    expect(server.seen.at(-1)!.params).toMatchObject({ privacy: 'private', privacy_recursive: 'yes', foldername: 'x' })
  })

  it('search(), getDepth(), getSiblings() and the filedrop', async () => {
    const { folder, server } = await api(({ action }) =>
      success(action, {
        results_count: '2',
        results: [
          { type: 'file', quickkey: 'q1', filename: 'a', relevancy: '1.5', parent_name: 'p' },
          { type: 'folder', folderkey: 'f1', name: 'b' },
        ],
        folder_depth: {
          depth: '2',
          chain_folders: [
            { folderkey: 'f1', name: 'b' },
            { folderkey: 'myfiles', name: '' },
          ],
        },
        siblings: [
          { quickkey: 'q1', filename: 'a' },
          { folderkey: 'f1', name: 'b' },
        ],
      }),
    )
    const { count, results } = await folder.search('a', { everywhere: true })
    expect([count, results[0]!.file!.key, results[0]!.relevancy, results[1]!.folder!.key]).toEqual([2, 'q1', 1.5, 'f1'])
    expect((await folder.getDepth('f1')).chain.map(({ key }) => key)).toEqual(['f1', 'myfiles'])
    expect((await folder.getSiblings('f1')).map(({ key }) => key)).toEqual(['q1', 'f1'])
    await folder.configureFiledrop('f1', { enable: true })
    expect(server.seen.at(-1)!.params).toMatchObject({ enable: 'yes', folder_key: 'f1' })
  })
})

describe('file', () => {
  const info = {
    quickkey: '123456789012345',
    filename: 'IMG.jpeg',
    ready: 'yes',
    created: '2015-08-03 06:46:23',
    created_utc: '2015-08-03T11:46:23Z',
    size: '96990',
    privacy: 'private',
    password_protected: 'no',
    hash: sha256.toUpperCase(),
    mimetype: 'image/jpeg',
    revision: '0',
    view: '2',
    links: { view: 'http://www.mediafire.com/view/x', normal_download: 'http://www.mediafire.com/download/x' },
  }

  it('getInfo() reads the documented answer, keeps a key of digits, and tells the hashes apart', async () => {
    const { file } = await api(({ action, params }) =>
      success(action, {
        file_info: { ...info, hash: params['quick_key'] === 'old' ? sha256.slice(0, 32) : info.hash },
      }),
    )
    expect(await file.getInfo('123456789012345')).toMatchObject({
      key: '123456789012345',
      name: 'IMG.jpeg',
      size: 96_990,
      sha256,
      md5: undefined,
      ready: true,
      isPrivate: true,
      revision: 0,
      parentKey: undefined,
      links: { view: 'http://www.mediafire.com/view/x', directDownload: undefined },
    })
    expect(await file.getInfo('old')).toMatchObject({ sha256: undefined, md5: sha256.slice(0, 32) })
  })

  it('getInfos() asks in groups of 500 and tells what is missing', async () => {
    const { file, server } = await api(({ action, params }) => {
      const keys = params['quick_key']!.split(',').filter((key) => key !== 'gone')
      if (keys.length === 0) return failure(action, 110)
      return success(action, { file_infos: keys.map((quickkey) => ({ ...info, quickkey })) })
    })
    const keys = Array.from({ length: 1000 }, (_, i) => `k${i}`)
    const { files, missing } = await file.getInfos([...keys, 'gone'])
    expect([files.map(({ key }) => key), missing]).toEqual([keys, ['gone']])
    expect(server.seen.map(({ params }) => params['quick_key']!.split(',').length)).toEqual([500, 500, 1])
  })

  it('getLinks() gives what there is and why not', async () => {
    const { file, server } = await api(({ action }) =>
      success(action, {
        links: [
          { quickkey: 'q1', direct_download: 'http://download1.mediafire.com/x/q1/a.txt' },
          { quickkey: 'q2', direct_download_error: '1', direct_download_error_message: 'no bandwidth' },
        ],
        direct_download_free_bandwidth: '51200',
      }),
    )
    const { links, directDownloadFreeBandwidth } = await file.getLinks(['q1', 'q2'], {
      types: ['direct_download', 'view'],
    })
    expect(directDownloadFreeBandwidth).toBe(51_200)
    expect(links[0]).toMatchObject({ key: 'q1', directDownload: 'http://download1.mediafire.com/x/q1/a.txt' })
    expect(links[1]).toMatchObject({ key: 'q2', directDownloadError: 'no bandwidth' })
    expect(server.seen[0]!.params).toMatchObject({ quick_key: 'q1,q2', link_type: 'direct_download,view' })
  })

  it('what changes files', async () => {
    const { file, server } = await api(({ action }) =>
      success(action, {
        new_quickkeys: ['n1'],
        skipped_count: '1',
        fileinfo: { ...info, filename: 'a.txt' },
        file_versions: [{ revision: '5', date: '2026-01-05 10:11:12', head: 'yes' }],
        quickkeys: ['q1'],
        token: 'tok',
        links: { download: 'https://x', view: 'https://y' },
        one_time_key_request_count: '1',
        new_device_revision: 3,
      }),
    )
    expect(await file.copy('q1', 'f1')).toMatchObject({ newKeys: ['n1'], skippedCount: 1 })
    await file.move(['q1', 'q2'], 'f1')
    expect(server.seen.at(-1)!.params).toMatchObject({ quick_key: 'q1,q2', folder_key: 'f1' })
    await file.update('q1', { name: 'b.txt', mtime: new Date('2026-01-05T10:11:12.5Z'), truncate: true })
    expect(server.seen.at(-1)!.params).toMatchObject({
      filename: 'b.txt',
      mtime: '2026-01-05T10:11:12Z',
      truncate: 'yes',
    })
    await file.replace('q1', 'q2')
    expect(server.seen.at(-1)).toMatchObject({
      action: 'file/update_file',
      params: { from_quickkey: 'q1', to_quickkey: 'q2' },
    })
    expect((await file.createText('a.txt')).name).toBe('a.txt')
    await file.restoreVersion('q1', 5)
    expect(await file.getVersions('q1')).toEqual([
      { revision: 5, date: new Date('2026-01-05T16:11:12Z'), isHead: true },
    ])
    expect(await file.recentlyModified({ count: 3 })).toEqual(['q1'])
    expect(await file.createOneTimeKey('q1', { minutes: 5, burnAfterUse: true })).toMatchObject({
      token: 'tok',
      links: { download: 'https://x' },
      requestCount: 1,
    })
    await file.configureOneTimeKey('tok', { bindIp: '10.0.0.1' })
    expect((await file.zipInfo(['q1', 'f1'])).count('skipped_count')).toBe(1)
    expect(server.seen.at(-1)!.params).toMatchObject({ keys: 'q1,f1', meta_only: 'yes' })
  })

  it('zip() brings the content, or the reason, and another session when the first has ended', async () => {
    const content = Buffer.from('PK and more')
    const type = { 'content-type': 'application/zip' }
    const { file, server } = await api(() => ({ body: content, headers: type }))
    expect(Buffer.from(await collect(file.zip(['q1', 'f1'], { confirmDownload: true })))).toEqual(content)
    expect(server.seen[0]!.params).toMatchObject({
      keys: 'q1,f1',
      confirm_download: 'yes',
      session_token: 'the-session-token',
    })
    const refused = await api(({ action }) => failure(action, 149))
    const error = await failureOf(collect(refused.file.zip(['q1'])))
    expect([error.code, error.message]).toEqual([
      'bandwidth',
      expect.stringMatching(/^Cannot get a ZIP of "q1": not enough bandwidth/),
    ])
    const cut = await api(() => ({ body: content, headers: type, cutAfter: 3 }))
    expect((await failureOf(collect(cut.file.zip(['q1'])))).message).toMatch(
      /^Cannot get a ZIP of "q1": the answer broke off/,
    )
    const ended = await serve(({ action, params, nth }) => {
      if (action === 'user/get_session_token') return success(action, { session_token: `token-${nth}` })
      return params['session_token'] === 'token-1' ? { body: content, headers: type } : failure(action, 105)
    })
    const auth = passwordAuth({ email: 'a@b.c', password: 'secret', tokenVersion: 1 })
    const { caller } = callerOf(ended, { auth })
    expect(Buffer.from(await collect(new FileApi(caller).zip(['q1'])))).toEqual(content)
  })

  it('copies are not made twice', async () => {
    const once: ((file: FileApi) => Promise<unknown>)[] = [
      (file) => file.copy('q1', 'f1'),
      (file) => file.replace('q1', 'q2'),
      (file) => file.createOneTimeKey('q1'),
    ]
    for (const call of once) {
      const { file, server } = await api(() => ({ drop: true }))
      expect((await failureOf(call(file))).outcome).toBe('unknown')
      expect(server.seen).toHaveLength(1)
    }
  })
})

describe('device', () => {
  it('changes() goes from block to block and takes the newest of each', async () => {
    const { device, server } = await api(({ action, params }) => {
      const from = Number(params['revision'])
      const end = (Math.floor(from / 500) + 1) * 500
      return success(action, {
        device_revision: '1211',
        changes_list_block: String(end),
        updated: {
          files: [{ quickkey: 'q1', parent_folderkey: 'trash', revision: String(from + 1) }],
          folders: [{ folderkey: 'trash' }],
        },
        deleted: from === 1000 ? { files: [], folders: [{ folderkey: 'f1', revision: '1200' }] } : '',
      })
    })
    const changes = await device.changes(7)
    expect(server.seen.map(({ params }) => params['revision'])).toEqual(['7', '500', '1000'])
    expect(changes).toMatchObject({ deviceRevision: 1211, upTo: 1211 })
    expect(changes.updated).toEqual([
      { kind: 'file', key: 'q1', parentKey: 'trash', revision: 1001, created: undefined },
    ])
    expect(changes.deleted.map(({ key }) => key)).toEqual(['f1'])
  })

  it('changes() ends where the service does not go on', async () => {
    const { device } = await api(({ action }) =>
      success(action, { device_revision: '9999', changes_list_block: '500' }),
    )
    expect((await failureOf(device.changes(0))).code).toBe('malformed')
  })

  it('the trash is read from the top of the answer', async () => {
    const { device } = await api(({ action, params }) => {
      const chunk = Number(params['chunk'])
      const files = Array.from({ length: chunk < 3 ? 100 : 5 }, (_, i) => ({
        quickkey: `q${chunk}x${i}`,
        filename: 'a',
      }))
      return success(action, { folderkey: 'trash', chunk_size: '100', more_chunks: 'no', files, folders: [] })
    })
    expect(await all(device.trashedFiles())).toHaveLength(205)
    expect(await all(device.trashedFolders())).toEqual([])
  })

  it('waitForJobs() waits until none runs, and no longer than it was told', async () => {
    const { device, clock } = await api(({ action, nth }) =>
      success(action, { device_revision: '5', async_jobs_in_progress: nth < 3 ? 'yes' : 'no' }),
    )
    await device.waitForJobs()
    expect(clock.pauses).toEqual([500, 1000, 2000])
    const busy = await api(({ action }) => success(action, { async_jobs_in_progress: 'yes' }))
    expect((await failureOf(busy.device.waitForJobs({ timeoutMs: 10_000 }))).code).toBe('busy')
  })

  it('emptyTrash(), getUpdates() and getPatch()', async () => {
    const { device } = await api(({ action }) =>
      success(action, {
        asynchronous: 'yes',
        current_revision: '7',
        updates: [{ source_revision: '1', target_revision: '2', source_hash: 'a', target_hash: 'b' }],
        patch_link: 'https://x',
        patch_hash: 'c',
      }),
    )
    expect((await device.emptyTrash()).asynchronous).toBe(true)
    expect(await device.getUpdates('q1')).toMatchObject({ currentRevision: 7, updates: [{ sourceRevision: 1 }] })
    expect(await device.getPatch('q1', { source: 1, target: 2 })).toEqual({ link: 'https://x', hash: 'c' })
  })
})

it('system needs no session and reads its answers', async () => {
  const { system, server } = await api(({ action }) =>
    success(action, {
      limits: { max_keys: '500', folder_depth_limit: '130', zip_max_total_filesize: '2147483647' },
      viewable: { extensions: ['jpg'] },
      editable: { extensions: 'txt' },
      max_keys: '500',
      database: 1,
      memcache: '0',
      mime_types: [{ mimetype: 'text/plain', extension: 'txt', type: 'text' }],
    }),
  )
  expect(await system.getLimits()).toMatchObject({
    maxKeys: 500,
    folderDepthLimit: 130,
    zipMaxTotalSize: 2_147_483_647,
  })
  expect(await system.getInfo()).toMatchObject({ apiVersion: '1.5', maxKeys: 500, viewableExtensions: ['jpg'] })
  expect(await system.getStatus()).toEqual({ database: true, memcache: false, redis: undefined })
  expect(await system.getVersion()).toBe('1.5')
  expect(await system.getSupportedMedia()).toEqual(['jpg'])
  expect(await system.getEditableMedia()).toEqual(['txt'])
  expect(await system.getMimeTypes()).toEqual([{ mimeType: 'text/plain', extension: 'txt', type: 'text' }])
  expect(server.seen.every(({ params }) => params['session_token'] === undefined)).toBe(true)
})
