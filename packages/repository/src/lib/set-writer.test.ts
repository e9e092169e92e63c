import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createMemoryStorage, passThrough, type Storage, StorageError } from '@coalmine/storage'
import { faultyStorage } from '@coalmine/storage-testkit'
import { collectSets, type Envelope, gzipEnvelope, plainEnvelope, sigTarEnd } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { ArchiveDir } from './archive-dir.ts'
import type { RepositoryEvent } from './events.ts'
import { SetNames } from './names.ts'
import { Notes } from './notes.ts'
import { SetWriter, type SetWriterParts } from './set-writer.ts'
import { Spool } from './spool.ts'
import type { Member } from './volume-writer.ts'

const names = new SetNames({ type: 'full', timeSeconds: 1_700_000_000 }, undefined)
const member = (path: string, length = 512): Member => ({ bytes: Buffer.alloc(length, path), path: path as RawPath })

/** One member, and so one volume, after the other; each made when it is asked for. */
async function* oneByOne(count: number, onMember: (number: number) => void = () => undefined) {
  for (let number = 1; number <= count; number++) {
    onMember(number)
    yield [member(`f${number}`)]
  }
}

async function world(options: Partial<SetWriterParts> = {}) {
  const folder = await tempDir('set-writer')
  const memory = createMemoryStorage()
  const events: RepositoryEvent[] = []
  const spool = new Spool(folder)
  const archive = join(folder, 'archive')
  const writer = new SetWriter({
    storage: memory,
    envelope: plainEnvelope(),
    encrypted: false,
    names,
    spool,
    archiveDir: new ArchiveDir(archive),
    notes: new Notes(undefined, () => undefined),
    volumeBytes: 512,
    parallel: 3,
    signal: undefined,
    onEvent: (event) => events.push(event),
    lookAgain: () => Promise.resolve(),
    ...options,
  })
  return { folder, archive, memory, spool, writer, events }
}

async function keysOf(storage: Storage): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  return keys.sort()
}

const tick = () => new Promise((resolve) => setTimeout(resolve, 1))

/** A storage whose puts wait until they are let go, one by one. */
function gated(inner: Storage) {
  const waiting: { key: string; gone: boolean; go: (error?: Error) => void }[] = []
  let most = 0
  const storage = passThrough(inner, {
    async put(key, source, options) {
      const turn = new Promise<void>((resolve, reject) => {
        const one = {
          key,
          gone: false,
          go(error?: Error) {
            one.gone = true
            if (error === undefined) resolve()
            else reject(error)
          },
        }
        waiting.push(one)
      })
      most = Math.max(most, waiting.length)
      try {
        await turn
        return await inner.put(key, source, options)
      } finally {
        waiting.splice(
          waiting.findIndex((one) => one.key === key),
          1,
        )
      }
    },
  })
  return { storage, waiting, most: () => most }
}

describe('SetWriter', () => {
  it('has at most so many puts under way, and so many volumes in the spool', async () => {
    const memory = createMemoryStorage()
    const gate = gated(memory)
    const { writer, spool } = await world({ storage: gate.storage, parallel: 3 })
    const writing = writer.writeVolumes(oneByOne(20))
    let mostFiles = 0
    for (let stored = 0; stored < 20;) {
      await tick()
      mostFiles = Math.max(mostFiles, readdirSync(spool.folder).length)
      // The youngest first: they need not end in their order.
      const one = gate.waiting.at(-1)
      if (one === undefined || one.gone) continue
      one.go()
      stored += 1
    }
    await writing
    expect(gate.most()).toBe(3)
    // The signatures, and one volume that is made while the others are on their way.
    expect(mostFiles).toBeLessThanOrEqual(3 + 2)
    expect(await keysOf(memory)).toHaveLength(20)
    await writer.abort(undefined)
  })

  it('makes the next volume while the only put is under way', async () => {
    const memory = createMemoryStorage()
    const gate = gated(memory)
    const { writer } = await world({ storage: gate.storage, parallel: 1 })
    let asked = 0
    const writing = writer.writeVolumes(oneByOne(5, (number) => (asked = number)))
    for (let stored = 0; stored < 5; stored++) {
      while (gate.waiting.length === 0 || gate.waiting[0]!.gone) await tick()
      // The put has not ended; the next volume is sealed, for which the member behind it was seen, and waits.
      while (asked < Math.min(stored + 3, 5)) await tick()
      await tick()
      expect(gate.waiting).toHaveLength(1)
      gate.waiting[0]!.go()
    }
    await writing
    expect(gate.most()).toBe(1)
    await writer.abort(undefined)
  })

  it('stops at the first of several failing puts, waits for the others and takes all of them back', async () => {
    const memory = createMemoryStorage()
    const gate = gated(memory)
    const { writer, spool, events } = await world({ storage: gate.storage, parallel: 3 })
    let made = 0
    const writing = writer.writeVolumes(oneByOne(20, (number) => (made = number)))
    writing.catch(() => undefined)
    while (gate.waiting.length < 3) await tick()
    const first = new StorageError('unavailable', 'the second volume failed', { operation: 'put' })
    gate.waiting[1]!.go(first)
    await tick()
    const madeThen = made
    // The others end after it: one well, one not.
    gate.waiting.find(({ key }) => key.includes('vol1.'))!.go()
    await tick()
    for (const { go } of gate.waiting.slice()) go(new Error('a later failure'))
    await expect(writing).rejects.toBe(first)
    expect(made).toBeLessThanOrEqual(madeThen + 1)
    expect(made).toBeLessThan(6)
    await writer.abort(first)
    expect(await keysOf(memory)).toEqual([])
    expect(events.filter((event) => event.type === 'left-behind')).toEqual([])
    expect(readdirSync(spool.folder)).toEqual([])
  })

  for (const what of ['vol2', 'sigtar', 'manifest']) {
    for (const when of ['before', 'midway', 'after'] as const) {
      it(`leaves nothing when putting ${what} fails (${when})`, async () => {
        const memory = createMemoryStorage()
        const storage = faultyStorage(memory, [
          { operation: 'put', key: new RegExp(what), fault: { type: 'fail', when } },
        ])
        const { writer, spool, archive } = await world({ storage, envelope: gzipEnvelope({}) })
        const run = async () => {
          await writer.signatures.write(sigTarEnd(0))
          await writer.writeVolumes(oneByOne(4))
          await writer.commit({})
        }
        const failure: unknown = await run().catch((error: unknown) => error)
        expect(failure).toMatchObject({ code: 'unavailable' })
        await writer.abort(failure)
        expect(storage.strikes).toEqual([1])
        expect(await keysOf(memory)).toEqual([])
        expect(readdirSync(spool.folder)).toEqual([])
        expect(readdirSync(archive)).toEqual(['coalmine'])
        expect(readdirSync(join(archive, 'coalmine'))).toEqual([])
      })
    }
  }

  it('tells what it could not take back', async () => {
    const memory = createMemoryStorage()
    const storage = faultyStorage(memory, [
      { operation: 'put', key: /sigtar/, fault: { type: 'fail' } },
      { operation: 'delete', key: /vol2/, fault: { type: 'fail' } },
    ])
    const { writer, events } = await world({ storage })
    await writer.writeVolumes(oneByOne(3))
    await expect(writer.commit({})).rejects.toThrow(/planned fault/)
    await writer.abort(undefined)
    const left = (await keysOf(memory)).filter((key) => key.includes('vol2'))
    expect(await keysOf(memory)).toEqual(left)
    expect(events.at(-1)).toEqual({ type: 'left-behind', keys: left })
  })

  it('never leaves a manifest without its volumes: what is there counts as a backup', async () => {
    const memory = createMemoryStorage()
    // The manifest arrives, the answer is lost, and then the storage refuses to delete it.
    const storage = faultyStorage(memory, [
      { operation: 'put', key: /manifest/, fault: { type: 'fail', when: 'after' } },
      { operation: 'delete', key: /manifest/, fault: { type: 'fail' } },
    ])
    const { writer, events } = await world({ storage })
    await writer.signatures.write(sigTarEnd(0))
    await writer.writeVolumes(oneByOne(3))
    await expect(writer.commit({})).rejects.toThrow(/planned fault/)
    await writer.abort(undefined)
    const keys = await keysOf(memory)
    expect(collectSets(keys.map((key) => ({ key, size: 1 }))).chains[0]!.full.volumes.size).toBe(3)
    const told = events.flatMap((event) => (event.type === 'left-behind' ? [...event.keys].sort() : []))
    expect(told).toEqual(keys)
  })

  it('keeps a set that is stored when its copies cannot be left in the archive dir, and tells it', async () => {
    const { archive, memory, writer, events } = await world()
    await writer.signatures.write(sigTarEnd(0))
    await writer.writeVolumes(oneByOne(2))
    mkdirSync(join(archive, names.localManifest(), 'in the way'), { recursive: true })
    expect(await writer.commit({})).toMatchObject({ volumes: 2 })
    expect(await keysOf(memory)).toHaveLength(4)
    expect(events.at(-1)).toMatchObject({ type: 'copies-not-kept', message: expect.stringContaining('manifest') })
    expect(readdirSync(join(archive, 'coalmine'))).toEqual([])
  })

  it('is stopped by its signal between two volumes, and takes back what it had put', async () => {
    const controller = new AbortController()
    const { writer, memory, spool } = await world({ signal: controller.signal })
    const members = oneByOne(10, (number) => {
      if (number === 5) controller.abort(new Error('enough'))
    })
    await expect(writer.writeVolumes(members)).rejects.toThrow('enough')
    await writer.abort(controller.signal.reason)
    expect(await keysOf(memory)).toEqual([])
    expect(readdirSync(spool.folder)).toEqual([])
  })

  it('passes on what the members throw, and lets go of them when a put fails', async () => {
    const { writer } = await world()
    async function* failing(): AsyncIterable<Member[]> {
      yield [member('a')]
      throw new Error('the tree is gone')
    }
    await expect(writer.writeVolumes(failing())).rejects.toThrow('the tree is gone')
    await writer.abort(undefined)

    const memory = createMemoryStorage()
    const storage = faultyStorage(memory, [{ operation: 'put', fault: { type: 'fail' } }])
    const second = await world({ storage })
    let closed = false
    async function* endless(): AsyncIterable<Member[]> {
      try {
        for (;;) yield [member('a')]
      } finally {
        closed = true
      }
    }
    await expect(second.writer.writeVolumes(endless())).rejects.toThrow(/planned fault/)
    expect(closed).toBe(true)
    await second.writer.abort(undefined)
  })

  it('fails with the reason when the signatures cannot be sealed, and does not hang their writer', async () => {
    const envelope: Envelope = {
      ...plainEnvelope(),
      async *seal(kind, plain) {
        for await (const chunk of plain) {
          if (kind === 'signatures') throw new Error('cannot seal')
          yield chunk
        }
      },
    }
    const { writer, spool, archive } = await world({ envelope })
    const write = async () => {
      for (let piece = 0; piece < 100; piece++) await writer.signatures.write(new Uint8Array(1 << 20))
    }
    await expect(write()).rejects.toThrow('cannot seal')
    await expect(writer.commit({})).rejects.toThrow('cannot seal')
    await writer.abort(undefined)
    expect(readdirSync(spool.folder)).toEqual([])
    expect(readdirSync(join(archive, 'coalmine'))).toEqual([])
  })

  it('says what it stored', async () => {
    const { writer, memory } = await world()
    await writer.signatures.write(sigTarEnd(0))
    await writer.writeVolumes(oneByOne(3))
    const summary = await writer.commit({ hostname: 'here' })
    let storedBytes = 0
    for await (const { size } of memory.list()) storedBytes += size
    expect(summary).toEqual({ volumes: 3, volumeBytes: 3 * 512, storedBytes })
  })
})
