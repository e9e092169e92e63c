import { fromBytes } from '@coalmine/bytes'
import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMediaFire, tokenAuth } from '../src/index.ts'
import { parsePath } from '../src/lib/paths.ts'
import { failureOf, testClock } from './harness.ts'
import { failure, type Reply, type Seen, serve, success } from './scripted-server.ts'

interface Thing {
  key: string
  name: string
  parent: string
  privacy?: string
}

/** Listings of a few things, as `folder/get_content` gives them; `answer` says otherwise. */
async function account(folders: Thing[], files: Thing[], answer: (seen: Seen) => Reply | undefined = () => undefined) {
  const fileOf = ({ key, name, parent, privacy }: Thing) => ({
    quickkey: key,
    filename: name,
    parent_folderkey: parent,
    privacy: privacy ?? 'public',
    size: '5',
    hash: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    delete_date: parent === 'trash' ? '2026-01-05 10:11:12' : '',
  })
  const folderOf = ({ key, name, parent, privacy }: Thing) => ({
    folderkey: key,
    name,
    parent_folderkey: parent,
    privacy: privacy ?? 'public',
    delete_date: parent === 'trash' ? '2026-01-05 10:11:12' : '',
  })
  const server = await serve((seen) => {
    const special = answer(seen)
    if (special !== undefined) return special
    const { action, params, headers, path } = seen
    const keys = (params['quick_key'] ?? params['folder_key'] ?? '').split(',')
    const isIn = ({ parent }: Thing) => parent === params['folder_key']
    if (action === 'folder/get_content') {
      const content =
        params['content_type'] === 'files'
          ? { files: files.filter(isIn).map(fileOf) }
          : { folders: folders.filter(isIn).map(folderOf) }
      return success(action, { folder_content: { ...content, more_chunks: 'no', chunk_size: params['chunk_size'] } })
    }
    if (action === 'device/get_trash') {
      const isTrashed = ({ parent }: Thing) => parent === 'trash'
      const isFiles = params['content_type'] === 'files'
      return success(
        action,
        isFiles ? { files: files.filter(isTrashed).map(fileOf) } : { folders: folders.filter(isTrashed).map(folderOf) },
      )
    }
    if (action === 'file/get_info') {
      const found = files.filter(({ key }) => keys.includes(key)).map(fileOf)
      if (found.length === 0) return failure(action, 110)
      return success(action, keys.length > 1 ? { file_infos: found } : { file_info: found[0] })
    }
    if (action === 'folder/get_info') {
      const found = folders.filter(({ key }) => keys.includes(key)).map(folderOf)
      // As a strict server would have it: one that is not known spoils the question.
      if (found.length < keys.length) return failure(action, 112)
      return success(action, keys.length > 1 ? { folder_infos: found } : { folder_info: found[0] })
    }
    const [kind, method] = action.split('/') as [string, string]
    const things = kind === 'file' ? files : folders
    if (method === 'delete') for (const one of things) if (keys.includes(one.key)) one.parent = 'trash'
    if (method === 'purge')
      for (const key of keys) things.splice(0, things.length, ...things.filter((one) => one.key !== key))
    if (method === 'update') for (const one of things) if (keys.includes(one.key)) one.privacy = params['privacy']
    if (action === 'device/empty_trash') {
      for (const some of [files, folders])
        some.splice(0, some.length, ...some.filter(({ parent }) => parent !== 'trash'))
    }
    if (action === 'folder/create') {
      const made = { key: `new${folders.length}`, name: params['foldername']!, parent: params['parent_key']! }
      folders.push(made)
      return success(action, { folder_key: made.key, name: made.name })
    }
    if (action === 'file/get_links') {
      const links = {
        normal_download: `http://${headers.host}/file/q1/a`,
        direct_download: `http://${headers.host}/dl/a`,
      }
      return success(action, { links: [{ quickkey: keys[0], ...links }] })
    }
    return path === '/dl/a' ? { body: 'hello' } : success(action, { asynchronous: 'no' })
  })
  const clock = testClock()
  const { now, sleep } = clock
  const auth = tokenAuth({ token: 'the-session-token' })
  const mediafire = createMediaFire({ baseUrl: server.url, auth, now, sleep, random: () => 0.5 })
  onTestFinished(() => mediafire.close())
  const listings = () => server.actions().filter((action) => action === 'folder/get_content').length
  return { server, mediafire, clock, folders, files, listings }
}

const tree = (): [Thing[], Thing[]] => [
  [
    { key: 'f1', name: 'a', parent: 'myfiles' },
    { key: 'f2', name: 'b', parent: 'f1' },
    { key: 'f3', name: 'a', parent: 'f2' },
    { key: 'f4', name: 'twin', parent: 'myfiles' },
    { key: 'f5', name: 'twin', parent: 'myfiles' },
    { key: 'f6', name: 'both', parent: 'myfiles' },
  ],
  [
    { key: '123456789012345', name: 'x y%20?.txt', parent: 'f3' },
    { key: 'q2', name: 'twin', parent: 'f3' },
    { key: 'q3', name: 'twin', parent: 'f3' },
    { key: 'q4', name: 'both', parent: 'myfiles' },
    { key: 'q5', name: 'Ünï', parent: 'f1' },
  ],
]

describe('paths', () => {
  it('parsePath() takes names as they are', () => {
    expect(parsePath('mf:/')).toEqual([])
    expect(parsePath('mf:/a/b c%20')).toEqual(['a', 'b c%20'])
    expect(parsePath('mf:/a/')).toEqual(['a'])
    for (const bad of [
      '',
      'mf:',
      '/a',
      'a',
      'mf:a',
      'mf://a',
      'mf:/a//b',
      'mf:/..',
      'mf:/./a',
      'mf:/a\\b',
      'mf:/a?b\n',
    ]) {
      expect(() => parsePath(bad), bad).toThrow(expect.objectContaining({ code: 'invalid' }))
    }
    const name = fc
      .stringMatching(/^[a-zA-Z0-9 %#&+.,;ä☃-]{1,20}$/)
      .filter((text) => text.trim() !== '' && !/^\.\.?$/.test(text))
    fc.assert(
      fc.property(fc.array(name, { maxLength: 6 }), (names) => {
        expect(parsePath(`mf:/${names.join('/')}`)).toEqual(names)
      }),
      { numRuns: 1000 },
    )
  })

  it('lead to keys, also where the same name comes again below', async () => {
    const [folders, files] = tree()
    const { mediafire } = await account(
      folders,
      files.map((file) => (file.name === 'x y%20?.txt' ? { ...file, name: 'x y%20.txt' } : file)),
    )
    expect(await mediafire.paths.findFolder('mf:/')).toBe('myfiles')
    expect(await mediafire.paths.findFolder('mf:/a/b/a')).toBe('f3')
    expect((await mediafire.paths.findFile('mf:/a/b/a/x y%20.txt')).key).toBe('123456789012345')
    expect(await mediafire.paths.find('mf:/a/Ünï')).toMatchObject({ kind: 'file', key: 'q5' })
    expect(await mediafire.paths.find('mf:/a/b')).toMatchObject({ kind: 'folder', key: 'f2' })
    expect(await mediafire.paths.find('mf:/')).toMatchObject({ kind: 'folder', key: 'myfiles' })
  })

  it('that lead nowhere, or to several things, are refused with what is known', async () => {
    const { mediafire } = await account(...tree())
    const { paths } = mediafire
    expect((await failureOf(paths.find('mf:/a/none'))).message).toBe(
      'Cannot find "mf:/a/none": there is no "none" there',
    )
    expect((await failureOf(paths.find('mf:/A'))).code).toBe('not-found')
    expect(await failureOf(paths.findFolder('mf:/twin'))).toMatchObject({ code: 'duplicates', keys: ['f4', 'f5'] })
    expect((await failureOf(paths.findFolder('mf:/twin/below'))).code).toBe('duplicates')
    expect(await failureOf(paths.findFile('mf:/a/b/a/twin'))).toMatchObject({ code: 'duplicates', keys: ['q2', 'q3'] })
    expect(await failureOf(paths.find('mf:/both'))).toMatchObject({ code: 'duplicates', keys: ['f6', 'q4'] })
    expect((await failureOf(paths.ensureFolder('mf:/twin/new'))).message).toBe(
      'Cannot make the folder "mf:/twin/new": there are 2 of the name "twin", and which one is meant cannot be told',
    )
    expect((await paths.findFile('mf:/both')).key).toBe('q4')
    expect(await paths.findFolder('mf:/both')).toBe('f6')
  })

  it('are kept for a minute, asked for once at a time, and looked up again when they lead nowhere', async () => {
    const { mediafire, listings, clock, folders } = await account(...tree())
    const { paths } = mediafire
    await Promise.all(Array.from({ length: 10 }, () => paths.findFolder('mf:/a/b/a')))
    expect(listings()).toBe(3)
    clock.pass(59_000)
    await paths.findFolder('mf:/a/b/a')
    expect(listings()).toBe(3)
    clock.pass(2000)
    await paths.findFolder('mf:/a/b/a')
    expect(listings()).toBe(6)
    // Made by somebody else.
    folders.push({ key: 'f9', name: 'late', parent: 'f2' })
    expect(await paths.findFolder('mf:/a/b/late')).toBe('f9')
    expect(listings()).toBe(7)
  })

  it('are forgotten when this client changes something', async () => {
    const { mediafire, folders } = await account(...tree())
    const { paths, api } = mediafire
    expect(await paths.findFolder('mf:/a')).toBe('f1')
    folders[0]!.name = 'renamed'
    expect(await paths.findFolder('mf:/a')).toBe('f1')
    await api.folder.update('f1', { name: 'renamed' })
    expect((await failureOf(paths.findFolder('mf:/a'))).code).toBe('not-found')
    expect(await paths.findFolder('mf:/renamed/b')).toBe('f2')
  })

  it('ensureFolder() makes what is missing, once', async () => {
    const { mediafire, server } = await account(...tree())
    const key = await mediafire.paths.ensureFolder('mf:/a/b/new/deeper')
    expect(key).toBe('new7')
    expect(await mediafire.paths.ensureFolder('mf:/a/b/new/deeper')).toBe(key)
    const made = server.seen.filter(({ action }) => action === 'folder/create').map(({ params }) => params)
    expect(made).toMatchObject([
      { foldername: 'new', parent_key: 'f2', action_on_duplicate: 'skip' },
      { foldername: 'deeper', parent_key: 'new6' },
    ])
  })

  it('can be downloaded, also when the file was replaced since the path was looked up', async () => {
    const { mediafire, files } = await account(...tree())
    const read = async () => {
      const chunks: Uint8Array[] = []
      for await (const chunk of mediafire.download('mf:/a/Ünï')) chunks.push(chunk)
      return Buffer.concat(chunks).toString()
    }
    expect(await read()).toBe('hello')
    files.splice(4, 1, { key: 'q9', name: 'Ünï', parent: 'f1' })
    expect(await read()).toBe('hello')
    files.splice(4, 1)
    await expect(read()).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('trash', () => {
  it('deletes to the trash, purges, and empties it', async () => {
    const { mediafire, files, folders } = await account(...tree())
    const { trash } = mediafire
    await trash.deleteFiles(['q2', 'q3'])
    await trash.deleteFolders('f4')
    const inTrash: string[] = []
    for await (const { key } of trash.files()) inTrash.push(key)
    for await (const { key } of trash.folders()) inTrash.push(key)
    expect(inTrash).toEqual(['q2', 'q3', 'f4'])
    await trash.purgeFiles('q2')
    expect(files.map(({ key }) => key)).not.toContain('q2')
    await trash.empty()
    expect([...files, ...folders].filter(({ parent }) => parent === 'trash')).toEqual([])
    await trash.purgeFolders(['f1', 'f2'])
    expect(folders.map(({ key }) => key)).toEqual(['f3', 'f5', 'f6'])
  })

  it('takes what is gone already for deleted', async () => {
    const { mediafire } = await account(...tree(), ({ action, nth }) =>
      action === 'file/delete' && nth === 0 ? failure(action, 210) : undefined,
    )
    await mediafire.trash.deleteFiles('unknown')
    await mediafire.trash.purgeFiles(['unknown', 'q2'])
    await mediafire.trash.deleteFolders(['unknown', 'f1'])
  })

  it('believes what is there, not what the answer says: an error though it was done', async () => {
    for (const number of [100, 101]) {
      const [folders, files] = tree()
      const { mediafire } = await account(folders, files, ({ action }) => {
        if (action !== 'folder/delete') return undefined
        folders[0]!.parent = 'trash'
        return failure(action, number, {}, 900)
      })
      await mediafire.trash.deleteFolders('f1')
    }
  })

  it('believes what is there, not what the answer says: success though nothing was done', async () => {
    const { mediafire, clock } = await account(...tree(), ({ action }) =>
      /\/(?:delete|purge)$/.test(action) ? success(action) : undefined,
    )
    for (const how of ['deleteFiles', 'purgeFiles'] as const) {
      const error = await failureOf(mediafire.trash[how](['q2', 'q3']))
      expect(error).toMatchObject({ code: 'not-deleted', keys: ['q2', 'q3'], retry: 'later' })
    }
    expect((await failureOf(mediafire.trash.deleteFolders('f1'))).message).toBe(
      'Cannot delete the folder "f1": MediaFire says that it was done, and it is still there',
    )
    expect(clock.pauses.slice(0, 5)).toEqual([500, 1000, 2000, 4000, 8000])
  })

  it('waits for what is seen a little longer, and for jobs in the background', async () => {
    const [folders, files] = tree()
    let asked = 0
    const { mediafire, server } = await account(folders, files, ({ action }) => {
      if (action === 'folder/delete') return success(action, { asynchronous: 'yes' })
      if (action === 'device/get_status') return success(action, { async_jobs_in_progress: ++asked < 3 ? 'yes' : 'no' })
      if (action === 'folder/get_info' && ++asked === 5) folders[0]!.parent = 'trash'
      return undefined
    })
    await mediafire.trash.deleteFolders('f1')
    expect(server.actions().filter((action) => action === 'device/get_status')).toHaveLength(3)
  })

  it('asks the folder where the file itself does not tell that it is in the trash', async () => {
    const [folders, files] = tree()
    const info = { quickkey: 'q5', filename: 'Ünï', parent_folderkey: 'f1', size: '5' }
    const { mediafire } = await account(folders, files, ({ action }) =>
      action === 'file/get_info' ? success(action, { file_info: info }) : undefined,
    )
    await mediafire.trash.deleteFiles('q5')
  })

  it('deletes a folder with too many files in pieces', async () => {
    const [folders, files] = tree()
    const { mediafire } = await account(folders, files, ({ action, params }) => {
      const key = params['folder_key']!
      const isFull = files.some(({ parent }) => parent === key) || folders.some(({ parent }) => parent === key)
      return action === 'folder/delete' && isFull ? failure(action, 242) : undefined
    })
    await mediafire.trash.deleteFolders('f1')
    expect(files.filter(({ parent }) => parent !== 'trash').map(({ key }) => key)).toEqual(['q4'])
    expect(folders.filter(({ parent }) => parent !== 'trash').map(({ key }) => key)).toEqual(['f4', 'f5', 'f6'])
  })

  it('never deletes the root, and tells other refusals', async () => {
    const { mediafire, server } = await account(...tree(), ({ action }) =>
      action === 'file/delete' ? failure(action, 114) : undefined,
    )
    for (const key of ['myfiles', 'trash']) await expect(mediafire.trash.deleteFolders(key)).rejects.toThrow(TypeError)
    expect(server.seen).toEqual([])
    expect((await failureOf(mediafire.trash.deleteFiles('q2'))).code).toBe('denied')
  })

  it('is not said to be empty when it is not', async () => {
    const { mediafire, files } = await account(...tree(), ({ action }) =>
      action === 'device/empty_trash' ? success(action) : undefined,
    )
    files[0]!.parent = 'trash'
    expect((await failureOf(mediafire.trash.empty())).message).toBe(
      'Cannot empty the trash: there is still something in it',
    )
  })
})

describe('sharing', () => {
  it('publishes and takes back, and makes sure of it', async () => {
    const { mediafire, server, files, folders } = await account(...tree())
    const { sharing } = mediafire
    expect(await sharing.publishFile('q4')).toBe(`${server.url}/file/q1/a`)
    expect(files[3]!.privacy).toBe('public')
    await sharing.unpublishFile('q4')
    expect(files[3]!.privacy).toBe('private')
    expect(await sharing.publishFolder('f1', { recursive: true })).toBe(`${server.url}/folder/f1`)
    expect(server.seen.find(({ action }) => action === 'folder/update')!.params).toMatchObject({
      privacy: 'public',
      privacy_recursive: 'yes',
    })
    await sharing.unpublishFolder('f1')
    expect(folders[0]!.privacy).toBe('private')
  })

  it('says when a thing is public all the same', async () => {
    const { mediafire } = await account(...tree(), ({ action }) =>
      action.endsWith('/update') ? success(action) : undefined,
    )
    expect((await failureOf(mediafire.sharing.unpublishFolder('f1'))).message).toBe(
      'Cannot make the folder "f1" private: it is public all the same',
    )
    expect((await failureOf(mediafire.sharing.unpublishFile('q4'))).code).toBe('refused')
  })

  it('gives direct and one-time links, or the reason', async () => {
    const { mediafire, server } = await account(...tree(), ({ action, nth }) => {
      if (action === 'file/one_time_key') {
        return success(action, {
          token: 't',
          links: { download: 'http://www.mediafire.com/x' },
          one_time_key_request_count: '3',
        })
      }
      const error = { direct_download_error_message: nth === 1 ? 'no bandwidth left' : 'not the owner' }
      return action === 'file/get_links' && nth > 0 ? success(action, { links: [error] }) : undefined
    })
    const { sharing } = mediafire
    expect(await sharing.direct('q4')).toBe(`${server.url}/dl/a`)
    expect((await failureOf(sharing.direct('q4'))).code).toBe('bandwidth')
    expect((await failureOf(sharing.direct('q4'))).message).toBe(
      'Cannot get a direct link to the file "q4": MediaFire gives none ("not the owner")',
    )
    expect(await sharing.oneTime('q4', { minutes: 5 })).toMatchObject({
      token: 't',
      links: { download: 'https://www.mediafire.com/x' },
      requestCount: 3,
    })
  })
})

it('a name that is refused never gets into a call', async () => {
  const { mediafire, server } = await account([], [])
  expect((await failureOf(mediafire.upload('a\\b', fromBytes(new Uint8Array(1))))).code).toBe('invalid')
  expect((await failureOf(mediafire.paths.ensureFolder('mf:/a|b'))).code).toBe('invalid')
  expect((await failureOf(mediafire.api.folder.create('a*b'))).message).toBe(
    'Cannot make the folder "a*b": a name cannot have * in it',
  )
  expect((await failureOf(mediafire.api.folder.update('f1', { name: '..' }))).code).toBe('invalid')
  expect((await failureOf(mediafire.api.file.update('q1', { name: 'a<b' }))).code).toBe('invalid')
  expect(server.seen).toEqual([])
})
