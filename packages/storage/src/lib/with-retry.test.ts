import { type ByteSource, collect, fromBytes } from '@coalmine/bytes'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { createMemoryStorage } from './memory-storage.ts'
import { passThrough } from './layered.ts'
import type { ObjectInfo, Storage } from './storage.ts'
import { StorageError, type StorageOperation } from './storage-error.ts'
import type { RetryEvent } from './storage-event.ts'
import { withRetry } from './with-retry.ts'

const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7 + (i >> 8)) % 251)

function busy(operation: StorageOperation, retry: 'now' | 'later' | 'never' = 'later', retryAfterMs?: number) {
  return new StorageError('unavailable', `Cannot ${operation}: busy`, { operation, retry, retryAfterMs })
}

function failing(times: number, error: Error): () => void {
  let left = times
  return () => {
    if (left-- > 0) throw error
  }
}

function setup() {
  const slept: number[] = []
  const events: RetryEvent[] = []
  const sleep = async (ms: number): Promise<void> => void slept.push(ms)
  return { slept, events, options: { sleep, onEvent: (event: RetryEvent) => void events.push(event) } }
}

it.each(['put', 'stat', 'delete', 'usage'] as const)('withRetry() tries a %s again', async (operation) => {
  const memory = createMemoryStorage()
  const fail = failing(4, busy(operation))
  const { slept, events, options } = setup()
  const call = (storage: Storage) =>
    operation === 'put'
      ? storage.put('a', fromBytes(bytes))
      : operation === 'usage'
        ? storage.usage!()
        : storage[operation]('a')
  const inner = passThrough(memory, {
    [operation]: async () => {
      fail()
      return call(memory)
    },
  })
  await call(withRetry(options)(inner))
  expect(slept).toEqual([1000, 2000, 4000, 8000])
  expect(events.map(({ failures, delayMs }) => [failures, delayMs])).toEqual([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [4, 8000],
  ])
  expect(events[0]).toMatchObject({ type: 'retry', operation, tries: 5, key: operation === 'usage' ? undefined : 'a' })
})

it('withRetry() gives up after its tries with the last error', async () => {
  const { slept, options } = setup()
  let calls = 0
  const inner = passThrough(createMemoryStorage(), {
    stat: async () => {
      throw new StorageError('unavailable', `busy ${++calls}`, { operation: 'stat' })
    },
  })
  await expect(withRetry({ ...options, tries: 3, delayMs: 30_000 })(inner).stat('a')).rejects.toThrow('busy 3')
  expect(slept).toEqual([30_000, 30_000])
})

it('withRetry() does not try again what cannot help', async () => {
  const { slept, options } = setup()
  for (const error of [busy('stat', 'never'), new Error('not from a storage'), new TypeError('bug')]) {
    let calls = 0
    const inner = passThrough(createMemoryStorage(), {
      stat: async () => {
        calls += 1
        throw error
      },
    })
    await expect(withRetry(options)(inner).stat('a')).rejects.toBe(error)
    expect(calls).toBe(1)
  }
  expect(slept).toEqual([])
})

it('withRetry() goes on at once after a first failure that says so, and pauses after the next', async () => {
  const { slept, events, options } = setup()
  const fail = failing(3, busy('stat', 'now'))
  const inner = passThrough(createMemoryStorage(), { stat: async () => (fail(), undefined) })
  await withRetry({ ...options, delayMs: (failures) => failures * 10 })(inner).stat('a')
  expect(slept).toEqual([20, 30])
  expect(events.map((event) => event.delayMs)).toEqual([0, 20, 30])
})

it('withRetry() waits as long as the service asks, or gives up when that is too long', async () => {
  const { slept, options } = setup()
  const fail = failing(1, busy('stat', 'later', 7000))
  await withRetry(options)(passThrough(createMemoryStorage(), { stat: async () => (fail(), undefined) })).stat('a')
  expect(slept).toEqual([7000])
  const failAgain = failing(1, busy('stat', 'later', 400_000))
  const patient = withRetry(options)(passThrough(createMemoryStorage(), { stat: async () => (failAgain(), undefined) }))
  await expect(patient.stat('a')).rejects.toMatchObject({ retryAfterMs: 400_000 })
})

it('withRetry() knows errors of another copy of this package by their shape', async () => {
  const { options } = setup()
  const fail = failing(1, Object.assign(new Error('elsewhere'), { retry: 'later' }))
  await withRetry(options)(passThrough(createMemoryStorage(), { stat: async () => (fail(), undefined) })).stat('a')
})

it('withRetry() ends its pause when it is aborted', async () => {
  const abort = new AbortController()
  const inner = passThrough(createMemoryStorage(), {
    stat: async () => {
      throw busy('stat')
    },
  })
  const waiting = withRetry({ delayMs: 60_000 })(inner).stat('a', { signal: abort.signal })
  setTimeout(() => abort.abort(new Error('stop')), 5)
  await expect(waiting).rejects.toThrow('stop')
})

it('withRetry() does not try a put again whose source failed', async () => {
  const own = new Error('the spool is gone')
  let opened = 0
  const source: ByteSource = {
    size: 5,
    open: () => {
      opened += 1
      throw own
    },
  }
  await expect(withRetry()(createMemoryStorage()).put('a', source)).rejects.toBe(own)
  expect(opened).toBe(1)
})

/** Bodies that break off, at the given places of the object, one per get. */
function breaking(
  storage: Storage,
  breaks: number[],
  ranges: boolean,
): { inner: Storage; asked: (number | undefined)[] } {
  const left = [...breaks]
  const asked: (number | undefined)[] = []
  const inner = passThrough(storage, {
    info: { ...storage.info, capabilities: { ...storage.info.capabilities, ranges } },
    async *get(key, options) {
      asked.push(options?.range?.start)
      const stop = left.shift() ?? Number.POSITIVE_INFINITY
      let at = options?.range?.start ?? 0
      for await (const chunk of storage.get(key, options)) {
        for (let i = 0; i < chunk.length; i += 100) {
          if (at >= stop) throw new StorageError('short-body', 'Cannot get: broke off', { operation: 'get', key })
          const piece = chunk.subarray(i, i + 100)
          at += piece.length
          yield piece
        }
      }
    },
  })
  return { inner, asked }
}

it.each([true, false])('withRetry() goes on with a get where it broke off; ranges: %s', async (ranges) => {
  const memory = createMemoryStorage()
  await memory.put('a', fromBytes(bytes))
  const { options } = setup()
  const { inner, asked } = breaking(memory, [0, 2050, 2080, 4950], ranges)
  expect(await collect(withRetry(options)(inner).get('a'))).toEqual(bytes)
  // The inner bodies come in pieces of 100 bytes from where they start; 1024 bytes are fetched again and compared.
  if (ranges) expect(asked).toEqual([undefined, undefined, 2100 - 1024, 2176 - 1024, 4952 - 1024])
  else expect(asked).toEqual([undefined, undefined, undefined, undefined])
})

it('withRetry() gives every byte once, wherever the body breaks off and whatever range was asked', async () => {
  const memory = createMemoryStorage()
  await memory.put('a', fromBytes(bytes))
  const place = fc.integer({ min: 0, max: bytes.length })
  await fc.assert(
    fc.asyncProperty(fc.array(place, { maxLength: 4 }), fc.boolean(), place, place, async (breaks, ranges, x, y) => {
      const range = ranges ? { start: Math.min(x, y), end: Math.max(x, y) } : undefined
      const { inner } = breaking(memory, breaks, ranges)
      const got = await collect(withRetry({ delayMs: 0 })(inner).get('a', { range }))
      expect(Buffer.compare(got, bytes.subarray(range?.start, range?.end))).toBe(0)
    }),
    { numRuns: 1000 },
  )
})

it.each([true, false])('withRetry() never joins two objects; ranges: %s', async (ranges) => {
  for (const size of [5000, 2100, 1000, 6000]) {
    const memory = createMemoryStorage()
    await memory.put('a', fromBytes(bytes))
    const { options } = setup()
    const { inner } = breaking(memory, [2050], ranges)
    const read = async (): Promise<void> => {
      let replaced = false
      for await (const _ of withRetry(options)(inner).get('a')) {
        if (!replaced) await memory.put('a', fromBytes(new Uint8Array(size).fill(255)))
        replaced = true
        // The memory storage reads on in the old bytes; the break is what brings the new ones.
      }
    }
    await expect(read()).rejects.toMatchObject({
      code: 'mismatch',
      retry: 'never',
      message: 'Cannot get "a": the object was replaced while it was read',
    })
  }
})

it('withRetry() leaves a get early without another try', async () => {
  const memory = createMemoryStorage()
  await memory.put('a', fromBytes(bytes))
  const { events, options } = setup()
  for await (const _ of withRetry(options)(breaking(memory, [], true).inner).get('a')) break
  expect(events).toEqual([])
})

it('withRetry() begins a list again and shows each object once', async () => {
  const memory = createMemoryStorage()
  for (const key of ['a', 'b', 'c', 'd']) await memory.put(key, fromBytes(bytes))
  let round = 0
  const inner = passThrough(memory, {
    async *list(options) {
      round += 1
      let shown = 0
      options?.onForeign?.('folder')
      for await (const info of memory.list(options)) {
        if (shown++ === round && round < 4) throw busy('list')
        yield info
      }
    },
  })
  const infos: ObjectInfo[] = []
  const foreign: string[] = []
  for await (const info of withRetry(setup().options)(inner).list({ onForeign: (name) => foreign.push(name) }))
    infos.push(info)
  expect(infos.map((info) => info.key)).toEqual(['a', 'b', 'c', 'd'])
  expect(foreign).toEqual(['folder'])
  expect(round).toBe(4)
})

it('withRetry() refuses to try less than once', () => {
  expect(() => withRetry({ tries: 0 })).toThrow(RangeError)
})
