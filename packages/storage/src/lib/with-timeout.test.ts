import { type ByteStream, collect, fromBytes } from '@coalmine/bytes'
import { expect, it } from 'vitest'
import { createVirtualTime, outcome, settle } from '../../test/virtual-time.ts'
import { createMemoryStorage } from './memory-storage.ts'
import { passThrough } from './layered.ts'
import type { Storage } from './storage.ts'
import { withTimeout } from './with-timeout.ts'

const bytes = new Uint8Array(1000)
const never = new Promise<never>(() => undefined)

function setup() {
  const time = createVirtualTime()
  return { time, layer: withTimeout({ stallMs: 30_000, clock: time.clock, sleep: time.sleep }) }
}

it.each(['stat', 'delete', 'usage', 'put'] as const)(
  'withTimeout() gives up a %s that hangs, and aborts it',
  async (operation) => {
    const { time, layer } = setup()
    let inner: AbortSignal | undefined
    const memory = createMemoryStorage()
    const hang = (signal?: AbortSignal): Promise<never> => {
      inner = signal
      return never
    }
    const storage = layer(
      passThrough(memory, {
        put: (_key, _source, options) => hang(options?.signal),
        stat: (_key, options) => hang(options?.signal),
        delete: (_key, options) => hang(options?.signal),
        usage: (options) => hang(options?.signal),
      }),
    )
    const run: Promise<unknown> =
      operation === 'put'
        ? storage.put('a', fromBytes(bytes))
        : operation === 'usage'
          ? storage.usage!()
          : storage[operation]('a')
    const result = outcome(run)
    await time.advance(29_999)
    expect(result.over).toBe(false)
    await time.advance(1)
    expect(result.error).toMatchObject({ code: 'timeout', operation, retry: 'now' })
    const what = { stat: 'look up "a"', delete: 'delete "a"', usage: 'measure', put: 'put "a"' }[operation]
    expect((result.error as Error).message).toBe(`Cannot ${what}: nothing moved for 30 seconds`)
    expect(inner?.reason).toBe(result.error)
  },
)

/** A body whose chunks come `everyMs`. */
function slow(storage: Storage, sleep: (ms: number) => Promise<void>, delaysMs: number[]): Storage {
  return passThrough(storage, {
    async *get(): ByteStream {
      for (const ms of delaysMs) {
        await sleep(ms)
        yield bytes
      }
    },
    async *list() {
      for (const [i, ms] of delaysMs.entries()) {
        await sleep(ms)
        yield { key: `${i}`, size: 1 }
      }
    },
  })
}

it('withTimeout() leaves a slow get alone as long as something moves', async () => {
  const { time, layer } = setup()
  const result = outcome(collect(layer(slow(createMemoryStorage(), time.sleep, Array(10).fill(29_000))).get('a')))
  await time.advance(290_000)
  expect(result.value).toHaveLength(10_000)
  expect(time.sleepers).toBe(0)
})

it.each(['get', 'list'] as const)('withTimeout() gives up a %s that stops moving', async (operation) => {
  const { time, layer } = setup()
  const storage = layer(slow(createMemoryStorage(), time.sleep, [1000, 31_000]))
  let seen = 0
  const read = async (): Promise<void> => {
    for await (const _ of operation === 'get' ? storage.get('a') : storage.list()) seen += 1
  }
  const result = outcome(read())
  await time.advance(31_000)
  expect(result.error).toMatchObject({ code: 'timeout', operation })
  expect(seen).toBe(1)
})

it('withTimeout() does not count the time that the reader takes', async () => {
  const { time, layer } = setup()
  const stream = layer(slow(createMemoryStorage(), time.sleep, [1000, 1000])).get('a')
  const iterator = stream[Symbol.asyncIterator]()
  const first = outcome(iterator.next())
  await time.advance(1000)
  expect(first.over).toBe(true)
  await time.advance(3_600_000)
  const second = outcome(iterator.next())
  await time.advance(1000)
  expect(second.value).toMatchObject({ done: false })
  await iterator.return?.()
  await settle()
  await time.advance(60_000)
  expect(time.sleepers).toBe(0)
})

it('withTimeout() does not count the time that the source of a put takes, and hears its progress', async () => {
  const { time, layer } = setup()
  const slowSource = {
    size: 3000,
    open: () =>
      (async function* () {
        for (let i = 0; i < 3; i++) {
          await time.sleep(600_000)
          yield bytes
        }
      })(),
  }
  const memory = createMemoryStorage()
  const progress: number[] = []
  const storage = layer(
    passThrough(memory, {
      async put(key, source, options) {
        const info = await memory.put(key, source, options)
        for (let i = 0; i < 4; i++) {
          await time.sleep(20_000)
          options?.onProgress?.({ phase: 'assembling', bytes: i })
        }
        return info
      },
    }),
  )
  const result = outcome(storage.put('a', slowSource, { onProgress: ({ bytes }) => progress.push(bytes) }))
  await time.advance(1_800_000 + 80_000)
  expect(result.value).toMatchObject({ size: 3000 })
  expect(progress).toEqual([1000, 2000, 3000, 0, 1, 2, 3])
})

it('withTimeout() counts again once the source has delivered', async () => {
  const { time, layer } = setup()
  const storage = layer(
    passThrough(createMemoryStorage(), {
      async put(_key, source) {
        await collect(source.open())
        return await never
      },
    }),
  )
  const result = outcome(storage.put('a', fromBytes(bytes)))
  await time.advance(30_000)
  expect(result.error).toMatchObject({ code: 'timeout', operation: 'put' })
})

it('withTimeout() keeps the localPath of a source and the errors of the storage', async () => {
  const { layer } = setup()
  let path: unknown
  const storage = layer(
    passThrough(createMemoryStorage(), {
      put: async (_key, source) => {
        path = source.localPath
        throw new Error('own')
      },
    }),
  )
  await expect(storage.put('a', { ...fromBytes(bytes), localPath: '/x' })).rejects.toThrow('own')
  expect(path).toBe('/x')
  await expect(collect(storage.get('missing'))).rejects.toMatchObject({ code: 'not-found' })
})

it('withTimeout() hands the abort of the caller on, and lets the storage clean up', async () => {
  const { layer } = setup()
  const abort = new AbortController()
  let cleaned = false
  const storage = layer(
    passThrough(createMemoryStorage(), {
      put: (_key, _source, options) =>
        new Promise((_resolve, reject) => {
          options!.signal!.addEventListener('abort', () => {
            setTimeout(() => {
              cleaned = true
              reject(options!.signal!.reason as Error)
            }, 10)
          })
        }),
    }),
  )
  const put = storage.put('a', fromBytes(bytes), { signal: abort.signal })
  abort.abort(new Error('stop'))
  await expect(put).rejects.toThrow('stop')
  expect(cleaned).toBe(true)
  await expect(storage.stat('a', { signal: abort.signal })).rejects.toThrow('stop')
  await expect(collect(storage.get('a', { signal: abort.signal }))).rejects.toThrow('stop')
})

it('withTimeout() refuses no time at all', () => {
  expect(() => withTimeout({ stallMs: 0 })).toThrow(RangeError)
})
