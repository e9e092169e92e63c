import { collect, fromBytes } from '@coalmine/bytes'
import { expect, it } from 'vitest'
import { outcome, settle } from '../../test/virtual-time.ts'
import { createMemoryStorage } from './memory-storage.ts'
import { passThrough } from './layered.ts'
import { withConcurrency } from './with-concurrency.ts'

function gated() {
  const gates: (() => void)[] = []
  const running: string[] = []
  const storage = passThrough(createMemoryStorage(), {
    stat: async (key) => {
      running.push(key)
      await new Promise<void>((open) => gates.push(open))
      if (key === 'bad') throw new Error('bad')
      return undefined
    },
  })
  return { gates, running, storage }
}

it('withConcurrency() lets so many calls run, the others in order', async () => {
  const { gates, running, storage } = gated()
  const limited = withConcurrency({ parallel: 2 })(storage)
  const calls = ['a', 'bad', 'c', 'd'].map((key) => outcome(limited.stat(key)))
  await settle()
  expect(running).toEqual(['a', 'bad'])
  gates[1]!()
  await settle()
  expect(calls[1]!.error).toBeInstanceOf(Error)
  expect(running).toEqual(['a', 'bad', 'c'])
  gates[0]!()
  await settle()
  expect(running).toEqual(['a', 'bad', 'c', 'd'])
  gates[2]!()
  gates[3]!()
  await settle()
  expect(calls.every((call) => call.over)).toBe(true)
})

it('withConcurrency() forgets a call that is aborted while it waits', async () => {
  const { gates, running, storage } = gated()
  const limited = withConcurrency({ parallel: 1 })(storage)
  const abort = new AbortController()
  const first = outcome(limited.stat('a'))
  const second = limited.stat('b', { signal: abort.signal })
  const third = outcome(limited.stat('c'))
  abort.abort(new Error('stop'))
  await expect(second).rejects.toThrow('stop')
  gates[0]!()
  await settle()
  expect(running).toEqual(['a', 'c'])
  gates[1]!()
  await settle()
  expect([first.over, third.over]).toEqual([true, true])
  await expect(limited.stat('d', { signal: abort.signal })).rejects.toThrow('stop')
})

it('withConcurrency() lets streams that are open and not read keep nobody waiting', async () => {
  const memory = createMemoryStorage()
  const bytes = new Uint8Array(1_000_000).fill(3)
  for (const key of ['a', 'b', 'c']) await memory.put(key, fromBytes(bytes))
  const limited = withConcurrency({ parallel: 1 })(memory)
  const iterators = ['a', 'b', 'c'].map((key) => limited.get(key)[Symbol.asyncIterator]())
  for (const iterator of iterators) expect((await iterator.next()).done).toBe(false)
  for await (const { key } of limited.list()) expect(await collect(limited.get(key))).toHaveLength(1_000_000)
  for (const iterator of iterators) await iterator.return?.()
  await limited.stat('a')
})

it('withConcurrency() says how many calls may overlap', () => {
  const memory = createMemoryStorage()
  expect(withConcurrency({ parallel: 2 })(memory).info.capabilities.parallel).toBe(2)
  expect(withConcurrency({ parallel: 99 })(memory).info.capabilities.parallel).toBe(16)
  expect(() => withConcurrency({ parallel: 0 })).toThrow(RangeError)
})
