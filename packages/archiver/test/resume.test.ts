import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { collect, fromChunks } from '@coalmine/bytes'
import { createRandom, tempDir } from '@coalmine/fixtures'
import { openTree } from '@coalmine/filetree'
import { signature } from '@coalmine/rdiff'
import { openRepository, type RepositoryEvent } from '@coalmine/repository'
import { createMemoryStorage, passThrough, type Storage } from '@coalmine/storage'
import { DiffTarDecoder, parseManifest, plainEnvelope, readSigTar, type SetTimes } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { backupFull, type BackupEvent, backupIncremental, type BackupResult } from '../src/index.ts'

// Judge: a backup of the same tree that nothing interrupted, object by object. Where the tree changed in between: that every
// file of the set is signed as it is in the set, and is what it was at one of the two times.

const full: SetTimes = { type: 'full', timeSeconds: 1_700_000_000 }
const inc: SetTimes = { type: 'inc', startSeconds: 1_700_000_000, endSeconds: 1_700_000_900 }
const long = Boolean(process.env['COALMINE_LONG'])
const random = createRandom('resume')
// Six volumes or so: within the big files, between small ones.
const volumeBytes = 160_000

let seconds = 1_650_000_000

/** Writes a file, in a second in which no other was written. */
function change(path: string, content: Uint8Array | string): void {
  writeFileSync(path, content)
  utimesSync(path, seconds, (seconds += 10))
}

interface Attempt {
  result?: BackupResult
  error?: unknown
  put: string[]
  events: (BackupEvent | RepositoryEvent)[]
}

interface World {
  readonly source: string
  readonly archiveDir: string
  storage: Storage
}

async function makeWorld(): Promise<World> {
  const folder = await tempDir('resume')
  const source = join(folder, 'source')
  mkdirSync(join(source, 'd'), { recursive: true })
  for (const name of ['a', 'b', 'd/1', 'd/2', 'm', 'z']) writeFileSync(join(source, name), random.bytes(20_000))
  writeFileSync(join(source, 'd/big'), random.bytes(400_000))
  writeFileSync(join(source, 'n'), random.bytes(65_536 * 5))
  return { source, archiveDir: join(folder, 'archive'), storage: createMemoryStorage() }
}

/** Backs up; the put with that number fails, and all after it. */
async function attempt(
  { source, archiveDir, storage }: World,
  times: SetTimes,
  {
    failAt = Number.POSITIVE_INFINITY,
    parallel = 1,
    late,
    bytes = volumeBytes,
  }: { failAt?: number; parallel?: number; late?: Storage; bytes?: number } = {},
): Promise<Attempt> {
  const made: Attempt = { put: [], events: [] }
  let listed = late ?? storage
  const { capabilities, ...info } = storage.info
  const failing = passThrough(storage, {
    info: { ...info, capabilities: { ...capabilities, listLagMs: late === undefined ? 0 : 1000 } },
    list: (options) => listed.list(options),
    async put(key, content, options) {
      made.put.push(key)
      if (made.put.length >= failAt) throw new Error('the network is gone')
      return storage.put(key, content, options)
    },
  })
  const onEvent = (event: BackupEvent | RepositoryEvent) => void made.events.push(event)
  const repository = openRepository({
    ...{ storage: failing, envelope: plainEnvelope(), onEvent, lock: true },
    ...{ tempDir: join(archiveDir, '..'), archiveDir, keepCopies: true },
    // Whoever waits sees what there is.
    sleep: async () => void (listed = storage),
  })
  const tree = await openTree(source, { worker: false })
  try {
    const interrupted = await repository.interrupted()
    const set = { times, volumeBytes: bytes, parallel, conditions: {}, resume: interrupted !== undefined }
    const head = times.type === 'inc' ? await repository.head() : undefined
    const common = { tree, repository, set, onEvent }
    made.result = head === undefined ? await backupFull(common) : await backupIncremental({ ...common, head })
  } catch (error) {
    made.error = error
  } finally {
    await tree.close()
    repository.close()
  }
  return made
}

async function objectsOf(storage: Storage, only = ''): Promise<Map<string, string>> {
  const objects = new Map<string, string>()
  for await (const { key } of storage.list()) {
    if (key.includes(only)) objects.set(key, Buffer.from(await collect(storage.get(key))).toString('latin1'))
  }
  return new Map([...objects].sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function copyOf(storage: Storage): Promise<Storage> {
  const copy = createMemoryStorage()
  for (const [key, bytes] of await objectsOf(storage)) {
    const content = Buffer.from(bytes, 'latin1')
    await copy.put(key, { size: content.length, open: () => fromChunks([content]) })
  }
  return copy
}

/** But for what is known of the files of the newest set that was written in one run. */
const localOf = ({ archiveDir }: World) =>
  readdirSync(join(archiveDir, 'coalmine'))
    .filter((name) => name !== 'files')
    .sort()

/** Contents of the whole files of a set, each compared with its signature. */
async function contentsOf(storage: Storage, prefix: string): Promise<Map<string, Buffer>> {
  const objects = await objectsOf(storage)
  const manifest = parseManifest(Buffer.from(objects.get(`${prefix}.manifest`)!, 'latin1'))
  const decoder = new DiffTarDecoder()
  const contents = new Map<string, Buffer[]>()
  let current: Buffer[] = []
  const take = (parts: ReturnType<DiffTarDecoder['push']>) => {
    for (const part of parts) {
      if (part.type === 'entry') contents.set(part.entry.path, (current = []))
      else if (part.type === 'data') current.push(Buffer.from(part.bytes))
    }
  }
  const volumes = [...objects.keys()].filter((key) => key.startsWith(`${prefix}.vol`))
  expect(volumes).toHaveLength(manifest.volumes.size)
  for (const number of [...manifest.volumes.keys()].sort((a, b) => a - b)) {
    decoder.beginVolume()
    take(decoder.push(Buffer.from(objects.get(`${prefix}.vol${number}.difftar`)!, 'latin1')))
    take(decoder.endVolume())
  }
  take(decoder.finish())
  const sigtar = Buffer.from(objects.get(`${prefix.replace('full', 'full-signatures')}.sigtar`)!, 'latin1')
  let files = 0
  for await (const batch of readSigTar(fromChunks([sigtar]))) {
    for (const entry of batch) {
      if (entry.action !== 'signature') continue
      files += 1
      const content = Buffer.concat(contents.get(entry.path)!)
      const blockBytes = Buffer.from(entry.signature!).readUInt32BE(4)
      expect(Buffer.from(entry.signature!).equals(signature(content, { blockBytes })), entry.path).toBe(true)
    }
  }
  expect(manifest.fileCount).toBe(files)
  return new Map([...contents].map(([path, pieces]) => [path, Buffer.concat(pieces)]))
}

const prefix = 'duplicity-full.20231114T221320Z'

describe('a backup that was interrupted', () => {
  it('goes on after any put that failed, full and incremental: the set is, byte for byte, that of one run', async () => {
    const world = await makeWorld()
    const { archiveDir } = world
    for (const times of [full, inc]) {
      if (times === inc) {
        change(join(world.source, 'd/big'), random.bytes(500_000))
        change(join(world.source, 'n'), Buffer.concat([readFileSync(join(world.source, 'n')), random.bytes(300_000)]))
        for (const name of ['b', 'd/1']) rmSync(join(world.source, name))
        change(join(world.source, 'new'), random.bytes(100))
      }
      const storageBefore = world.storage
      if (times === inc) cpSync(archiveDir, `${archiveDir}.before`, { recursive: true })
      world.storage = await copyOf(storageBefore)
      const whole = await attempt(world, times)
      expect(whole.error).toBeUndefined()
      const expected = await objectsOf(world.storage)
      const copies = readdirSync(archiveDir).filter((name) => name.endsWith('.manifest'))
      expect(whole.put.length).toBeGreaterThan(6)
      for (let failAt = 1; failAt <= whole.put.length; failAt++) {
        for (const parallel of long ? [1, 3] : [failAt % 2 === 0 ? 3 : 1]) {
          world.storage = await copyOf(storageBefore)
          rmSync(archiveDir, { recursive: true })
          if (times === inc) cpSync(`${archiveDir}.before`, archiveDir, { recursive: true })
          const first = await attempt(world, times, { failAt, parallel })
          expect(first.error).toMatchObject({ message: 'the network is gone' })
          const second = await attempt(world, times, { parallel })
          const at = `${times.type}, put ${failAt} of ${whole.put.length}, ${parallel} at a time`
          expect(second.error, at).toBeUndefined()
          expect(await objectsOf(world.storage), at).toEqual(expected)
          if (parallel === 1) {
            const volumes = Math.min(failAt, whole.put.length - 1) - 1
            expect(second.put, at).toEqual(whole.put.slice(Math.min(volumes, whole.put.length - 2)))
            if (volumes > 0) expect(first.events.at(-1)).toMatchObject({ type: 'interrupted' })
          }
          expect(localOf(world).filter((name) => name !== 'ledger')).toEqual([])
          expect(readdirSync(archiveDir).filter((name) => name.endsWith('.manifest'))).toEqual(copies)
          const resumed = second.events.some(({ type }) => type === 'resumed')
          if (resumed) {
            const { statistics } = second.result!
            expect({ ...statistics, rawDeltaSize: 0, sourceFileSize: 0 }).toEqual({
              ...whole.result!.statistics,
              ...{ rawDeltaSize: 0, sourceFileSize: 0 },
            })
          }
        }
      }
      world.storage = await copyOf(storageBefore)
      rmSync(archiveDir, { recursive: true })
      if (times === inc) cpSync(`${archiveDir}.before`, archiveDir, { recursive: true })
      await attempt(world, times)
    }
  }, 60_000)

  it('goes on where listings are late: what was stored is asked for by name, and the set is that of one run', async () => {
    const world = await makeWorld()
    const other = { ...world, archiveDir: `${world.archiveDir}.other`, storage: createMemoryStorage() }
    const whole = await attempt(other, full)
    const expected = await objectsOf(other.storage)
    for (const [failAt, parallel] of [
      [2, 1],
      [4, 3],
      [whole.put.length - 1, 3],
      [whole.put.length, 1],
    ] as const) {
      world.storage = createMemoryStorage()
      rmSync(world.archiveDir, { recursive: true, force: true })
      expect((await attempt(world, full, { failAt, parallel })).error).toBeDefined()
      // The listing is that of before the first run, until somebody waits for it.
      const second = await attempt(world, full, { parallel, late: createMemoryStorage() })
      expect(second.error, `put ${failAt}`).toBeUndefined()
      expect(second.events.some(({ type }) => type === 'resumed')).toBe(true)
      expect(second.put.length).toBeLessThan(whole.put.length)
      expect(await objectsOf(world.storage), `put ${failAt}`).toEqual(expected)
    }
  })

  it('goes on with volumes of another size: each says where it begins and ends', async () => {
    for (const bytes of [60_000, 1_000_000]) {
      for (const [failAt, parallel] of [
        [3, 1],
        [5, 3],
      ] as const) {
        const world = await makeWorld()
        expect((await attempt(world, full, { failAt, parallel })).error).toBeDefined()
        const second = await attempt(world, full, { parallel, bytes })
        expect(second.error).toBeUndefined()
        expect(second.events.some(({ type }) => type === 'resumed')).toBe(true)
        const contents = await contentsOf(world.storage, prefix)
        expect(contents.size).toBe(10)
        for (const [path, content] of contents) {
          const isFolder = path === '' || path === 'd'
          expect(isFolder || readFileSync(join(world.source, path)).equals(content), path).toBe(true)
        }
        const sizes = new Set<boolean>()
        for await (const { key, size } of world.storage.list()) {
          if (key.includes('.vol')) sizes.add(size > volumeBytes)
        }
        expect(sizes.has(true)).toBe(bytes > volumeBytes)
      }
    }
  })

  it('again and again: every run goes a volume further', async () => {
    const world = await makeWorld()
    const whole = await attempt(
      { ...world, archiveDir: `${world.archiveDir}.other`, storage: createMemoryStorage() },
      full,
    )
    let runs = 0
    for (; runs < 20; runs++) if ((await attempt(world, full, { failAt: 2 })).error === undefined) break
    // What is put last in one go, signatures and manifest, never is with the second put failing.
    expect(runs).toBe(20)
    const last = await attempt(world, full)
    expect(last.error).toBeUndefined()
    expect(last.put).toHaveLength(2)
    expect((await objectsOf(world.storage)).size).toBe(whole.put.length)
    await contentsOf(world.storage, prefix)
  })

  const changes: [string, (source: string) => void][] = [
    ['the split file has other content', (source) => change(join(source, 'd/big'), random.bytes(300_000))],
    [
      'the split file has other content, and the times that it had',
      (source) => {
        const path = join(source, 'd/big')
        const { atime, mtime } = statSync(path)
        const content = readFileSync(path)
        content[10]! ^= 1
        writeFileSync(path, content)
        utimesSync(path, atime, mtime)
      },
    ],
    ['the split file is gone', (source) => rmSync(join(source, 'd/big'))],
    [
      'the split file is a folder',
      (source) => {
        rmSync(join(source, 'd/big'))
        mkdirSync(join(source, 'd/big'))
      },
    ],
    ['the folder of the split file is gone', (source) => rmSync(join(source, 'd'), { recursive: true })],
    [
      'everything changes',
      (source) => {
        for (const name of ['a', 'b', 'm', 'z', 'd/1', 'd/big', 'n']) change(join(source, name), random.bytes(50_000))
        change(join(source, '0'), 'before all')
        rmSync(join(source, 'd/2'))
      },
    ],
  ]
  for (const [name, makeChange] of changes) {
    it(`${name}: the file is stored again from where it began, and everything is signed as it is stored`, async () => {
      for (const failAt of [2, 3, 4, 5, 6, 7]) {
        const world = await makeWorld()
        const before = new Map(
          ['a', 'b', 'm', 'z', 'n', 'd/1', 'd/2', 'd/big'].map((one) => [one, readFileSync(join(world.source, one))]),
        )
        await attempt(world, full, { failAt, parallel: 2 })
        makeChange(world.source)
        const second = await attempt(world, full)
        expect(second.error).toBeUndefined()
        for (const [path, content] of await contentsOf(world.storage, prefix)) {
          const file = join(world.source, path)
          const now = existsSync(file) && statSync(file).isFile() ? readFileSync(file) : Buffer.alloc(0)
          expect(content.equals(now) || content.equals(before.get(path) ?? Buffer.alloc(0)), path).toBe(true)
        }
      }
    })
  }

  it('whose volumes were removed or are others goes on from the last one before, or is not continued', async () => {
    for (const number of [1, 2, 3]) {
      for (const harm of ['removed', 'other'] as const) {
        const world = await makeWorld()
        await attempt(world, full, { failAt: 5 })
        const key = `${prefix}.vol${number}.difftar`
        await world.storage.delete(key)
        if (harm === 'other') await world.storage.put(key, { size: 3, open: () => fromChunks([Buffer.from('abc')]) })
        const second = await attempt(world, { type: 'full', timeSeconds: 1_700_000_000 + (number === 1 ? 50 : 0) })
        expect(second.error).toBeUndefined()
        if (number === 1) {
          expect(second.events).toContainEqual(expect.objectContaining({ type: 'journal-dropped' }))
        } else {
          expect(second.put[0]).toBe(key)
          await contentsOf(world.storage, prefix)
        }
      }
    }
  })

  it('whose journal or signatures are damaged is not continued where they end', async () => {
    const damages: [string, (bytes: Buffer) => Buffer][] = [
      ['journal', (bytes) => bytes.subarray(0, bytes.length - 5)],
      ['journal', (bytes) => Buffer.concat([bytes, Buffer.from('{"number":')])],
      ['journal', (bytes) => Buffer.concat([bytes.subarray(0, 20), Buffer.from('{\n'), bytes.subarray(20)])],
      ['journal', () => Buffer.alloc(0)],
      ['journal.sigtar.gz', (bytes) => bytes.subarray(0, 50)],
      ['journal.sigtar.gz', (bytes) => Buffer.concat([bytes, Buffer.from('what was written behind')])],
      ['journal.sigtar.gz', () => Buffer.alloc(0)],
    ]
    for (const [at, [name, damage]] of damages.entries()) {
      const world = await makeWorld()
      await attempt(world, full, { failAt: 5 })
      const path = join(world.archiveDir, 'coalmine', name)
      expect(statSync(path).mode & 0o777).toBe(0o600)
      writeFileSync(path, damage(readFileSync(path)))
      // Where nothing is left of the journal the set gets another time.
      const another = [2, 3, 4, 6].includes(at)
      const second = await attempt(world, { type: 'full', timeSeconds: full.timeSeconds + (another ? 50 : 0) })
      expect(second.error, `${name} ${at}`).toBeUndefined()
      await contentsOf(world.storage, another ? 'duplicity-full.20231114T221410Z' : prefix)
      expect(second.events.some(({ type }) => type === 'resumed')).toBe(!another)
      expect(localOf(world)).toEqual(['ledger'])
    }
  })

  it('is dropped when a newer set is there, and when what it continues is no longer the newest', async () => {
    const world = await makeWorld()
    await attempt(world, full)
    change(join(world.source, 'd/big'), random.bytes(500_000))
    await attempt(world, inc, { failAt: 3 })
    const elsewhere = { ...world, archiveDir: `${world.archiveDir}.other` }
    const other = await attempt(elsewhere, { type: 'inc', startSeconds: full.timeSeconds, endSeconds: 1_700_000_500 })
    expect(other.error).toBeUndefined()
    const next: SetTimes = { type: 'inc', startSeconds: 1_700_000_500, endSeconds: 1_700_001_500 }
    const second = await attempt(world, next)
    expect(second.error).toBeUndefined()
    expect(second.events).toContainEqual({
      ...{ type: 'journal-dropped', times: inc },
      reason: 'the set that it continues is no longer the newest',
    })
    await attempt(world, { type: 'inc', startSeconds: 1_700_001_500, endSeconds: 1_700_002_000 }, { failAt: 2 })
    change(join(world.source, 'd/big'), random.bytes(500_000))
    await attempt(world, { type: 'full', timeSeconds: 1_700_003_000 }, { failAt: 4 })
    await attempt(elsewhere, { type: 'inc', startSeconds: 1_700_001_500, endSeconds: 1_700_004_000 })
    const third = await attempt(world, { type: 'inc', startSeconds: 1_700_004_000, endSeconds: 1_700_005_000 })
    expect(third.error).toBeUndefined()
    expect(third.events).toContainEqual(
      expect.objectContaining({ type: 'journal-dropped', reason: 'a newer set is there' }),
    )
  })

  it('cannot be continued when another machine committed meanwhile: it is taken back, with what earlier runs put', async () => {
    const world = await makeWorld()
    await attempt(world, full)
    change(join(world.source, 'd/big'), random.bytes(500_000))
    await attempt(world, inc, { failAt: 3 })
    const { storage } = world
    const elsewhere = { ...world, archiveDir: `${world.archiveDir}.other` }
    let calls = 0
    let other: Attempt | undefined
    world.storage = passThrough(storage, {
      async put(key, content, options) {
        if ((calls += 1) === 2)
          other = await attempt(elsewhere, { type: 'inc', startSeconds: full.timeSeconds, endSeconds: 1_700_000_500 })
        return storage.put(key, content, options)
      },
    })
    const second = await attempt(world, inc)
    expect(second.events).toContainEqual(expect.objectContaining({ type: 'resumed' }))
    expect(other?.error).toBeUndefined()
    expect(other?.result).toBeDefined()
    expect(second.error).toMatchObject({ code: 'head-moved' })
    expect((await objectsOf(storage, 'to.20231114T222820Z')).size).toBe(0)
    expect(localOf(world)).toEqual(['ledger'])
  })

  it('whose only volumes are not noted yet leaves them to the next run, which removes them', async () => {
    const world = await makeWorld()
    await attempt(world, full, { failAt: 3 })
    const path = join(world.archiveDir, 'coalmine', 'journal')
    const [head] = readFileSync(path, 'utf8').split('\n')
    writeFileSync(path, `${head}\n`)
    const second = await attempt(world, { type: 'full', timeSeconds: 1_700_000_050 })
    expect(second.error).toBeUndefined()
    expect((await objectsOf(world.storage, '20231114T221320Z')).size).toBe(0)
    expect(second.events.some(({ type }) => type === 'journal-dropped')).toBe(false)
  })

  it('of which nothing is stored leaves nothing', async () => {
    const world = await makeWorld()
    const first = await attempt(world, full, { failAt: 1 })
    expect(first.events.some(({ type }) => type === 'interrupted')).toBe(false)
    expect(localOf(world).filter((name) => name !== 'ledger')).toEqual([])
    expect((await objectsOf(world.storage)).size).toBe(0)
  })
})
