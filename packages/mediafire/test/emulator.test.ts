import { createHash, randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collect, fromBytes } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { createRandom, tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { cookieAuth, passwordAuth, webAuth } from '../src/index.ts'
import { clientOf, email, emulate, password } from './emulated.ts'
import { failureOf } from './harness.ts'

// Judge: the emulator, which was written from the same facts by somebody else and shares nothing with the client.

const mib = 1_048_576
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('every way in', () => {
  it('password with signatures, password without, the website, its cookie', async () => {
    const emulator = await emulate()
    let cookie = ''
    const ways = [
      passwordAuth({ email, password }),
      passwordAuth({ email, password, tokenVersion: 1 }),
      webAuth({ email, password, onCookie: (text) => void (cookie = text) }),
    ]
    for (const auth of ways) {
      const { mediafire } = clientOf(emulator, { auth })
      expect((await mediafire.api.user.getInfo()).email, auth.name).toBe(email)
    }
    expect(cookie).not.toBe('')
    const { mediafire } = clientOf(emulator, { auth: cookieAuth({ cookie }) })
    expect((await mediafire.api.user.getInfo()).email).toBe(email)
  })

  it('signed calls with values that need escaping, in parallel', async () => {
    const emulator = await emulate()
    const { mediafire } = clientOf(emulator)
    const names = ['ä b+c', '☃ & = % #', "it's (1)!~", '日本']
    const made = await Promise.all(names.map((name) => mediafire.api.folder.create(name)))
    expect(new Set(made.map(({ key }) => key)).size).toBe(4)
    expect(
      emulator
        .account()
        .folders.map(({ path }) => path)
        .sort(),
    ).toEqual(names.map((name) => `/${name}`).sort())
    expect(emulator.log.count('user/get_session_token')).toBeLessThanOrEqual(3)
    const verified = new Set(emulator.log.calls('folder/create').map((call) => call.verified))
    expect(verified).toEqual(new Set(['v2 raw']))
  })

  it('over TLS, with a certificate of its own', async () => {
    const emulator = await emulate({ tls: true })
    const { mediafire } = clientOf(emulator)
    const bytes = randomBytes(100_000)
    const { key } = await mediafire.upload('a.bin', fromBytes(bytes))
    expect(Buffer.compare(await collect(mediafire.download(key)), bytes)).toBe(0)
    // Without that trust nothing is sent.
    const { mediafire: stranger } = clientOf(emulator, { dispatcher: undefined, tries: 1 })
    expect((await failureOf(stranger.api.user.getInfo())).code).toBe('unreachable')
  })

  it('links handed out as http: are asked for as https:', async () => {
    const emulator = await emulate({ tls: true, settings: { linkScheme: 'http' } })
    const { mediafire } = clientOf(emulator)
    const { key } = await mediafire.upload('a.bin', fromBytes(randomBytes(1000)))
    expect(await mediafire.sharing.direct(key)).toMatch(/^https:\/\/127\.0\.0\.1/)
    expect(await collect(mediafire.download(key))).toHaveLength(1000)
  })
})

for (const profile of ['legacy', 'modern', 'instant'] as const) {
  it(`files come and go whole, profile ${profile}`, async () => {
    const emulator = await emulate({ settings: { profile } })
    const { mediafire } = clientOf(emulator)
    const folderKey = await mediafire.paths.ensureFolder('mf:/Coalmine/Backup')
    const names = ['a.bin', '.hidden', ' blanks ', 'ä☃.txt', "it's & = % + #;.gz", 'ohne', 'e\u0301']
    const large =
      profile === 'modern' ? [4 * mib - 1, 4 * mib, 5 * mib + 7, 16 * mib] : [70_000, 700_000, 4 * mib, 4 * mib + 1]
    for (const [i, size] of [0, 1, 5000, ...large].entries()) {
      const bytes = randomBytes(size)
      const name = names[i]!
      const phases = new Set<string>()
      const stored = await mediafire.upload(name, fromBytes(bytes), {
        folderKey,
        onProgress: ({ phase }) => phases.add(phase),
      })
      expect(stored, name).toMatchObject({ name, size, sha256: sha256(bytes) })
      expect(phases.has('verified')).toBe(true)
      const back = await collect(mediafire.download(`mf:/Coalmine/Backup/${name}`))
      expect(sha256(back), name).toBe(sha256(bytes))
      if (size > 10) {
        const part = await collect(mediafire.download(stored.key, { range: { start: 3, end: 9 } }))
        expect(Buffer.compare(part, bytes.subarray(3, 9))).toBe(0)
      }
    }
    expect(
      emulator
        .account()
        .files.map(({ path }) => path)
        .sort(),
    ).toEqual(names.map((name) => `/Coalmine/Backup/${name}`).sort())
    const listed: string[] = []
    for await (const { name } of mediafire.api.folder.files(folderKey)) listed.push(name)
    expect(listed.sort()).toEqual([...names].sort())
  })
}

describe('uploads', () => {
  it('what the service has is not sent: the same file, or the same bytes elsewhere', async () => {
    const emulator = await emulate()
    const { mediafire } = clientOf(emulator)
    const source = fromBytes(randomBytes(6 * mib))
    expect((await mediafire.upload('a.bin', source)).outcome).toBe('uploaded')
    expect(await mediafire.upload('a.bin', source)).toMatchObject({ outcome: 'unchanged', sentBytes: 0 })
    expect(await mediafire.upload('b.bin', source)).toMatchObject({ outcome: 'instant', sentBytes: 0, name: 'b.bin' })
    expect(emulator.account().files).toHaveLength(2)
  })

  it('refuse, skip, keep, replace', async () => {
    for (const size of [1000, 5 * mib]) {
      const emulator = await emulate()
      const { mediafire } = clientOf(emulator)
      const first = await mediafire.upload('a.bin', fromBytes(randomBytes(size)))
      const upload = (onDuplicate: 'refuse' | 'skip' | 'keep' | 'replace') =>
        mediafire.upload('a.bin', fromBytes(randomBytes(size)), { onDuplicate })
      expect(await failureOf(upload('refuse'))).toMatchObject({ code: 'exists', keys: [first.key] })
      expect(await upload('skip')).toMatchObject({ outcome: 'skipped', key: first.key })
      expect((await mediafire.api.file.getInfo(first.key)).sha256).toBe(first.sha256)
      const kept = await upload('keep')
      expect(kept.name).not.toBe('a.bin')
      const replaced = await upload('replace')
      expect(replaced).toMatchObject({ outcome: 'uploaded', name: 'a.bin' })
      expect((await mediafire.paths.findFile('mf:/a.bin')).sha256).toBe(replaced.sha256)
      expect(emulator.account().files).toHaveLength(2)
    }
  })

  it('a 200 MB volume takes the fewest calls that the protocol allows', async () => {
    // The cut of such a volume in small: the service decides the size of units, so the count is what matters.
    const emulator = await emulate({ settings: { profile: 'instant' } })
    const { mediafire } = clientOf(emulator)
    const size = process.env['COALMINE_LONG'] ? 200 * mib : 20 * mib
    const bytes = Buffer.alloc(size)
    for (let at = 0; at < size; at += mib) randomBytes(64).copy(bytes, at)
    const { sentUnits } = await mediafire.upload('a.bin', fromBytes(bytes, mib))
    expect(sentUnits).toBe(process.env['COALMINE_LONG'] ? 50 : 10)
    const counts = Object.fromEntries(
      ['user/get_session_token', 'user/get_action_token', 'upload/check', 'upload/resumable', 'upload/poll_upload'].map(
        (name) => [name, emulator.log.count(name)],
      ),
    )
    expect(counts).toEqual({
      'user/get_session_token': 1,
      'user/get_action_token': 1,
      'upload/check': 1,
      'upload/resumable': sentUnits,
      'upload/poll_upload': 1,
    })
    expect(emulator.log.count()).toBe(sentUnits + 4)
  })

  it('after kill -9 a new process goes on: of what was sent at most what was under way is sent again', async () => {
    const emulator = await emulate({ settings: { profile: 'instant' } })
    const path = join(await tempDir('upload'), 'volume')
    const bytes = randomBytes(20 * mib)
    await writeFile(path, bytes)
    // A unit at a time: then at most one is sent twice.
    const program = fileURLToPath(new URL('upload-for-ever.ts', import.meta.url))
    const child = spawn(process.execPath, [...process.execArgv, program], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, TEST_URL: emulator.url, TEST_FILE: path, TEST_EMAIL: email, TEST_PASSWORD: password },
    })
    const exited = once(child, 'exit')
    emulator.faults.add({ call: 'upload/resumable', fault: { kind: 'stall', when: 'after', ms: 20 } })
    while (emulator.log.count('upload/resumable') < 4) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGKILL')
    await exited
    emulator.faults.clear()
    const { mediafire } = clientOf(emulator)
    const result = await mediafire.upload('volume', await fromFile(path), { parallel: 1 })
    expect(result).toMatchObject({ outcome: 'uploaded', sha256: sha256(bytes) })
    expect(result.sentUnits).toBeLessThan(10)
    // Whole units that came, by the emulator's own count.
    const whole = emulator.log.calls('upload/resumable').filter(({ bodyBytes }) => bodyBytes === 2 * mib)
    expect(whole.length).toBeLessThanOrEqual(10 + 1)
    expect(sha256(await collect(mediafire.download(result.key)))).toBe(sha256(bytes))
  })
})

describe('what goes wrong', () => {
  it('tokens that end every few calls let nothing fail', async () => {
    const emulator = await emulate({ settings: { profile: 'instant', v2MaxCalls: 3 } })
    const { mediafire } = clientOf(emulator)
    const key = await mediafire.paths.ensureFolder('mf:/a/b/c')
    for (let i = 0; i < 5; i++) {
      await mediafire.upload(`${i}.bin`, fromBytes(randomBytes(100)), { folderKey: key })
      await Promise.all(Array.from({ length: 5 }, () => mediafire.api.user.getInfo()))
      emulator.expireAll()
    }
    expect(emulator.account().files).toHaveLength(5)
  })

  it('a lost answer costs a session, not the work', async () => {
    const emulator = await emulate()
    const { mediafire } = clientOf(emulator)
    emulator.faults.add({ call: 'folder/create', fault: { kind: 'drop', when: 'after' }, nth: 1 })
    emulator.faults.add({ call: 'user/get_info', fault: { kind: 'truncate', bytes: 30, clean: true }, nth: 1 })
    const { key } = await mediafire.api.folder.create('once')
    expect((await mediafire.api.user.getInfo()).email).toBe(email)
    expect(emulator.account().folders).toEqual([expect.objectContaining({ key, path: '/once' })])
  })

  it('uploads come through faults of every kind', async () => {
    const emulator = await emulate()
    const { mediafire } = clientOf(emulator)
    const faults = [
      { kind: 'drop', when: 'before' },
      { kind: 'drop', when: 'after' },
      { kind: 'error', code: 100, applied: true },
      { kind: 'error', code: 105 },
      { kind: 'error', code: 208 },
      { kind: 'error', code: 261 },
      { kind: 'status', status: 429, retryAfter: '3' },
      { kind: 'status', status: 502, applied: true },
      { kind: 'content-type', value: 'text/xml' },
      { kind: 'content-type', value: 'application/json; charset=utf-8' },
      { kind: 'truncate', bytes: 25 },
      { kind: 'truncate', bytes: 25, clean: true },
      { kind: 'expire' },
      { kind: 'lose-unit' },
    ] as const
    // Each upload has five units, and so many calls more as there are faults.
    for (let at = 0; at < faults.length; at += 4) {
      emulator.faults.clear()
      for (const [i, fault] of faults.slice(at, at + 4).entries()) {
        emulator.faults.add({ call: 'upload/resumable', fault, nth: 1 + i })
      }
      const bytes = randomBytes(4 * mib + 5)
      const { key } = await mediafire.upload(`${at}.bin`, fromBytes(bytes))
      expect(sha256(await collect(mediafire.download(key))), `faults from ${at}`).toBe(sha256(bytes))
      expect(emulator.faults.list().map(({ done }) => done)).toEqual(faults.slice(at, at + 4).map(() => 1))
    }
    emulator.faults.clear()
    for (const fault of [
      { kind: 'poll', result: '-20' },
      { kind: 'poll', status: '17' },
      { kind: 'poll', status: '99' },
    ] as const) {
      emulator.faults.add({ call: 'upload/poll_upload', fault, times: 2 })
      const bytes = randomBytes(4 * mib + 5)
      const { key } = await mediafire.upload(`poll ${JSON.stringify(fault).replaceAll(/[":]/g, '')}`, fromBytes(bytes))
      expect(sha256(await collect(mediafire.download(key)))).toBe(sha256(bytes))
      emulator.faults.clear()
    }
  })

  it('downloads come through faults of every kind, and damage is told', async () => {
    const emulator = await emulate({ settings: { linkLifetimeMs: 1000 } })
    const { mediafire } = clientOf(emulator)
    const bytes = randomBytes(2 * mib)
    const { key } = await mediafire.upload('a.bin', fromBytes(bytes))
    for (const fault of [
      { kind: 'truncate', bytes: 700_000 },
      { kind: 'truncate', bytes: 700_000, clean: true },
      { kind: 'drop', when: 'before' },
      { kind: 'status', status: 503 },
      { kind: 'redirect' },
      { kind: 'expired-link' },
      { kind: 'expired-link', status: 404 },
      { kind: 'expired-link', status: 403 },
    ] as const) {
      emulator.faults.add({ call: 'download', fault, nth: 1 })
      expect(sha256(await collect(mediafire.download(key))), JSON.stringify(fault)).toBe(sha256(bytes))
      emulator.faults.clear()
    }
    emulator.faults.add({ call: 'download', fault: { kind: 'corrupt' } })
    expect((await failureOf(collect(mediafire.download(key)))).code).toBe('mismatch')
    emulator.faults.clear()
    emulator.faults.add({ call: '*', fault: { kind: 'challenge' } })
    expect((await failureOf(collect(mediafire.download(key)))).code).toBe('bot-challenge')
  })

  it('each refusal is its own sentence', async () => {
    const emulator = await emulate()
    const { mediafire } = clientOf(emulator)
    emulator.set({ bandwidthMb: 0 })
    const { key } = await mediafire.upload('a.bin', fromBytes(randomBytes(10)))
    expect((await failureOf(collect(mediafire.download(key)))).code).toBe('bandwidth')
    emulator.changeAccount({ baseStorage: 5, bonusStorage: 0 })
    expect((await failureOf(mediafire.upload('b.bin', fromBytes(randomBytes(1000))))).code).toBe('storage-full')
    emulator.changeAccount({ baseStorage: 10 ** 10, tosAccepted: false })
    const refused = await failureOf(mediafire.api.folder.create('x'))
    expect(refused.code).toBe('terms')
    const { acceptanceToken } = await mediafire.api.user.fetchTerms()
    await mediafire.api.user.acceptTerms(acceptanceToken!)
    expect((await mediafire.api.folder.create('x')).name).toBe('x')
    emulator.set({ maxUploadSize: 100 })
    expect((await failureOf(mediafire.upload('c.bin', fromBytes(randomBytes(1000))))).code).toBe('too-large')
    const { mediafire: wrong } = clientOf(emulator, { auth: passwordAuth({ email, password: 'another' }) })
    expect((await failureOf(wrong.api.user.getInfo())).code).toBe('credentials')
    expect((await failureOf(mediafire.call('contact/fetch'))).code).toBe('unknown-method')
    expect((await failureOf(mediafire.api.file.getInfo('zzzzzzzzzzzzzzz'))).code).toBe('not-found')
    expect((await failureOf(mediafire.api.folder.getInfo('zzzzzzzzzzzzz'))).code).toBe('not-found')
  })

  it('a soak with 5 % of everything: nothing is lost, nothing is wrong', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = createRandom(seed)
    const emulator = await emulate({ settings: { profile: 'modern' } })
    const { mediafire } = clientOf(emulator, { tries: 8 })
    const kinds = [
      { kind: 'drop', when: 'before' },
      { kind: 'drop', when: 'after' },
      { kind: 'error', code: 100, applied: true },
      { kind: 'status', status: 503 },
      { kind: 'expire' },
    ] as const
    for (const fault of kinds) emulator.faults.add({ call: '*', fault, chance: 0.01 })
    const kept = new Map<string, string>()
    const rounds = process.env['COALMINE_LONG'] ? 2500 : 60
    for (let i = 0; i < rounds; i++) {
      const name = `${random.integer(0, 30)}.bin`
      const what = random.integer(0, 3)
      const old = emulator.account().files.find(({ path }) => path === `/${name}`)
      if (what === 3 && old !== undefined) {
        await mediafire.trash.deleteFiles(old.key)
        kept.delete(name)
      } else if (what === 2 && kept.has(name)) {
        expect(sha256(await collect(mediafire.download(`mf:/${name}`))), `seed ${seed}, round ${i}`).toBe(
          kept.get(name),
        )
      } else {
        const bytes = randomBytes(random.integer(0, 20) === 0 ? 4 * mib + 5 : random.integer(0, 5000))
        await mediafire.upload(name, fromBytes(bytes), { onDuplicate: 'replace' })
        kept.set(name, sha256(bytes))
      }
    }
    emulator.faults.clear()
    const files = emulator.account().files.map(({ path, hash }) => [path.slice(1), hash])
    expect(new Map(files as [string, string][]), `seed ${seed}`).toEqual(kept)
    expect(files).toHaveLength(kept.size)
  })
})

describe('the account', () => {
  it('duplicates are refused by path, and reached by key', async () => {
    const emulator = await emulate()
    const { mediafire } = clientOf(emulator)
    const { key } = await mediafire.upload('a.bin', fromBytes(randomBytes(10)))
    const twin = emulator.duplicateFile(key)
    const error = await failureOf(collect(mediafire.download('mf:/a.bin')))
    expect([error.code, [...error.keys].sort()]).toEqual(['duplicates', [key, twin].sort()])
    expect(await collect(mediafire.download(twin))).toHaveLength(10)
  })

  it('an old file is compared by its MD5, a key of digits stays a key', async () => {
    const emulator = await emulate({ settings: { numericKeys: true } })
    const { mediafire } = clientOf(emulator)
    const bytes = randomBytes(1000)
    const { key } = await mediafire.upload('a.bin', fromBytes(bytes))
    expect(key).toMatch(/^\d{15}$/)
    await emulator.ageFile(key)
    const info = await mediafire.api.file.getInfo(key)
    expect([info.sha256, info.md5]).toEqual([undefined, createHash('md5').update(bytes).digest('hex')])
    expect(await collect(mediafire.download(key))).toHaveLength(1000)
  })

  it('delete, purge, empty the trash, at once or in the background', async () => {
    for (const asyncMs of [0, 5000]) {
      const emulator = await emulate({ settings: { asyncMs } })
      const { mediafire } = clientOf(emulator)
      const folder = await mediafire.paths.ensureFolder('mf:/a/b')
      const keys: string[] = []
      for (const name of ['x', 'y', 'z']) {
        keys.push((await mediafire.upload(name, fromBytes(randomBytes(10)), { folderKey: folder })).key)
      }
      await mediafire.trash.deleteFiles(keys.slice(0, 2))
      await mediafire.trash.deleteFiles(keys.slice(0, 2))
      expect(emulator.account().files).toHaveLength(1)
      await mediafire.trash.purgeFiles(keys[0]!)
      expect(emulator.account().trash.map(({ key }) => key)).toEqual([keys[1]])
      await mediafire.trash.deleteFolders(await mediafire.paths.findFolder('mf:/a'))
      expect([emulator.account().files, emulator.account().folders]).toEqual([[], []])
      await mediafire.trash.empty()
      expect(emulator.account()).toMatchObject({ trash: [], usedBytes: 0 })
      await mediafire.trash.purgeFolders(folder)
    }
  })

  it('"100 but done" and "done but not": deleting believes what is there', async () => {
    const emulator = await emulate()
    const { mediafire } = clientOf(emulator)
    const { key } = await mediafire.api.folder.create('x')
    emulator.faults.add({ call: 'folder/delete', fault: { kind: 'error', code: 100, status: 900, applied: true } })
    await mediafire.trash.deleteFolders(key)
    expect(emulator.account().folders).toEqual([])
  })

  it('listings of many, in pages, and the change feed', async () => {
    const emulator = await emulate({ settings: { profile: 'instant' } })
    const { mediafire } = clientOf(emulator)
    const names = Array.from({ length: 230 }, (_, i) => `folder ${String(i).padStart(3, '0')}`)
    const { deviceRevision: before = 0 } = await mediafire.api.device.getStatus()
    await Promise.all(names.map((name) => mediafire.api.folder.create(name)))
    const listed: string[] = []
    for await (const { name } of mediafire.api.folder.folders('myfiles', { chunkSize: 100 })) listed.push(name)
    expect(listed).toEqual(names)
    const { updated, deviceRevision } = await mediafire.api.device.changes(before)
    expect(updated.filter(({ kind }) => kind === 'folder')).toHaveLength(230)
    expect(deviceRevision).toBe(emulator.account().deviceRevision)
  })

  it('move, copy, rename, privacy, links', async () => {
    const emulator = await emulate()
    const { mediafire } = clientOf(emulator)
    const { api, paths, sharing } = mediafire
    const a = await paths.ensureFolder('mf:/a')
    const { key } = await mediafire.upload('x.txt', fromBytes(Buffer.from('hello')))
    await api.file.move(key, a)
    expect((await paths.findFile('mf:/a/x.txt')).key).toBe(key)
    const { newKeys } = await api.file.copy(key, 'myfiles')
    expect((await paths.findFile('mf:/x.txt')).key).toBe(newKeys[0])
    await api.file.update(key, { name: 'y.txt' })
    expect((await paths.findFile('mf:/a/y.txt')).key).toBe(key)
    expect((await failureOf(api.file.update(key, { name: 'y.bin' }))).apiCode).toBe(106)
    await sharing.unpublishFolder(a, { recursive: true })
    expect((await api.folder.getInfo(a)).isPrivate).toBe(true)
    expect(await sharing.publishFile(key)).toMatch(new RegExp(key))
    expect(Buffer.from(await (await fetch(await sharing.direct(key))).arrayBuffer()).toString()).toBe('hello')
    expect((await api.user.getInfo()).usedStorage).toBe(10)
    expect((await api.system.getLimits()).maxKeys).toBe(500)
  })
})
