import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromBytes, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createPassphraseEnvelope } from '@coalmine/openpgp'
import { createMemoryStorage, type Storage } from '@coalmine/storage'
import { faultyStorage } from '@coalmine/storage-testkit'
import { type Envelope, gzipEnvelope, plainEnvelope, type SetTimes, sigTarEnd } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { openRepository, type RepositoryEvent, type RepositoryOptions } from '../src/index.ts'

// What a person meets at night: copies and objects that are cut off, turned round, missing, or of another passphrase.

const pgp = (passphrase: string): Envelope => createPassphraseEnvelope({ passphrase, s2kCount: 1024 })

async function world(options: Partial<RepositoryOptions> = {}) {
  const folder = await tempDir('damage')
  const tempFolder = join(folder, 'temp')
  mkdirSync(tempFolder)
  const archiveDir = join(folder, 'archive')
  const storage = createMemoryStorage()
  const events: RepositoryEvent[] = []
  const open = (more: Partial<RepositoryOptions> = {}) =>
    openRepository({
      storage,
      envelope: gzipEnvelope({}),
      tempDir: tempFolder,
      archiveDir,
      onEvent: (event) => events.push(event),
      ...options,
      ...more,
    })
  return { tempFolder, archiveDir, storage, events, open }
}

async function write(repository: ReturnType<typeof openRepository>, times: SetTimes, names = ['a', 'b', 'c']) {
  const writer = await repository.createSet({ times, volumeBytes: 512 })
  await writer.signatures.write(Buffer.alloc(20_480, 's'))
  await writer.signatures.write(sigTarEnd(20_480))
  await writer.writeVolumes(
    (async function* () {
      for (const name of names) yield [{ bytes: Buffer.alloc(1024, name), path: name as RawPath }]
    })(),
  )
  await writer.commit({ hostname: 'here', files: [{ action: 'new', path: 'a' as RawPath }] })
  repository.close()
}

async function keyOf(storage: Storage, part: string): Promise<string> {
  for await (const { key } of storage.list()) if (key.includes(part)) return key
  throw new Error(`no ${part}`)
}

async function change(storage: Storage, part: string, edit: (bytes: Buffer) => Uint8Array): Promise<void> {
  const key = await keyOf(storage, part)
  await storage.put(key, fromBytes(edit(Buffer.from(await collect(storage.get(key))))))
}

const full: SetTimes = { type: 'full', timeSeconds: 1_700_000_000 }

describe('a manifest in the archive dir', () => {
  const damages: [string, (text: string) => string][] = [
    ['is empty', () => ''],
    ['ends between two volumes', (text) => text.slice(0, text.indexOf('Volume 3:'))],
    ['ends inside a volume', (text) => text.slice(0, text.indexOf('EndingPath', text.indexOf('Volume 3:')))],
    ['ends inside a digest', (text) => text.slice(0, text.lastIndexOf('Hash SHA1') + 20)],
    ['is something else', () => '\0\0\0\0'.repeat(100)],
  ]
  for (const [name, edit] of damages) {
    it(`that ${name} is passed over: the storage has the whole one`, async () => {
      const { open, archiveDir } = await world()
      await write(open({ lock: true }), full)
      const path = join(archiveDir, 'duplicity-full.20231114T221320Z.manifest')
      const whole = readFileSync(path, 'utf8')
      expect(edit(whole)).not.toBe(whole)
      writeFileSync(path, edit(whole))
      const repository = open()
      const { chains } = await repository.collect()
      const manifest = await repository.manifest(chains[0]!.full)
      expect([...manifest.volumes.keys()]).toEqual([1, 2, 3])
      for await (const volume of repository.volumes(chains[0]!.full, manifest, [1, 2, 3])) await collect(volume.open())
      repository.close()
    })
  }

  it('that is whole saves the way to the storage', async () => {
    const { open, storage } = await world()
    await write(open({ lock: true }), full)
    await storage.put(await keyOf(storage, 'manifest'), fromBytes(Buffer.from('damaged')))
    const repository = open()
    const { chains } = await repository.collect()
    expect((await repository.manifest(chains[0]!.full)).volumes.size).toBe(3)
    repository.close()
  })

  it('and one on the storage come without the list of files on request', async () => {
    for (const archiveDir of ['as opened', undefined]) {
      const { open } = await world(archiveDir === undefined ? { archiveDir } : {})
      await write(open({ lock: true }), full)
      const repository = open()
      const { chains } = await repository.collect()
      expect(await repository.manifest(chains[0]!.full)).toMatchObject({ files: [{ path: 'a' }], fileCount: 1 })
      const brief = await repository.manifest(chains[0]!.full, { files: false })
      expect([brief.files, brief.fileCount, brief.volumes.size]).toEqual([undefined, 1, 3])
      repository.close()
    }
  })
})

describe('signatures in the archive dir', () => {
  it('that are damaged are named with their place: they are a copy and may be removed', async () => {
    const { open, archiveDir } = await world()
    await write(open({ lock: true }), full)
    const path = join(archiveDir, 'duplicity-full-signatures.20231114T221320Z.sigtar.gz')
    writeFileSync(path, readFileSync(path).subarray(0, 40))
    const repository = open()
    const { signatureChains } = await repository.collect()
    await expect(collect(repository.signatures(signatureChains[0]!.full))).rejects.toMatchObject({
      name: 'RepositoryError',
      code: 'unreadable',
      message: expect.stringContaining(path),
    })
    repository.close()
  })
})

describe('objects on the storage', () => {
  it('that are damaged are refused by name: a manifest', async () => {
    for (const edit of [
      () => Buffer.from('Volume x:\n'),
      () => Buffer.from('Volume 1:\n    StartingPath   .  \n'),
    ] satisfies ((bytes: Buffer) => Uint8Array)[]) {
      const { open, storage } = await world({ archiveDir: undefined })
      await write(open(), full)
      await change(storage, 'manifest', edit)
      const repository = open()
      const { chains } = await repository.collect()
      await expect(repository.manifest(chains[0]!.full)).rejects.toMatchObject({
        name: 'RepositoryError',
        code: 'unreadable',
        message: expect.stringContaining('"duplicity-full.20231114T221320Z.manifest"'),
      })
      repository.close()
    }
  })

  it('that are damaged are refused by name: encrypted manifests and signatures, before anything of them is believed', async () => {
    const { open, storage, tempFolder } = await world({ archiveDir: undefined, envelope: pgp('test') })
    await write(open(), full)
    for (const part of ['manifest', 'sigtar']) {
      await change(storage, part, (bytes) => {
        bytes[bytes.length - 3]! ^= 1
        return bytes
      })
    }
    const repository = open()
    const { chains, signatureChains } = await repository.collect()
    await expect(repository.manifest(chains[0]!.full)).rejects.toMatchObject({ code: 'unreadable' })
    let handedOn = 0
    const read = async () => {
      for await (const chunk of repository.signatures(signatureChains[0]!.full)) handedOn += chunk.length
    }
    await expect(read()).rejects.toMatchObject({ code: 'unreadable', message: expect.stringContaining('sigtar.gpg"') })
    expect(handedOn).toBe(0)
    expect(readdirSync(join(tempFolder, readdirSync(tempFolder)[0]!))).toEqual([])
    repository.close()
    expect(readdirSync(tempFolder)).toEqual([])
  })

  it('that opens but is no manifest is damage to the check of the passphrase, not the end of it', async () => {
    const envelope = pgp('test')
    const { open, storage, events } = await world({ archiveDir: undefined, envelope })
    await write(open(), full)
    await write(open(), { type: 'full', timeSeconds: 1_700_000_500 })
    const newest = await keyOf(storage, '222140Z.manifest')
    await storage.put(
      newest,
      fromBytes(await collect(envelope.seal('manifest', fromBytes(Buffer.from('Volume x:\n')).open()))),
    )
    const repository = open()
    await repository.checkPassphrase()
    expect(events.at(-1)).toMatchObject({ type: 'damaged-manifest', key: newest })
    repository.close()
  })
})

describe('what opens an object', () => {
  it('is chosen by its name: plain, gzipped and encrypted sets in one storage', async () => {
    const { open, storage } = await world({ archiveDir: undefined })
    const envelopes = [plainEnvelope(), gzipEnvelope({}), pgp('test')]
    for (const [index, envelope] of envelopes.entries()) {
      await write(open({ envelope }), { type: 'full', timeSeconds: 1_700_000_000 + index })
    }
    const asked: string[] = []
    const repository = open({
      envelope: plainEnvelope(),
      openerFor: ({ encrypted, compressed }) => {
        const form = encrypted ? 'encrypted' : compressed ? 'compressed' : 'plain'
        asked.push(form)
        return encrypted ? Promise.resolve(pgp('test')) : compressed ? gzipEnvelope({}) : plainEnvelope()
      },
    })
    const { chains, signatureChains } = await repository.collect()
    expect(chains).toHaveLength(3)
    for (const [index, { full: set }] of chains.entries()) {
      asked.length = 0
      const manifest = await repository.manifest(set)
      for await (const volume of repository.volumes(set, manifest, [2])) {
        expect(Buffer.from(await collect(volume.open())).toString()).toContain('b'.repeat(1024))
      }
      const plain = await collect(repository.signatures(signatureChains[index]!.full))
      expect(plain).toHaveLength(30_720)
      // A plain manifest is never compressed; its name says so.
      expect(new Set(asked)).toEqual(new Set([['plain'], ['plain', 'compressed'], ['encrypted']][index]))
    }
    repository.close()
    expect(await keyOf(storage, 'difftar.gpg')).toBeTruthy()
  })
})

describe('Repository', () => {
  it('can be asked again when the listing failed', async () => {
    const { open, storage } = await world({ archiveDir: undefined })
    await write(open(), full)
    const failing = faultyStorage(storage, [{ operation: 'list', fault: { type: 'fail', when: 'midway' } }])
    const repository = open({ storage: failing })
    await expect(repository.collect()).rejects.toThrow(/planned fault/)
    expect((await repository.collect()).chains).toHaveLength(1)
    repository.close()
  })

  it('leaves no file of its own behind, however it is left', async () => {
    const { open, tempFolder } = await world({ archiveDir: undefined })
    await write(open(), full)
    const repository = open()
    const { chains, signatureChains } = await repository.collect()
    const manifest = await repository.manifest(chains[0]!.full)
    for await (const _ of repository.signatures(signatureChains[0]!.full)) break
    for await (const volume of repository.volumes(chains[0]!.full, manifest, [1, 2, 3])) {
      for await (const _ of volume.open()) break
      break
    }
    const [spool] = readdirSync(tempFolder)
    expect(readdirSync(join(tempFolder, spool!))).toEqual([])
    // In the middle of everything.
    const volumes = repository.volumes(chains[0]!.full, manifest, [1, 2, 3])[Symbol.asyncIterator]()
    await volumes.next()
    const signatures = repository.signatures(signatureChains[0]!.full)[Symbol.asyncIterator]()
    await signatures.next()
    repository.close()
    expect(readdirSync(tempFolder)).toEqual([])
    await volumes.return?.()
    await signatures.return?.()
    repository.close()
    expect(readdirSync(tempFolder)).toEqual([])
  })

  it('says it when the folder for temporary files is not there', async () => {
    const { open, tempFolder } = await world({ archiveDir: undefined })
    const repository = open({ tempDir: join(tempFolder, 'nowhere') })
    await expect(repository.createSet({ times: full, volumeBytes: 1000 })).rejects.toMatchObject({
      name: 'RepositoryError',
      message: `Cannot make a spool folder in "${join(tempFolder, 'nowhere')}": there is no such folder`,
    })
    repository.close()
  })

  it('changes nothing in the archive dir without its lock', async () => {
    const { open, archiveDir } = await world()
    await write(open(), full)
    expect(() => readdirSync(archiveDir)).toThrow(/ENOENT/)
    const repository = open()
    const { chains, signatureChains } = await repository.collect()
    await repository.manifest(chains[0]!.full)
    await collect(repository.signatures(signatureChains[0]!.full))
    repository.close()
    expect(() => readdirSync(archiveDir)).toThrow(/ENOENT/)
  })

  it('refuses a set in the place of one that is incomplete, orphaned or replaced', async () => {
    const inc = (startSeconds: number, endSeconds: number): SetTimes => ({ type: 'inc', startSeconds, endSeconds })
    const { open, storage } = await world({ archiveDir: undefined })
    await write(open(), full)
    await write(open(), inc(1_700_000_000, 1_700_000_100))
    await write(open(), inc(1_700_000_000, 1_700_000_200))
    await write(open(), inc(1_700_000_555, 1_700_000_600))
    await write(open(), inc(1_700_000_200, 1_700_000_700))
    await storage.delete(await keyOf(storage, '222500Z.manifest'))
    const collection = await open().collect()
    expect(collection.replacedSets).toHaveLength(1)
    expect(collection.orphanedSets).toHaveLength(1)
    expect(collection.incompleteSets).toHaveLength(1)
    for (const end of [0, 100, 200, 600, 700]) {
      const repository = open()
      const times: SetTimes = { type: 'full', timeSeconds: 1_700_000_000 + end }
      await expect(repository.createSet({ times, volumeBytes: 1000 })).rejects.toMatchObject({ code: 'exists' })
      repository.close()
    }
  })
})
