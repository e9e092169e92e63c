import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { collect, fromBytes, type RawPath } from '@coalmine/bytes'
import { createRandom, tempDir } from '@coalmine/fixtures'
import { createMemoryStorage, type Storage } from '@coalmine/storage'
import {
  encodeSigTarMember,
  type EntryMeta,
  gzipEnvelope,
  type ManifestFile,
  type SetTimes,
  type SigTarEntry,
  sigTarEnd,
} from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { openRepository, type Repository } from './repository.ts'

const random = createRandom('chain state')
const raw = (path: string) => path as RawPath

function metaOf(path: string, kind: EntryMeta['kind']): EntryMeta {
  return { path: raw(path), kind, mode: 0o644, uid: 1, gid: 1, mtimeSeconds: 5, userName: '', groupName: '' }
}

/** `f` is a file with a signature of so many bytes, `d` a folder, `x` something that is gone. */
type Line = readonly ['f' | 'd' | 'x', string, number?]

function sigtar(lines: readonly Line[]): Buffer {
  const members = lines.map(([what, path, bytes = 36]) =>
    what === 'x'
      ? encodeSigTarMember({ action: 'deleted', path: raw(path) })
      : what === 'd'
        ? encodeSigTarMember({ action: 'snapshot', meta: metaOf(path, 'directory') })
        : encodeSigTarMember({ action: 'signature', meta: metaOf(path, 'file'), signature: random.bytes(bytes) }),
  )
  const body = Buffer.concat(members)
  return Buffer.concat([body, sigTarEnd(body.length)])
}

const sets: readonly { times: SetTimes; lines: readonly Line[] }[] = [
  {
    times: { type: 'full', timeSeconds: 1_700_000_000 },
    lines: [
      ['d', ''],
      ['f', 'a'],
      ['f', 'b', 60_000],
      ['d', 'c'],
      ['f', 'c/d'],
    ],
  },
  {
    times: { type: 'inc', startSeconds: 1_700_000_000, endSeconds: 1_700_000_100 },
    lines: [
      ['d', ''],
      ['x', 'a'],
      ['f', 'c/e'],
    ],
  },
  { times: { type: 'inc', startSeconds: 1_700_000_100, endSeconds: 1_700_000_200 }, lines: [] },
]

async function world(made = sets) {
  const folder = await tempDir('state')
  const storage = createMemoryStorage()
  const archiveDir = join(folder, 'archive')
  const open = (local = true) =>
    openRepository({
      storage,
      envelope: gzipEnvelope({}),
      tempDir: folder,
      archiveDir: local ? archiveDir : undefined,
      lock: local,
    })
  for (const set of made) {
    const repository = open()
    await write(repository, set.times, set.lines)
    repository.close()
  }
  return { storage, archiveDir, open }
}

async function write(repository: Repository, times: SetTimes, lines: readonly Line[]): Promise<void> {
  const writer = await repository.createSet({ times, volumeBytes: 3000 })
  await writer.signatures.write(sigtar(lines))
  await writer.writeVolumes(
    (async function* () {
      for (const [, path] of lines) yield [{ bytes: Buffer.alloc(1024), path: raw(path) }]
    })(),
  )
  const files = lines.flatMap(([what, path]): ManifestFile[] =>
    what === 'd' ? [] : [{ action: what === 'f' ? 'new' : 'deleted', path: raw(path) }],
  )
  await writer.commit({ files })
}

async function stateOf(repository: Repository): Promise<SigTarEntry[]> {
  const entries: SigTarEntry[] = []
  for await (const batch of repository.state((await repository.head())!)) entries.push(...batch)
  return entries
}

const pathsOf = async (repository: Repository) => (await stateOf(repository)).map(({ path }) => path)

async function nameOf(storage: Storage, pattern: RegExp): Promise<string> {
  for await (const { key } of storage.list()) if (pattern.test(key)) return key
  throw new Error(`nothing is called ${String(pattern)}`)
}

/** The signatures of the increment in the middle. */
const middle = /new-signatures.*to\.20231114T221500Z/

type Edit = (gzipped: Buffer) => Uint8Array
const replaced =
  (lines: readonly Line[]): Edit =>
  () =>
    gzipSync(sigtar(lines))

describe('Repository.state()', () => {
  it('is the state at the end of the chain, from copies and from the storage', async () => {
    const { open } = await world()
    for (const local of [true, false]) {
      const repository = open(local)
      const entries = await stateOf(repository)
      expect(entries.map(({ action, path }) => `${action} ${path}`)).toEqual([
        'snapshot ',
        'signature b',
        'snapshot c',
        'signature c/d',
        'signature c/e',
      ])
      expect(entries[1]!.signature).toHaveLength(60_000)
      repository.close()
    }
  })

  it('goes without a list of files in the manifest', async () => {
    const { open, storage, archiveDir } = await world()
    for await (const { key } of storage.list()) {
      if (!key.endsWith('manifest')) continue
      const text = Buffer.from(await collect(storage.get(key))).toString('latin1')
      await storage.put(key, fromBytes(Buffer.from(text.slice(0, text.indexOf('Filelist')), 'latin1')))
    }
    rmSync(archiveDir, { recursive: true })
    const repository = open()
    expect(await pathsOf(repository)).toHaveLength(5)
    repository.close()
  })

  const [root, gone, last] = sets[1]!.lines as [Line, Line, Line]
  const damages: [string, Edit, string][] = [
    ['empty', () => Buffer.alloc(0), 'Cannot '],
    ['cut off', (bytes) => bytes.subarray(0, bytes.length - 20), 'Cannot '],
    ['of garbage', (bytes) => Buffer.concat([bytes.subarray(0, 20), random.bytes(200)]), 'Cannot '],
    ['an empty archive', replaced([]), 'they end with nothing, the set with "c/e"'],
    ['an archive that ends early', (bytes) => gzipSync(gunzipSync(bytes).subarray(0, 1100)), 'the archive ends'],
    ['out of order', replaced([root, last, gone]), '"a" comes after "c/e"'],
    ['two entries of one name', replaced([root, last, last]), '"c/e" comes after "c/e"'],
    [
      'of another chain',
      replaced([
        ['d', ''],
        ['f', 'other'],
      ]),
      'they end with "other", the set with "c/e"',
    ],
    ['without its beginning', replaced([gone, last]), 'they begin with "a", the set with "."'],
    ['with more files', replaced([root, ['f', 'a'], ['f', 'b'], last]), 'they have 3 files, the manifest lists 2'],
    ['with fewer files', replaced([root, last]), 'they have 1 files, the manifest lists 2'],
  ]
  for (const [name, edit, reason] of damages) {
    it(`refuses signatures that are ${name}; of a bad copy only the first time`, async () => {
      const { open, storage, archiveDir } = await world()
      const key = await nameOf(storage, middle)
      const path = join(archiveDir, key)
      const whole = readFileSync(path)
      writeFileSync(path, edit(whole))
      const repository = open()
      const failed = { name: 'RepositoryError', code: 'bad-signatures' }
      await expect(pathsOf(repository)).rejects.toMatchObject({ ...failed, retry: 'now' })
      expect(await pathsOf(repository)).toHaveLength(5)
      repository.close()
      // The original is bad too.
      await storage.put(key, fromBytes(edit(whole)))
      const again = open(false)
      await expect(pathsOf(again)).rejects.toMatchObject({
        ...failed,
        retry: undefined,
        message: expect.stringMatching(`^Cannot build on the signatures "${key}": `) as string,
      })
      await expect(pathsOf(again)).rejects.toThrow(reason)
      again.close()
    })
  }

  it('refuses signatures whose times are not those of the sets', async () => {
    const { open, storage } = await world()
    // One set in the place of two: both chains end at one time, but what the set in between changed is in one of them only.
    for (const pattern of [middle, /new-signatures.*to\.20231114T221640Z/])
      await storage.delete(await nameOf(storage, pattern))
    const name = 'duplicity-new-signatures.20231114T221320Z.to.20231114T221640Z.sigtar.gz'
    await storage.put(name, fromBytes(gzipSync(sigtar(sets[1]!.lines))))
    const repository = open()
    await expect(pathsOf(repository)).rejects.toMatchObject({ code: 'bad-signatures', retry: undefined })
    repository.close()
  })

  it('gives signatures too large to hold when they are asked for', async () => {
    const large = 5_000_000
    const { open } = await world([
      {
        times: sets[0]!.times,
        lines: [
          ['d', ''],
          ['f', 'a', large],
          ['f', 'b', large],
          ['f', 'c'],
        ],
      },
      { times: sets[1]!.times, lines: [['f', 'a', large + 12]] },
    ])
    for (const local of [true, false]) {
      const repository = open(local)
      const entries = await stateOf(repository)
      expect(entries.map(({ path, signature }) => [path, signature?.length])).toEqual([
        ['', undefined],
        ['a', undefined],
        ['b', undefined],
        ['c', 36],
      ])
      const head = (await repository.head())!
      expect(await repository.signatureOf(head, raw('a'))).toHaveLength(large + 12)
      expect(await repository.signatureOf(head, raw('b'))).toHaveLength(large)
      expect(await repository.signatureOf(head, raw('none'))).toBeUndefined()
      repository.close()
    }
  })
})

describe('Repository.head()', () => {
  it('is nothing where there is no chain, or no signatures for it', async () => {
    const { open, storage } = await world()
    await storage.delete(await nameOf(storage, /full-signatures/))
    const repository = open()
    expect(await repository.head()).toBeUndefined()
    repository.close()
    const empty = await world([])
    const none = empty.open()
    expect(await none.head()).toBeUndefined()
    none.close()
  })
})

describe('Repository.originalManifest()', () => {
  it('is that of the storage, and refuses a copy that says something else', async () => {
    const { open, storage, archiveDir } = await world()
    const last = async (repository: Repository) => (await repository.head())!.chain.sets.at(-1)!
    const first = open()
    expect((await first.originalManifest(await last(first))).volumes.size).toBe(1)
    first.close()
    const key = await nameOf(storage, /to\.20231114T221640Z\.manifest/)
    const text = readFileSync(join(archiveDir, key), 'latin1')
    const changed = text.replace(/Hash SHA1 ./, (found) => `${found.slice(0, -1)}${found.endsWith('0') ? '1' : '0'}`)
    writeFileSync(join(archiveDir, key), changed)
    const second = open()
    await expect(second.originalManifest(await last(second))).rejects.toMatchObject({ code: 'copies-differ' })
    second.close()
    rmSync(join(archiveDir, key))
    const third = open()
    expect((await third.originalManifest(await last(third))).volumes.size).toBe(1)
    third.close()
  })
})
