import { fromBytes, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createMemoryStorage, type Storage } from '@coalmine/storage'
import { laggingStorage } from '@coalmine/storage-testkit'
import { type Collection, plainEnvelope, type SetTimes, sigTarEnd } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import type { RepositoryEvent } from './events.ts'
import { openRepository } from './repository.ts'
import type { RepositoryOptions } from './repository-options.ts'
import type { Member } from './volume-writer.ts'

// Two machines are two repositories on one storage; what the storage holds afterwards is the judge.

const day = 86_400
const start = 1_700_000_000
const full: SetTimes = { type: 'full', timeSeconds: start }
const inc = (endSeconds: number): SetTimes => ({ type: 'inc', startSeconds: start, endSeconds })

async function* members() {
  for (const name of ['a', 'b', 'c']) {
    const one: Member = { path: name as RawPath, bytes: Buffer.alloc(2048, name) }
    yield [one]
  }
}

/** A machine that writes sets; each is made up to its commit, which the test calls. */
async function machine(storage: Storage, options: Partial<RepositoryOptions> = {}) {
  const events: RepositoryEvent[] = []
  const tempDirOfOne = await tempDir('second-look')
  const begin = async (times: SetTimes) => {
    const onEvent = (event: RepositoryEvent) => events.push(event)
    const repository = openRepository({
      storage,
      envelope: plainEnvelope(),
      tempDir: tempDirOfOne,
      onEvent,
      ...options,
    })
    const writer = await repository.createSet({ times, volumeBytes: 3000 })
    await writer.signatures.write(sigTarEnd(0))
    await writer.writeVolumes(members())
    return async () => {
      try {
        await writer.commit({})
      } catch (error) {
        await writer.abort(error)
        throw error
      } finally {
        repository.close()
      }
    }
  }
  return { begin, events, write: async (times: SetTimes) => (await begin(times))() }
}

async function collected(storage: Storage): Promise<Collection> {
  const repository = openRepository({ storage, envelope: plainEnvelope(), tempDir: await tempDir('second-look') })
  return repository.collect().finally(() => repository.close())
}

const keysOf = async (storage: Storage) => {
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  return keys.sort()
}

describe('the look at the storage before a set is committed', () => {
  it('of two machines that continue one chain, the second one commits nothing and says what to do', async () => {
    const storage = createMemoryStorage()
    const [one, other] = [await machine(storage), await machine(storage)]
    await one.write(full)
    const commit = await one.begin(inc(start + day))
    await other.write(inc(start + 2 * day))
    const before = (await keysOf(storage)).filter((key) => !key.includes('20231115'))
    await expect(commit()).rejects.toMatchObject({
      code: 'head-moved',
      message:
        'Cannot commit the set "duplicity-inc.20231114T221320Z.to.20231115T221320Z.manifest": another machine has ' +
        'committed "duplicity-inc.20231114T221320Z.to.20231116T221320Z.manifest" meanwhile; run the backup again, it ' +
        'will take that into account',
    })
    // What it had put is taken back; the other's is whole.
    expect(await keysOf(storage)).toEqual(before)
    const { chains, incompleteSets, replacedSets } = await collected(storage)
    expect(chains.map(({ sets }) => sets.length)).toEqual([2])
    expect([...incompleteSets, ...replacedSets]).toEqual([])
    expect(chains[0]!.sets[1]!.volumes.size).toBe(3)
  })

  it('refuses when what the set builds on was removed', async () => {
    const storage = createMemoryStorage()
    const one = await machine(storage)
    await one.write(full)
    const commit = await one.begin(inc(start + day))
    await storage.delete('duplicity-full.20231114T221320Z.manifest')
    await expect(commit()).rejects.toMatchObject({
      code: 'head-moved',
      message: expect.stringContaining('was removed'),
    })
  })

  it('refuses when volumes of the set were removed or are other ones, and deletes nothing of what is there', async () => {
    for (const harm of [
      (storage: Storage) => storage.delete('duplicity-full.20231114T221320Z.vol2.difftar'),
      async (storage: Storage) => {
        await storage.put('duplicity-full.20231114T221320Z.vol2.difftar', fromBytes(Buffer.from('of a twin')))
      },
    ]) {
      const storage = createMemoryStorage()
      const one = await machine(storage)
      const commit = await one.begin(full)
      await harm(storage)
      const left = await keysOf(storage)
      await expect(commit()).rejects.toMatchObject({ code: 'disturbed' })
      expect(await keysOf(storage)).toEqual([...left, 'duplicity-full-signatures.20231114T221320Z.sigtar'].sort())
      expect(one.events.at(-1)).toMatchObject({ type: 'left-behind' })
    }
  })

  it('two machines that write a set of the same name: the second one deletes nothing', async () => {
    const storage = createMemoryStorage()
    const [one, other] = [await machine(storage), await machine(storage)]
    const [commit, otherCommit] = await Promise.all([one.begin(full), other.begin(full)])
    await commit()
    const keys = await keysOf(storage)
    await expect(otherCommit()).rejects.toMatchObject({ code: 'disturbed' })
    expect(await keysOf(storage)).toEqual(keys)
    expect((await collected(storage)).chains[0]!.full.volumes.size).toBe(3)
  })

  it('waits as long as listings may be late, and asks by name for what seems to be missing', async () => {
    const memory = createMemoryStorage()
    let nowMs = 0
    const slept: number[] = []
    const clock = () => nowMs
    const storage = laggingStorage(memory, { listLagMs: 5000, clock })
    const sleep = async (ms: number) => {
      slept.push(ms)
      nowMs += ms
    }
    // The other machine's changes are as late for this one.
    const [one, other] = [await machine(storage, { sleep }), await machine(storage, { sleep })]
    await one.write(full)
    nowMs += 60_000
    const commit = await one.begin(inc(start + day))
    await other.write(inc(start + 2 * day))
    await expect(commit()).rejects.toMatchObject({ code: 'head-moved' })
    // A clock that stands still: listings stay as they were, and nothing is taken for lost because of it.
    const stuck = await machine(storage, { sleep: async (ms) => void slept.push(ms) })
    await stuck.write({ type: 'full', timeSeconds: start + 3 * day })
    expect(slept).toEqual([5000, 5000, 5000, 5000])
    nowMs += 60_000
    expect((await collected(storage)).chains.map(({ sets }) => sets.length)).toEqual([2, 1])
  })
})
