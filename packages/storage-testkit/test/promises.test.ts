import {
  layered,
  type StorageLayer,
  withConcurrency,
  withEvents,
  withRetry,
  withThrottle,
  withTimeout,
} from '@coalmine/storage'
import { describe, expect, it } from 'vitest'
import { faultyStorage, laggingStorage, storageCases, type StorageHarness } from '../src/index.ts'
import { createPlace } from './reference-storage.ts'

// The memory storage keeps every promise, and so does every layer around it.
const all: StorageLayer[] = [
  withTimeout({ stallMs: 60_000 }),
  withConcurrency({ parallel: 3 }),
  withRetry({ tries: 2, delayMs: 0 }),
  withThrottle({ upBytesPerSecond: 1e12, downBytesPerSecond: 1e12 }),
  withEvents({ onEvent: () => undefined }),
]
const layers: Record<string, StorageLayer[]> = {
  'the memory storage': [],
  'the memory storage in all layers': all,
  'a faulty storage without faults': [(inner) => faultyStorage(inner, [])],
  'a storage that lists late': [(inner) => laggingStorage(inner, { listLagMs: 50 })],
}

describe.each(Object.keys(layers))('%s', (name) => {
  const place = createPlace({ digests: ['md5', 'sha256'] })
  // Another storage over the place must see the same lag, so there is one for all.
  const harness: StorageHarness = {
    ...place.harness,
    patienceMs: 10_000,
    manyObjects: name === 'the memory storage' ? 1100 : 100,
    open: async () => layered(await place.harness.open(), ...layers[name]!),
  }
  for (const c of storageCases(harness)) it(c.name, () => c.run())

  it('is left as empty as it was', () => {
    expect([...place.objects.keys()]).toEqual([])
  })
})

it('storageCases() leaves out what needs a hook that is not there', () => {
  const { harness } = createPlace()
  const names = (cases: { name: string }[]) => cases.map(({ name }) => name)
  const every = names(storageCases(harness))
  const some = names(storageCases({ open: () => harness.open() }))
  expect(new Set(every).size).toBe(every.length)
  expect(every.filter((name) => !some.includes(name))).toEqual([
    'get() whose body ends too early is an error',
    'get() of a storage in trouble is an error, and not not-found',
    'list() leaves out what is no object, and says so',
    'list() of a storage in trouble is an error, and not empty',
    'stat() of a storage in trouble is an error, and not undefined',
    'delete() of a storage in trouble is an error, and not success',
  ])
})
