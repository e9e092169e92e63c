import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { collect, fromBytes, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createPassphraseEnvelope } from '@coalmine/openpgp'
import { createMemoryStorage, passThrough, type Storage } from '@coalmine/storage'
import { faultyStorage } from '@coalmine/storage-testkit'
import { type BackupSet, type Envelope, gzipEnvelope, type Manifest, plainEnvelope } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import type { RepositoryEvent } from './events.ts'
import { Spool } from './spool.ts'
import { readVolumes, type VolumeReaderParts } from './volume-reader.ts'

const contents = ['one', 'two', 'three', 'four'].map((word) => Buffer.from(word.repeat(1000)))
const all = [1, 2, 3, 4]

async function world(options: Partial<VolumeReaderParts> & { sealed?: Envelope } = {}) {
  const { sealed = plainEnvelope(), ...parts } = options
  const folder = await tempDir('volume-reader')
  const memory = createMemoryStorage()
  const manifest: Manifest = { volumes: new Map() }
  const set: BackupSet = {
    times: { type: 'full', timeSeconds: 1 },
    encrypted: false,
    compressed: false,
    volumes: new Map(),
    partial: false,
    startSeconds: 1,
    endSeconds: 1,
  }
  for (const [index, content] of contents.entries()) {
    const number = index + 1
    const stored = await collect(sealed.seal('volume', fromBytes(content).open()))
    const hex = createHash('sha1').update(stored).digest('hex')
    const place = { path: `f${number}` as RawPath }
    await memory.put(`vol${number}`, fromBytes(stored))
    set.volumes.set(number, { key: `vol${number}`, size: stored.length })
    manifest.volumes.set(number, { number, start: place, end: place, hashes: [{ name: 'SHA1', hex }] })
  }
  const events: RepositoryEvent[] = []
  const spool = new Spool(folder)
  const read = (storage: Storage, numbers: readonly number[] = all, more: Partial<VolumeReaderParts> = {}) =>
    readVolumes(set, manifest, numbers, {
      storage,
      openerOf: () => Promise.resolve(sealed),
      spool,
      tries: 3,
      ahead: true,
      signal: undefined,
      onEvent: (event) => events.push(event),
      ...parts,
      ...more,
    })
  return { memory, manifest, set, spool, events, read }
}

/** Counts what was begun and what came to its end. */
function watched(inner: Storage) {
  const begun: string[] = []
  const ended: string[] = []
  const storage = passThrough(inner, {
    async *get(key, options) {
      begun.push(key)
      yield* inner.get(key, options)
      ended.push(key)
    },
  })
  return { storage, begun, ended }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 20))

describe('readVolumes()', () => {
  it('gives the volumes in order and leaves nothing in the spool', async () => {
    const { memory, spool, read } = await world({ sealed: gzipEnvelope({}) })
    const got: Buffer[] = []
    for await (const volume of read(memory)) {
      expect([volume.number, volume.key]).toEqual([got.length + 1, `vol${got.length + 1}`])
      got.push(Buffer.from(await collect(volume.open())))
    }
    expect(got).toEqual(contents)
    expect(readdirSync(spool.folder)).toEqual([])
  })

  it('does nothing before the first pull, and fetches one ahead of the reader and no more', async () => {
    const { memory, spool, read } = await world()
    const { storage, begun } = watched(memory)
    const volumes = read(storage)
    await settle()
    expect(begun).toEqual([])
    let at = 0
    for await (const volume of volumes) {
      at += 1
      await settle()
      expect(begun).toHaveLength(Math.min(at + 1, all.length))
      expect(readdirSync(spool.folder)).toHaveLength(at === all.length ? 1 : 2)
      await collect(volume.open())
    }
  })

  it('fetches none ahead when it is told so', async () => {
    const { memory, spool, read } = await world({ ahead: false })
    const { storage, begun } = watched(memory)
    let at = 0
    for await (const _ of read(storage)) {
      at += 1
      await settle()
      expect(begun).toHaveLength(at)
      expect(readdirSync(spool.folder)).toHaveLength(1)
    }
  })

  it('stops the fetching ahead when it is left, and does not wait for its end', async () => {
    const { memory, spool, read } = await world()
    let stopped: unknown
    const endless = passThrough(memory, {
      async *get(key, options) {
        if (key === 'vol1') return yield* memory.get(key, options)
        try {
          for (;;) {
            options?.signal?.throwIfAborted()
            yield Buffer.alloc(1000)
            await new Promise((resolve) => setTimeout(resolve, 1))
          }
        } catch (error) {
          stopped = error
          throw error
        }
      },
    })
    for await (const _ of read(endless)) break
    expect(stopped).toMatchObject({ name: 'AbortError' })
    expect(readdirSync(spool.folder)).toEqual([])
  })

  it('leaves nothing behind when the reader fails in the middle of a volume', async () => {
    const { memory, spool, read } = await world()
    const failing = async () => {
      for await (const volume of read(memory)) {
        for await (const _ of volume.open()) if (volume.number === 2) throw new Error('the disk is full')
      }
    }
    await expect(failing()).rejects.toThrow('the disk is full')
    expect(readdirSync(spool.folder)).toEqual([])
  })

  it('tells a failure of fetching ahead when that volume is due, not before', async () => {
    const { memory, spool, read } = await world()
    const storage = faultyStorage(memory, [{ operation: 'get', key: 'vol3', fault: { type: 'fail', when: 'midway' } }])
    const seen: number[] = []
    const reading = async () => {
      for await (const volume of read(storage)) {
        await settle()
        await collect(volume.open())
        seen.push(volume.number)
      }
    }
    await expect(reading()).rejects.toThrow(/planned fault/)
    expect(seen).toEqual([1, 2])
    expect(readdirSync(spool.folder)).toEqual([])
  })

  it('fetches again what came with a wrong hash, and goes on when it is right', async () => {
    const { memory, events, read } = await world()
    const storage = faultyStorage(memory, [{ operation: 'get', key: 'vol2', times: 2, fault: { type: 'shorten' } }])
    const got: Buffer[] = []
    for await (const volume of read(storage)) got.push(Buffer.from(await collect(volume.open())))
    expect(got).toEqual(contents)
    expect(storage.strikes).toEqual([2])
    expect(events.filter((event) => event.type === 'hash-retry')).toEqual([
      { type: 'hash-retry', key: 'vol2', attempt: 1 },
      { type: 'hash-retry', key: 'vol2', attempt: 2 },
    ])
  })

  it('hands on no byte of a volume whose hash stays wrong', async () => {
    const { memory, events, spool, read } = await world()
    const storage = faultyStorage(memory, [
      { operation: 'get', key: 'vol2', times: Number.POSITIVE_INFINITY, fault: { type: 'shorten' } },
    ])
    const seen: number[] = []
    const reading = async () => {
      for await (const volume of read(storage)) {
        await collect(volume.open())
        seen.push(volume.number)
      }
    }
    await expect(reading()).rejects.toMatchObject({ code: 'hash-mismatch', message: expect.stringContaining('"vol2"') })
    expect(seen).toEqual([1])
    expect(events.filter((event) => event.type === 'hash-retry')).toHaveLength(2)
    expect(readdirSync(spool.folder)).toEqual([])
  })

  it('names the volume that the storage does not have, and the one that the manifest has no hash of', async () => {
    const { memory, manifest, set, read } = await world()
    set.volumes.delete(3)
    set.manifest = { key: 'manifest', size: 1 }
    await expect(collectAll(read(memory))).rejects.toMatchObject({
      code: 'missing-volume',
      message: 'Cannot read volume 3, which the manifest "manifest" names: it is not on the storage',
    })
    const one = manifest.volumes.get(1)!
    one.hashes = [{ name: 'MD5', hex: '0' }]
    await expect(collectAll(read(memory))).rejects.toMatchObject({
      code: 'unreadable',
      message: expect.stringContaining('"vol1"'),
    })
    one.hashes = [{ name: 'sha1', hex: createHash('sha1').update(contents[0]!).digest('hex').toUpperCase() }]
    expect(await collectAll(read(memory, [1]))).toEqual([contents[0]])
  })

  it('names the volume that does not open, with the reason', async () => {
    const sealed = createPassphraseEnvelope({ passphrase: 'right', s2kCount: 1024 })
    const { memory, spool, read } = await world({ sealed })
    const other = createPassphraseEnvelope({ passphrase: 'wrong', s2kCount: 1024 })
    const openerOf = ({ key }: { key: string }) => Promise.resolve(key === 'vol2' ? other : sealed)
    await expect(collectAll(read(memory, all, { openerOf }))).rejects.toMatchObject({
      name: 'RepositoryError',
      code: 'wrong-passphrase',
      message: expect.stringMatching(/^Cannot read the volume "vol2": /),
    })
    const gzip = await world({ sealed: plainEnvelope() })
    await expect(
      collectAll(gzip.read(gzip.memory, all, { openerOf: () => Promise.resolve(gzipEnvelope({})) })),
    ).rejects.toMatchObject({ code: 'unreadable', message: expect.stringContaining('"vol1"') })
    expect(readdirSync(spool.folder)).toEqual([])
  })

  it('does not let a body that never ends fill the disk', async () => {
    const { memory, spool, read } = await world()
    let sent = 0
    const storage = passThrough(memory, {
      async *get(key, options) {
        for await (const chunk of memory.get(key, options)) yield chunk
        for (; sent < 1e9; sent += 100_000) yield Buffer.alloc(100_000)
      },
    })
    await expect(collectAll(read(storage))).rejects.toMatchObject({
      code: 'unreadable',
      message: expect.stringMatching(
        /^Cannot read "vol1": there is more of it than the \d+ bytes that the storage lists$/,
      ),
    })
    expect(sent).toBe(0)
    expect(readdirSync(spool.folder)).toEqual([])
  })

  it('asks for the opener of each volume by its name, and passes on what that throws', async () => {
    const { memory, read } = await world()
    const asked: string[] = []
    const openerOf = ({ key }: { key: string }) => {
      asked.push(key)
      return key === 'vol3' ? Promise.reject(new Error('no passphrase')) : Promise.resolve(plainEnvelope())
    }
    await expect(collectAll(read(memory, all, { openerOf }))).rejects.toThrow('no passphrase')
    expect(asked).toEqual(['vol1', 'vol2', 'vol3'])
  })

  it('ends with the reason of its signal, while it waits and while it reads', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const { memory, spool, read } = await world({ signal: controller.signal })
    const storage = faultyStorage(memory, [{ operation: 'get', key: 'vol2', fault: { type: 'hang' } }])
    const reading = collectAll(read(storage))
    setTimeout(() => controller.abort(reason), 20)
    await expect(reading).rejects.toBe(reason)
    expect(readdirSync(spool.folder)).toEqual([])

    // The reason stays what it is also when it comes out of an envelope.
    const later = new AbortController()
    const sealed = createPassphraseEnvelope({ passphrase: 'x', s2kCount: 1024, signal: later.signal })
    const second = await world({ sealed, signal: later.signal })
    const opening = (async () => {
      for await (const volume of second.read(second.memory)) {
        later.abort(reason)
        await collect(volume.open())
      }
    })()
    await expect(opening).rejects.toBe(reason)
  })
})

async function collectAll(volumes: ReturnType<typeof readVolumes>): Promise<Buffer[]> {
  const all: Buffer[] = []
  for await (const volume of volumes) all.push(Buffer.from(await collect(volume.open())))
  return all
}
