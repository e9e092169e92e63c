import { type ByteSource, collect, equalBytes, fromBytes } from '@coalmine/bytes'
import { expect, it } from 'vitest'
import { createVirtualTime, outcome } from '../../test/virtual-time.ts'
import { createMemoryStorage } from './memory-storage.ts'
import { passThrough } from './layered.ts'
import { withThrottle } from './with-throttle.ts'

const megabyte = fromBytes(new Uint8Array(1_000_000).fill(5))

it('withThrottle() sends so many bytes per second, of all puts together', async () => {
  const time = createVirtualTime()
  const memory = createMemoryStorage()
  const storage = withThrottle({ upBytesPerSecond: 100_000, ...time })(memory)
  const puts = outcome(Promise.all([storage.put('a', megabyte), storage.put('b', megabyte)]))
  await time.advance(19_000)
  expect(puts.over).toBe(false)
  await time.advance(1000)
  expect(puts.over).toBe(true)
  expect(equalBytes(await collect(memory.get('a')), await collect(megabyte.open()))).toBe(true)
  const got = outcome(collect(storage.get('a')))
  await time.advance(0)
  expect(got.over).toBe(true)
})

it('withThrottle() receives so many bytes per second', async () => {
  const time = createVirtualTime()
  const memory = createMemoryStorage()
  const storage = withThrottle({ downBytesPerSecond: 1_000_000, ...time })(memory)
  await storage.put('a', megabyte)
  const got = outcome(collect(storage.get('a')))
  await time.advance(800)
  expect(got.over).toBe(false)
  await time.advance(200)
  expect(got.value).toHaveLength(1_000_000)
})

it('withThrottle() sends in small pieces on a slow line', async () => {
  const time = createVirtualTime()
  const sizes: number[] = []
  const inner = passThrough(createMemoryStorage(), {
    put: async (key, source) => {
      for await (const chunk of source.open()) sizes.push(chunk.length)
      return { key, size: source.size }
    },
  })
  const put = outcome(
    withThrottle({ upBytesPerSecond: 10_000, ...time })(inner).put('a', fromBytes(new Uint8Array(65_536))),
  )
  await time.advance(7000)
  expect(put.over).toBe(true)
  expect(Math.max(...sizes)).toBe(4096)
})

it('withThrottle() hides the local file of a source that it slows down, and only then', async () => {
  const seen: ByteSource[] = []
  const inner = passThrough(createMemoryStorage(), {
    put: async (key, source) => (seen.push(source), { key, size: source.size }),
  })
  const source = { ...megabyte, localPath: '/spool/vol1' }
  await withThrottle({ upBytesPerSecond: 1 })(inner).put('a', source)
  await withThrottle({ downBytesPerSecond: 1 })(inner).put('a', source)
  expect(seen.map(({ localPath }) => localPath)).toEqual([undefined, '/spool/vol1'])
})

it('withThrottle() ends its pause when it is aborted', async () => {
  const abort = new AbortController()
  const put = withThrottle({ upBytesPerSecond: 10 })(createMemoryStorage()).put('a', megabyte, { signal: abort.signal })
  setTimeout(() => abort.abort(new Error('stop')), 5)
  await expect(put).rejects.toThrow('stop')
})

it('withThrottle() refuses a rate of nothing', () => {
  expect(() => withThrottle({ upBytesPerSecond: 0 })).toThrow(RangeError)
  expect(() => withThrottle({ downBytesPerSecond: Number.NaN })).toThrow(RangeError)
})
