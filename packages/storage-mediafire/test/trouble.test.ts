import { collect, fromBytes } from '@coalmine/bytes'
import { createMediaFire } from '@coalmine/mediafire'
import type { FaultRule } from '@coalmine/mediafire-emulator'
import { type Storage, StorageError, withRetry } from '@coalmine/storage'
import { expect, it, onTestFinished } from 'vitest'
import { bytesOf, emulated } from './emulated.ts'

// Judge throughout: what the emulator, which shares no code with the client, has in its account afterwards.

async function failure(promise: Promise<unknown>): Promise<StorageError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof StorageError) return error
  throw new Error('It has not failed as a storage does', { cause: error })
}

async function keysOf(storage: Storage): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  return keys.sort()
}

async function world(options: Parameters<typeof emulated>[0] = {}) {
  const made = await emulated(options)
  onTestFinished(() => made.emulator.stop())
  return made
}

it('of 400 calls with 5 % faults under the retry layer nothing is lost, wrong or there twice', async () => {
  const faults = [
    { kind: 'drop', when: 'before' },
    { kind: 'drop', when: 'after' },
    { kind: 'error', code: 100, status: 900 },
    { kind: 'error', code: 100, status: 900, applied: true },
    { kind: 'status', status: 503 },
    { kind: 'truncate', bytes: 20 },
    { kind: 'expire' },
  ] as const
  const rules = faults.map((fault): FaultRule => ({ call: '*', fault, chance: 0.05 / faults.length }))
  const { emulator, open } = await world({ settings: { profile: 'instant' } })
  const plain = open()
  await plain.put('first', fromBytes(bytesOf(10)))
  for (const rule of rules) emulator.faults.add(rule)
  const sleep = async (ms: number): Promise<void> => emulator.clock.advance(ms)
  const storage = withRetry({ sleep, tries: 10 })(plain)
  const expected = new Map<string, Uint8Array>()
  for (let step = 0; step < 60; step++) {
    const key = `object-${step % 23}`
    if (step % 7 === 6) {
      await storage.delete(key)
      expected.delete(key)
    } else {
      const bytes = bytesOf(1 + ((step * 7919) % 40_000))
      await storage.put(key, fromBytes(bytes))
      expected.set(key, bytes)
    }
    for (const [other, bytes] of [...expected].slice(0, 1)) {
      expect(Buffer.compare(await collect(storage.get(other)), bytes)).toBe(0)
    }
  }
  const struck = emulator.faults.list().reduce((sum, { done }) => sum + done, 0)
  emulator.faults.clear()
  expect(struck).toBeGreaterThan(5)
  expect(await keysOf(storage)).toEqual(['first', ...expected.keys()].sort())
  const paths = emulator.account().files.map(({ path }) => path)
  expect(paths).toEqual(['first', ...expected.keys()].map((key) => `/Coalmine/Backup/${key}`).sort())
  for (const [key, bytes] of expected) expect(Buffer.compare(await collect(storage.get(key)), bytes)).toBe(0)
  await storage.close()
})

it('two files of a name: the same bytes are one object, others are refused by every call', async () => {
  const { emulator, open, client } = await world({ settings: { profile: 'instant' } })
  const storage = open()
  await storage.put('twin', fromBytes(bytesOf(1000)))
  const [file] = emulator.account().files
  const other = emulator.duplicateFile(file!.key)

  const same = open()
  expect(await keysOf(same)).toEqual(['twin'])
  expect((await same.stat('twin'))?.size).toBe(1000)
  expect(await failure(same.put('twin', fromBytes(bytesOf(5))))).toMatchObject({ code: 'failed', retry: 'never' })

  const hand = createMediaFire(client)
  const folderKey = emulator.account().folders.find(({ path }) => path === '/Coalmine/Backup')!.key
  const spare = await hand.upload('spare', fromBytes(bytesOf(2000)), { folderKey })
  const change = { filename: 'twin', size: 2000, hash: spare.sha256, quick_key: other }
  await hand.call('upload/instant', change, { auth: 'upload' })
  await hand.trash.purgeFiles(spare.key)
  const files = emulator.account().files.toSorted((one, two) => one.size - two.size)
  expect(files.map(({ path, size }) => [path, size])).toEqual([
    ['/Coalmine/Backup/twin', 1000],
    ['/Coalmine/Backup/twin', 2000],
  ])
  const several = open()
  const calls = [
    keysOf(several),
    several.stat('twin'),
    collect(several.get('twin')),
    several.put('twin', fromBytes(bytesOf(5))),
    several.delete('twin'),
  ]
  for (const call of calls) {
    const error = await failure(call)
    expect(error).toMatchObject({ code: 'failed', key: 'twin', retry: 'never' })
    expect(error.message).toContain('the folder has 2 files of that name')
  }
  expect(emulator.account().files).toHaveLength(2)

  // Two of the same bytes go together: one that stayed would be the object again.
  await hand.trash.purgeFiles(other)
  emulator.duplicateFile(file!.key)
  await several.delete('twin')
  expect(emulator.account().files).toEqual([])
  await hand.close()
  for (const one of [storage, same, several]) await one.close()
})

it('listings that are late: a storage sees at once what it did, others are told by name', async () => {
  const settings = { profile: 'instant', listLagMs: 20_000, infoLagMs: 3000, replaceKeepsKey: false } as const
  const { emulator, open } = await world({ settings })
  const storage = open({ listLagMs: 30_000 })
  expect(storage.info.capabilities.listLagMs).toBe(30_000)
  const bytes = bytesOf(500)
  await storage.put('new', fromBytes(bytes))
  await storage.put('old', fromBytes(bytesOf(10)))
  await storage.put('old', fromBytes(bytes))
  expect(await keysOf(storage)).toEqual(['new', 'old'])
  expect((await storage.stat('old'))?.size).toBe(500)
  expect(Buffer.compare(await collect(storage.get('new')), bytes)).toBe(0)
  await storage.delete('new')
  expect(await keysOf(storage)).toEqual(['old'])
  expect(await storage.stat('new')).toBeUndefined()

  emulator.clock.advance(5000)
  const other = open({ listLagMs: 30_000 })
  emulator.clock.advance(16_000)
  await storage.put('late', fromBytes(bytes))
  emulator.clock.advance(4000)
  expect(await keysOf(other)).not.toContain('late')
  expect((await other.stat('late'))?.size).toBe(500)
  expect(await other.stat('never')).toBeUndefined()
  await other.delete('late')
  expect(emulator.account().files.map(({ path }) => path)).toEqual(['/Coalmine/Backup/old'])
  await storage.close()
  await other.close()
})

it('names that differ in case only are not put where MediaFire may take them for one', async () => {
  const { emulator, open } = await world({ settings: { profile: 'instant', foldCase: true } })
  const storage = open()
  await storage.put('Name', fromBytes(bytesOf(10)))
  expect(await failure(storage.put('name', fromBytes(bytesOf(20))))).toMatchObject({ code: 'invalid-key' })
  expect(await storage.stat('name')).toBeUndefined()
  await storage.delete('name')
  expect(emulator.account().files.map(({ path, size }) => [path, size])).toEqual([['/Coalmine/Backup/Name', 10]])
  await storage.close()
})

it('folders are made private, also one that was public; a look says so', async () => {
  const { emulator, open, client } = await world({ settings: { profile: 'instant' } })
  const warnings: string[] = []
  const storage = open({ onWarning: (warning) => warnings.push(warning) })
  expect(await keysOf(storage)).toEqual([])
  expect(emulator.account().folders).toEqual([])
  await storage.put('a', fromBytes(bytesOf(10)))
  const privacies = () => emulator.account().folders.map(({ path, privacy }) => `${path} ${privacy}`)
  expect(privacies()).toEqual(['/Coalmine private', '/Coalmine/Backup private'])
  expect(emulator.account().files[0]!.privacy).toBe('private')
  expect(warnings).toEqual([])
  await storage.close()

  const hand = createMediaFire(client)
  await hand.sharing.publishFolder(await hand.paths.findFolder('mf:/Coalmine/Backup'), { recursive: true })
  await hand.close()
  const next = open({ onWarning: (warning) => warnings.push(warning) })
  expect(await keysOf(next)).toEqual(['a'])
  expect(warnings).toEqual(['the folder is public: whoever has its address sees what is in it'])
  await next.put('b', fromBytes(bytesOf(10)))
  expect(warnings.at(-1)).toBe('the folder was public, and has been made private')
  expect(privacies()).toContain('/Coalmine/Backup private')
  expect(emulator.account().files.map(({ privacy }) => privacy)).toEqual(['private', 'private'])
  await next.close()
})

it('a full account is no-space before anything is sent, and what was there stays', async () => {
  const { emulator, open } = await world({ settings: { profile: 'instant' } })
  const storage = open()
  await storage.put('kept', fromBytes(bytesOf(4000)))
  emulator.changeAccount({ baseStorage: 5000, bonusStorage: 0 })
  expect(await storage.usage!()).toEqual({ usedBytes: 4000, totalBytes: 5000, freeBytes: 1000 })
  const sends = emulator.log.count('upload/simple')
  expect(await failure(storage.put('kept', fromBytes(bytesOf(6000))))).toMatchObject({
    code: 'no-space',
    retry: 'never',
  })
  expect(emulator.log.count('upload/simple')).toBe(sends)
  expect(emulator.account().files.map(({ size }) => size)).toEqual([4000])
  await storage.delete('kept')
  // Purged, not in the trash: there is room again.
  expect((await storage.usage!()).usedBytes).toBe(0)
  expect(emulator.account().trash).toEqual([])
  const trashing = open({ deleted: 'trash' })
  await trashing.put('a', fromBytes(bytesOf(100)))
  await trashing.delete('a')
  expect(emulator.account().trash.map(({ name }) => name)).toEqual(['a'])
  expect(await keysOf(trashing)).toEqual([])
  await storage.close()
  await trashing.close()
})

it('errors of the service have the codes of storages, and say whether another try can help', async () => {
  const { emulator, open } = await world({ settings: { profile: 'instant' } })
  const stat = async (fault: FaultRule['fault'], call = 'folder/get_content') => {
    const storage = open({ folder: ['X'] })
    const id = emulator.faults.add({ call, fault })
    const error = await failure(storage.stat('x'))
    emulator.faults.remove(id)
    await storage.close()
    return [error.code, error.retry]
  }
  expect(await stat({ kind: 'error', code: 100, status: 500 })).toEqual(['unavailable', 'later'])
  expect(await stat({ kind: 'status', status: 503 })).toEqual(['unavailable', 'later'])
  expect(await stat({ kind: 'drop', when: 'before' })).toEqual(['unavailable', 'later'])
  expect(await stat({ kind: 'challenge' })).toEqual(['unavailable', 'never'])
  expect(await stat({ kind: 'error', code: 114 })).toEqual(['denied', 'never'])
  expect(await stat({ kind: 'error', code: 107 }, 'user/get_session_token')).toEqual(['denied', 'never'])
  expect(await stat({ kind: 'error', code: 243 }, 'user/get_session_token')).toEqual(['denied', 'never'])

  const storage = open()
  await storage.put('x', fromBytes(bytesOf(100_000)))
  emulator.faults.add({ call: 'download', fault: { kind: 'truncate', bytes: 1000 }, nth: 1 })
  emulator.faults.add({ call: 'download', fault: { kind: 'drop', when: 'before' }, nth: [2, 3, 4, 5, 6, 7, 8, 9] })
  expect(await failure(collect(storage.get('x')))).toMatchObject({ code: 'short-body', retry: 'later' })
  emulator.faults.clear()
  emulator.faults.add({ call: 'download', fault: { kind: 'corrupt' } })
  expect(await failure(collect(storage.get('x')))).toMatchObject({ code: 'mismatch' })
  // A link that has expired, or a server that fails with a page, does not mean that the object is gone.
  for (const fault of [
    { kind: 'expired-link' },
    { kind: 'expired-link', status: 404 },
    { kind: 'status', status: 503 },
  ]) {
    emulator.faults.clear()
    emulator.faults.add({ call: 'download', fault: fault as FaultRule['fault'] })
    expect(await failure(collect(storage.get('x'))), JSON.stringify(fault)).toMatchObject({ code: 'unavailable' })
  }
  await storage.close()
})

it('a folder that is removed while it is in use is made again by the next put', async () => {
  const { emulator, open, client } = await world({ settings: { profile: 'instant' } })
  const storage = withRetry({ delayMs: 1 })(open())
  await storage.put('a', fromBytes(bytesOf(10)))
  const hand = createMediaFire(client)
  await hand.trash.purgeFolders(await hand.paths.findFolder('mf:/Coalmine'))
  await hand.close()
  await storage.put('b', fromBytes(bytesOf(10)))
  expect(emulator.account().files.map(({ path }) => path)).toEqual(['/Coalmine/Backup/b'])
  expect(emulator.account().folders.map(({ privacy }) => privacy)).toEqual(['private', 'private'])
  expect(await keysOf(storage)).toEqual(['b'])
  await storage.close()
})
