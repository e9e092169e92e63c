import { collect, fromBytes } from '@coalmine/bytes'
import { createMemoryStorage, type Storage } from '@coalmine/storage'
import { describe, expect, it } from 'vitest'
import { type FaultRule, faultyStorage } from './faulty-storage.ts'

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251)

async function setup(...rules: FaultRule[]) {
  const memory = createMemoryStorage()
  await memory.put('a', fromBytes(bytes))
  return { memory, storage: faultyStorage(memory, rules) }
}

const list = async (storage: Storage): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  return keys
}

describe('faultyStorage() fails', () => {
  it('the nth call of those that the rule is about, so many times', async () => {
    const { storage } = await setup({ operation: 'stat', key: /^a/, nth: 2, times: 2, fault: { type: 'fail' } })
    const told: boolean[] = []
    for (const key of ['a', 'b', 'a', 'a', 'b', 'a']) {
      told.push(
        await storage.stat(key).then(
          () => true,
          () => false,
        ),
      )
    }
    expect(told).toEqual([true, true, false, false, true, true])
    expect(storage.strikes).toEqual([2])
  })

  it('for ever, with an error of its own or with "unavailable"', async () => {
    const error = new Error('my own')
    const { storage } = await setup(
      { operation: 'delete', times: Number.POSITIVE_INFINITY, fault: { type: 'fail', error } },
      { operation: 'usage', fault: { type: 'fail' } },
      { operation: 'close', fault: { type: 'fail' } },
    )
    for (let i = 0; i < 3; i++) await expect(storage.delete('a')).rejects.toBe(error)
    await expect(storage.usage!()).rejects.toMatchObject({ code: 'unavailable', operation: 'usage', retry: 'later' })
    await expect(storage.close()).rejects.toMatchObject({ operation: 'close' })
    await storage.close()
    expect(storage.strikes).toEqual([3, 1, 1])
  })

  it('before, midway and after a put', async () => {
    for (const [when, stored] of [
      ['before', false],
      ['midway', false],
      ['after', true],
    ] as const) {
      const { memory, storage } = await setup({ operation: 'put', key: 'b', fault: { type: 'fail', when } })
      await expect(storage.put('b', fromBytes(bytes))).rejects.toMatchObject({ code: 'unavailable', key: 'b' })
      expect((await memory.stat('b')) !== undefined).toBe(stored)
      await storage.put('b', fromBytes(bytes))
    }
  })

  it('before, midway and after a get and a list', async () => {
    for (const [when, length] of [
      ['before', 0],
      ['midway', 500],
      ['after', 1000],
    ] as const) {
      const fault = { type: 'fail', when } as const
      const { storage } = await setup({ operation: 'get', fault }, { operation: 'list', fault })
      let got = 0
      const read = async (): Promise<void> => {
        for await (const chunk of storage.get('a')) got += chunk.length
      }
      await expect(read()).rejects.toMatchObject({ code: 'unavailable', operation: 'get' })
      expect(got).toBe(length)
      await expect(list(storage)).rejects.toMatchObject({ operation: 'list' })
      expect(await list(storage)).toEqual(['a'])
      expect(await collect(storage.get('a'))).toEqual(bytes)
    }
  })

  it('after a delete that was done', async () => {
    const { memory, storage } = await setup({ operation: 'delete', fault: { type: 'fail', when: 'after' } })
    await expect(storage.delete('a')).rejects.toThrow('Cannot delete "a": a planned fault')
    expect(await memory.stat('a')).toBeUndefined()
  })
})

it('faultyStorage() loses puts and deletes', async () => {
  const { memory, storage } = await setup(
    { operation: 'put', fault: { type: 'lose' } },
    { operation: 'delete', fault: { type: 'lose' } },
  )
  expect(await storage.put('b', fromBytes(bytes))).toEqual({ key: 'b', size: 1000 })
  await storage.delete('a')
  expect(await list(memory)).toEqual(['a'])
})

it('faultyStorage() shortens what is put and what comes', async () => {
  const { memory, storage } = await setup(
    { operation: 'put', fault: { type: 'shorten' } },
    { operation: 'get', fault: { type: 'shorten', missingBytes: 300 } },
    { operation: 'get', nth: 2, fault: { type: 'shorten', missingBytes: 300 } },
  )
  expect(await storage.put('b', fromBytes(bytes))).toMatchObject({ size: 1000 })
  expect(await collect(memory.get('b'))).toEqual(bytes.subarray(0, 999))
  expect(await collect(storage.get('a'))).toEqual(bytes.subarray(0, 700))
  expect(await collect(storage.get('a', { range: { start: 600, end: 950 } }))).toEqual(bytes.subarray(600, 650))
})

it('faultyStorage() turns a byte round', async () => {
  const { memory, storage } = await setup(
    { operation: 'put', fault: { type: 'flip', atByte: 999 } },
    { operation: 'get', times: 2, fault: { type: 'flip', atByte: 7 } },
  )
  const flipped = (at: number) => bytes.with(at, bytes[at]! ^ 0xff)
  await storage.put('b', fromBytes(bytes, 64))
  expect(await collect(memory.get('b'))).toEqual(flipped(999))
  expect(await collect(storage.get('a'))).toEqual(flipped(7))
  expect(await collect(storage.get('a', { range: { start: 5, end: 9 } }))).toEqual(flipped(7).subarray(5, 9))
})

it('faultyStorage() hangs until it is aborted', async () => {
  const fault = { type: 'hang' } as const
  const { storage } = await setup(
    { operation: 'put', fault },
    { operation: 'get', fault },
    { operation: 'list', fault },
    { operation: 'stat', fault },
  )
  const abort = new AbortController()
  const { signal } = abort
  const lists = async (): Promise<void> => {
    for await (const _ of storage.list({ signal })) void _
  }
  const calls = [storage.put('b', fromBytes(bytes), { signal }), collect(storage.get('a', { signal })), lists()]
  const all = Promise.allSettled<unknown>([...calls, storage.stat('a', { signal })])
  setTimeout(() => abort.abort(new Error('stop')), 10)
  expect((await all).map((one) => one.status === 'rejected' && String(one.reason))).toEqual(
    Array(4).fill('Error: stop'),
  )
})

it('faultyStorage() refuses faults that mean nothing for an operation', async () => {
  const { storage } = await setup(
    { operation: 'stat', fault: { type: 'flip' } },
    { operation: 'get', fault: { type: 'lose' } },
  )
  await expect(storage.stat('a')).rejects.toThrow(TypeError)
  await expect(collect(storage.get('a'))).rejects.toThrow(TypeError)
})

it('faultyStorage() lets the first of several rules strike', async () => {
  const one = { type: 'fail', error: new Error('one') } as const
  const two = { type: 'fail', error: new Error('two') } as const
  const { storage } = await setup({ operation: 'stat', fault: one }, { operation: 'stat', times: 2, fault: two })
  await expect(storage.stat('a')).rejects.toThrow('one')
  await expect(storage.stat('a')).rejects.toThrow('two')
  await storage.stat('a')
})
