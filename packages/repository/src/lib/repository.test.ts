import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromBytes, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createPassphraseEnvelope } from '@coalmine/openpgp'
import { createMemoryStorage, passThrough, type Storage, StorageError } from '@coalmine/storage'
import { type Envelope, gzipEnvelope, type SetTimes, sigTarEnd } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { openRepository } from './repository.ts'
import type { RepositoryOptions } from './repository-options.ts'
import type { RepositoryEvent } from './events.ts'
import { nodeLocalEffects } from './local-effects.ts'
import type { Member } from './volume-writer.ts'

const times: SetTimes = { type: 'full', timeSeconds: 1_700_000_000 }
const pgp = (passphrase: string): Envelope => createPassphraseEnvelope({ passphrase, s2kCount: 65_536 })

async function world(options: Partial<RepositoryOptions> = {}) {
  const folder = await tempDir('repository')
  const archiveDir = join(folder, 'archive')
  const storage = options.storage ?? createMemoryStorage()
  const events: RepositoryEvent[] = []
  const open = (more: Partial<RepositoryOptions> = {}) =>
    openRepository({
      storage,
      envelope: pgp('test'),
      tempDir: folder,
      archiveDir,
      onEvent: (event) => events.push(event),
      ...options,
      ...more,
    })
  return { folder, archiveDir, storage, events, open }
}

function member(path: string, length: number): Member {
  return { bytes: Buffer.alloc(length, path), path: path as RawPath }
}

async function* batches(...all: Member[][]): AsyncIterable<Member[]> {
  yield* all
}

async function writeSet(repository: ReturnType<typeof openRepository>, set: SetTimes = times) {
  const writer = await repository.createSet({ times: set, volumeBytes: 3000 })
  await writer.signatures.write(sigTarEnd(0))
  await writer.writeVolumes(batches([member('a', 2048), member('b', 2048)], [member('c', 512)]))
  return writer.commit({ hostname: 'here', localDir: 'src' as RawPath, files: [] })
}

const keysOf = async (storage: Storage) => {
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  return keys.sort()
}

describe('Repository', () => {
  it('does not follow a listing that never ends', async () => {
    const endless = passThrough(createMemoryStorage(), {
      async *list() {
        for (let number = 0; ; number++) yield { key: `object ${number}`, size: 1 }
      },
    })
    const { open } = await world({ storage: endless, maxListedObjects: 1000 })
    const repository = open()
    await expect(repository.collect()).rejects.toMatchObject({
      code: 'unreadable',
      message: 'Cannot read the listing of the storage: it has more than 1000 objects',
    })
    repository.close()
  })

  it('puts volumes, then signatures, then the manifest', async () => {
    const { open, events, storage } = await world({ envelope: gzipEnvelope({}) })
    const repository = open({ lock: true })
    const summary = await writeSet(repository)
    repository.close()
    const put = events.flatMap((event) => (event.type === 'stored' ? [event.key.replace(/^.*\d{6}Z\./, '')] : []))
    expect(put.slice(-2)).toEqual(['sigtar.gz', 'manifest'])
    expect(put.slice(0, -2).sort()).toEqual(
      await keysOf(storage).then((keys) =>
        keys
          .map((key) => key.replace(/^.*\d{6}Z\./, ''))
          .filter((key) => key.startsWith('vol'))
          .sort(),
      ),
    )
    expect(summary.volumes).toBe(put.length - 2)
  })

  it('reads back what it wrote, with and without the archive dir', async () => {
    const { open } = await world()
    const writing = open({ lock: true })
    await writeSet(writing)
    writing.close()
    for (const archiveDir of [undefined, 'as opened'] as const) {
      const repository = archiveDir === undefined ? open({ archiveDir }) : open()
      const { chains, signatureChains } = await repository.collect()
      const manifest = await repository.manifest(chains[0]!.full)
      expect(manifest.hostname).toBe('here')
      const numbers = [...manifest.volumes.keys()]
      let plain = ''
      for await (const volume of repository.volumes(chains[0]!.full, manifest, numbers)) {
        plain += Buffer.from(await collect(volume.open()))
          .toString()
          .replaceAll('\0', '')
      }
      expect(plain).toBe('a'.repeat(2048) + 'b'.repeat(2048) + 'c'.repeat(512))
      expect(await collect(repository.signatures(signatureChains[0]!.full))).toHaveLength(10_240)
      repository.close()
    }
  })

  it('leaves plain copies of manifest and signatures in the archive dir, unreadable for others', async () => {
    const { open, archiveDir } = await world()
    const repository = open({ lock: true })
    await writeSet(repository)
    repository.close()
    expect(readdirSync(archiveDir).sort()).toEqual([
      'coalmine',
      'duplicity-full-signatures.20231114T221320Z.sigtar.gz',
      'duplicity-full.20231114T221320Z.manifest',
      'lockfile',
    ])
    expect(readdirSync(join(archiveDir, 'coalmine'))).toEqual(['ledger'])
    expect(statSync(archiveDir).mode & 0o077).toBe(0)
    expect(readFileSync(join(archiveDir, 'duplicity-full.20231114T221320Z.manifest'), 'utf8')).toContain(
      'Hostname here',
    )
  })

  it('takes a failed set back and leaves the storage and the archive dir as they were', async () => {
    const memory = createMemoryStorage()
    const storage: Storage = {
      ...memory,
      info: memory.info,
      put: (key, source, options) =>
        key.includes('sigtar')
          ? Promise.reject(new StorageError('no-space', 'full', { operation: 'put', key }))
          : memory.put(key, source, options),
      get: memory.get.bind(memory),
      list: memory.list.bind(memory),
      stat: memory.stat.bind(memory),
      delete: memory.delete.bind(memory),
      close: memory.close.bind(memory),
    }
    const { open, archiveDir, folder } = await world({ storage })
    const repository = open({ lock: true })
    const writer = await repository.createSet({ times, volumeBytes: 3000 })
    await writer.writeVolumes(batches([member('a', 2048), member('b', 2048)]))
    const failure: unknown = await writer.commit({}).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StorageError)
    await writer.abort(failure)
    repository.close()
    expect(await keysOf(memory)).toEqual([])
    expect(readdirSync(archiveDir).sort()).toEqual(['coalmine', 'lockfile'])
    expect(readdirSync(join(archiveDir, 'coalmine'))).toEqual(['ledger'])
    expect(readdirSync(folder)).toEqual(['archive'])
  })

  it('wants room in the spool before it begins, and makes do with fewer volumes at a time', async () => {
    let free = 0
    const effects = { ...nodeLocalEffects, freeBytes: () => free }
    const { open, folder, storage, events } = await world({ effects })
    const repository = open({ lock: true })
    free = 6899
    const refused = repository.createSet({ times, volumeBytes: 3000, parallel: 4 })
    await expect(refused).rejects.toMatchObject({
      code: 'no-space',
      message: expect.stringMatching(
        /^Cannot keep volumes on their way in ".*repository-.*": 6900 bytes are needed there and 6899 are free$/,
      ),
    })
    expect(await keysOf(storage)).toEqual([])
    free = 13_000
    expect((await writeSet(repository)).volumes).toBe(2)
    expect(events.filter(({ type }) => type === 'spool-short')).toMatchObject([{ parallel: 3, wanted: 16 }])
    expect(() => repository.requireSpoolSpace(free + 1)).toThrow(/13001 bytes are needed/)
    repository.requireSpoolSpace(free)
    repository.close()
    expect(readdirSync(folder)).toEqual(['archive'])
  })

  it('refuses a passphrase that does not open the newest manifest, before anything is written', async () => {
    const { open } = await world()
    const first = open({ lock: true })
    await writeSet(first)
    first.close()
    const wrong = open({ envelope: pgp('other'), lock: true })
    await expect(wrong.checkPassphrase()).rejects.toMatchObject({ code: 'wrong-passphrase' })
    wrong.close()
    const right = open({ lock: true })
    await right.checkPassphrase()
    right.close()
  })

  it('tells a damaged newest manifest from a wrong passphrase when an older one opens', async () => {
    const { open, storage, events } = await world()
    for (const timeSeconds of [1_700_000_000, 1_700_000_100]) {
      const repository = open({ lock: true })
      await writeSet(repository, { type: 'full', timeSeconds })
      repository.close()
    }
    const newest = (await keysOf(storage)).findLast((key) => key.includes('manifest'))!
    const bytes = Buffer.from(await collect(storage.get(newest)))
    bytes[bytes.length - 5]! ^= 1
    await storage.put(newest, fromBytes(bytes))
    const repository = open({ lock: true })
    await repository.checkPassphrase()
    repository.close()
    expect(events).toContainEqual(expect.objectContaining({ type: 'damaged-manifest', key: newest }))
  })

  it('fetches a volume again when its hash is wrong, and refuses it when it stays wrong', async () => {
    const { open, storage, events } = await world({ envelope: gzipEnvelope({}) })
    const writing = open({ lock: true })
    await writeSet(writing)
    writing.close()
    const key = (await keysOf(storage)).find((one) => one.includes('.vol1.'))!
    const bytes = Buffer.from(await collect(storage.get(key)))
    bytes[bytes.length - 9]! ^= 1
    await storage.put(key, fromBytes(bytes))
    const repository = open({ tries: 3 })
    const { chains } = await repository.collect()
    const manifest = await repository.manifest(chains[0]!.full)
    const read = async () => {
      for await (const volume of repository.volumes(chains[0]!.full, manifest, [1])) await collect(volume.open())
    }
    await expect(read()).rejects.toMatchObject({ code: 'hash-mismatch' })
    expect(events.filter((event) => event.type === 'hash-retry')).toHaveLength(2)
    repository.close()
  })

  it('names a volume that is not on the storage', async () => {
    const { open, storage } = await world({ envelope: gzipEnvelope({}) })
    const writing = open({ lock: true })
    await writeSet(writing)
    writing.close()
    await storage.delete((await keysOf(storage)).find((one) => one.includes('.vol1.'))!)
    const repository = open()
    const { chains } = await repository.collect()
    const manifest = await repository.manifest(chains[0]!.full)
    const read = async () => {
      for await (const volume of repository.volumes(chains[0]!.full, manifest, [1])) await collect(volume.open())
    }
    await expect(read()).rejects.toMatchObject({ code: 'missing-volume' })
    repository.close()
  })

  it('refuses a second set of the same time', async () => {
    const { open } = await world()
    const repository = open({ lock: true })
    await writeSet(repository)
    await expect(repository.createSet({ times, volumeBytes: 1000 })).rejects.toMatchObject({ code: 'exists' })
    repository.close()
  })

  it('uses an archive dir of its own where the lock of the real program cannot be taken', async () => {
    const { open, archiveDir, events } = await world()
    const repository = open({ lock: true, loadLock: () => undefined })
    await writeSet(repository)
    repository.close()
    expect(readdirSync(archiveDir)).toEqual(['coalmine'])
    expect(existsSync(join(archiveDir, 'coalmine/own/duplicity-full.20231114T221320Z.manifest'))).toBe(true)
    expect(events[0]).toEqual({ type: 'own-archive-dir', folder: join(archiveDir, 'coalmine/own') })
  })
})
