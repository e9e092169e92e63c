import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createPassphraseEnvelope } from '@coalmine/openpgp'
import { createMemoryStorage, passThrough } from '@coalmine/storage'
import { type EntryMeta, encodeSigTarMember, sigTarEnd, type SetTimes } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { nodeLocalEffects, openRepository, type RepositoryEvent, type RepositoryOptions } from '../src/index.ts'

// What was fetched from the storage is counted there; the archive dir written by our own backups is what a rebuilt one is
// compared with.

const start = 1_700_000_000
const sets: SetTimes[] = [
  { type: 'full', timeSeconds: start },
  { type: 'inc', startSeconds: start, endSeconds: start + 100 },
  { type: 'inc', startSeconds: start + 100, endSeconds: start + 200 },
]
const facts = { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 1, userName: '', groupName: '' } as const
const member = { ...facts, path: '' as RawPath } satisfies EntryMeta
const signature = encodeSigTarMember({ action: 'snapshot', meta: member })

async function world() {
  const memory = createMemoryStorage()
  const fetched: string[] = []
  const storage = passThrough(memory, {
    get(key, options) {
      fetched.push(key)
      return memory.get(key, options)
    },
  })
  const folder = await tempDir('sync')
  const archiveDir = join(folder, 'archive')
  const events: RepositoryEvent[] = []
  const open = (options: Partial<RepositoryOptions> = {}) =>
    openRepository({
      storage,
      envelope: createPassphraseEnvelope({ passphrase: 'test', s2kCount: 65_536 }),
      tempDir: folder,
      archiveDir,
      keepCopies: true,
      onEvent: (event) => events.push(event),
      ...options,
    })
  const writing = open({ lock: true })
  for (const times of sets) {
    const writer = await writing.createSet({ times, volumeBytes: 100_000 })
    await writer.signatures.write(signature)
    await writer.signatures.write(sigTarEnd(signature.length))
    await writer.writeVolumes(
      (async function* () {
        yield [{ path: '' as RawPath, bytes: Buffer.alloc(512) }]
      })(),
    )
    await writer.commit({})
  }
  writing.close()
  fetched.length = 0
  return { memory, storage, fetched, folder, archiveDir, events, open }
}

const copiesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith('duplicity-'))
    .sort()

async function readState(repository: ReturnType<typeof openRepository>): Promise<number> {
  let entries = 0
  for await (const batch of repository.state((await repository.head())!)) entries += batch.length
  return entries
}

describe('copies in the archive dir', () => {
  it('are made of what is read, once, whole, for their owner alone, with and without the lock', async () => {
    const { open, archiveDir, fetched } = await world()
    const names = copiesIn(archiveDir)
    const manifests = names.filter((name) => name.endsWith('.manifest'))
    const whole = manifests.map((name) => readFileSync(join(archiveDir, name), 'latin1'))
    for (const lock of [true, false]) {
      rmSync(archiveDir, { recursive: true })
      const repository = open({ lock })
      expect(await readState(repository)).toBe(1)
      expect(await readState(repository)).toBe(1)
      repository.close()
      // Three manifests and three signature files, each fetched once.
      expect(fetched.splice(0).sort()).toHaveLength(6)
      expect(copiesIn(archiveDir)).toEqual(names)
      expect(manifests.map((name) => readFileSync(join(archiveDir, name), 'latin1'))).toEqual(whole)
      for (const name of names) expect(statSync(join(archiveDir, name)).mode & 0o777).toBe(0o600)
      expect(readdirSync(join(archiveDir, 'coalmine'))).toEqual([])
      const again = open({ lock })
      expect(await readState(again)).toBe(1)
      again.close()
      expect(fetched).toEqual([])
    }
  })

  it('are made of what is asked for, and of nothing else', async () => {
    const { open, archiveDir, fetched } = await world()
    rmSync(archiveDir, { recursive: true })
    const repository = open()
    const { chains, signatureChains } = await repository.collect()
    await repository.sync({ manifests: chains[0]!.sets.slice(0, 2) })
    expect(copiesIn(archiveDir).map((name) => name.endsWith('.manifest'))).toEqual([true, true])
    await repository.sync({ signatures: [signatureChains[0]!.full] })
    expect(copiesIn(archiveDir)).toHaveLength(3)
    expect(fetched).toHaveLength(3)
    repository.close()
  })

  it('are not made while another run holds the lock, nor where nothing can be written; what is read is the same', async () => {
    const { open, archiveDir, events } = await world()
    rmSync(archiveDir, { recursive: true })
    const other = open({ lock: true })
    const repository = open()
    expect(await readState(repository)).toBe(1)
    expect(copiesIn(archiveDir)).toEqual([])
    other.close()
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    const effects = {
      ...nodeLocalEffects,
      createFile: (path: string) => (path.startsWith(archiveDir) ? thrown(full) : nodeLocalEffects.createFile(path)),
    }
    const cramped = open({ effects })
    expect(await readState(cramped)).toBe(1)
    expect(copiesIn(archiveDir)).toEqual([])
    expect(events).toContainEqual({ type: 'copy-not-kept', message: expect.stringContaining('no space') as string })
    expect(readdirSync(join(archiveDir, 'coalmine'))).toEqual([])
    cramped.close()
    repository.close()
  })

  it('that are damaged are replaced by good ones; foreign files stay', async () => {
    const { open, archiveDir, fetched } = await world()
    const [signatures, manifest] = [/full-sig/, /^duplicity-inc.*to.*40Z.manifest/].map((pattern) =>
      copiesIn(archiveDir).find((name) => pattern.test(name))!,
    )
    const good = readFileSync(join(archiveDir, manifest!), 'latin1')
    writeFileSync(join(archiveDir, signatures!), 'not gzip')
    writeFileSync(join(archiveDir, manifest!), 'Volume x:')
    writeFileSync(join(archiveDir, 'of somebody'), 'else')
    writeFileSync(join(archiveDir, 'duplicity-full.20200101T000000Z.manifest.part'), 'of theirs')
    const repository = open({ lock: true })
    await expect(readState(repository)).rejects.toMatchObject({ code: 'bad-signatures', retry: 'now' })
    expect(await readState(repository)).toBe(1)
    await repository.compareCopies()
    repository.close()
    expect(fetched).toHaveLength(2)
    expect(readFileSync(join(archiveDir, manifest!), 'latin1')).toBe(good)
    expect(readFileSync(join(archiveDir, 'of somebody'), 'utf8')).toBe('else')
    expect(readdirSync(archiveDir)).toContain('duplicity-full.20200101T000000Z.manifest.part')
    const again = open()
    expect(await readState(again)).toBe(1)
    expect(fetched).toHaveLength(2)
    again.close()
  })

  it('never come of a stored object that is damaged', async () => {
    const { open, memory, archiveDir } = await world()
    const copies = copiesIn(archiveDir)
    for await (const { key } of memory.list()) {
      if (!key.includes('.vol')) {
        const bytes = Buffer.from(await collect(memory.get(key)))
        bytes[bytes.length - 30]! ^= 1
        await memory.put(key, {
          size: bytes.length,
          open: async function* () {
            yield bytes
          },
        })
      }
    }
    rmSync(archiveDir, { recursive: true })
    const repository = open({ lock: true })
    const { chains, signatureChains } = await repository.collect()
    await repository.sync({ manifests: chains[0]!.sets, signatures: signatureChains[0]!.sets })
    await expect(repository.manifest(chains[0]!.full)).rejects.toMatchObject({ name: 'RepositoryError' })
    await expect(collect(repository.signatures(signatureChains[0]!.full))).rejects.toMatchObject({
      name: 'RepositoryError',
    })
    repository.close()
    expect(copies).toHaveLength(6)
    expect(copiesIn(archiveDir)).toEqual([])
    expect(readdirSync(join(archiveDir, 'coalmine'))).toEqual([])
  })

  it('stay when the storage loses sets, which is told; those of sets before the newest full one go', async () => {
    const { open, memory, archiveDir, events } = await world()
    const copies = copiesIn(archiveDir)
    const last = 'duplicity-inc.20231114T221500Z.to.20231114T221640Z'
    for await (const { key } of memory.list()) if (key.includes('20231114T221640Z')) await memory.delete(key)
    const repository = open({ lock: true })
    await repository.compareCopies()
    // What this machine has put itself the ledger knows, and tells with the volumes.
    expect(events.filter(({ type }) => type === 'sets-lost')).toEqual([])
    expect((await repository.losses()).flatMap(({ keys }) => keys).join()).toContain(last)
    repository.close()
    rmSync(join(archiveDir, 'coalmine'), { recursive: true })
    const stranger = open({ lock: true })
    await stranger.compareCopies()
    expect(events.at(-1)).toEqual({ type: 'sets-lost', keys: [`${last}.manifest`] })
    expect(copiesIn(archiveDir)).toEqual(copies)
    // Accepted, it is not told again.
    await stranger.accept()
    events.length = 0
    await stranger.compareCopies()
    stranger.close()
    expect(events).toEqual([])
    expect(copiesIn(archiveDir)).toEqual(copies.filter((name) => !name.includes('20231114T221640Z')))
    // A new full set elsewhere, and the old chain removed there.
    const elsewhere = open({ archiveDir: join(archiveDir, '..', 'elsewhere'), lock: true })
    const writer = await elsewhere.createSet({
      times: { type: 'full', timeSeconds: start + 300 },
      volumeBytes: 100_000,
    })
    await writer.signatures.write(sigTarEnd(0))
    await writer.writeVolumes((async function* () {})())
    await writer.commit({})
    elsewhere.close()
    for await (const { key } of memory.list()) if (!key.includes('20231114T221820Z')) await memory.delete(key)
    events.length = 0
    const later = open({ lock: true })
    await later.compareCopies()
    later.close()
    expect(events.filter(({ type }) => type === 'sets-lost')).toEqual([])
    expect(copiesIn(archiveDir)).toEqual([])
  })

  it('that a killed run was writing are removed by the next one', async () => {
    const { open, archiveDir } = await world()
    const work = join(archiveDir, 'coalmine')
    const { host, boot, space } = nodeLocalEffects.process()
    const dead = `coalmine-copy-${host}-${boot}-${space}-4194304-1-0123456789abcdef`
    const elsewhere = `coalmine-copy-other-1-1-1-1-0123456789abcdef`
    mkdirSync(work, { recursive: true })
    for (const name of [dead, elsewhere, 'ledger']) writeFileSync(join(work, name), '')
    rmSync(join(archiveDir, copiesIn(archiveDir)[0]!))
    const repository = open()
    await readState(repository)
    repository.close()
    expect(readdirSync(work).sort()).toEqual([elsewhere, 'ledger'])
  })
})

function thrown(error: unknown): never {
  throw error
}
