import { createHash } from 'node:crypto'
import { collect, fromBytes } from '@coalmine/bytes'
import { expect, it } from 'vitest'
import { createMemoryStorage, type MemoryObject } from './memory-storage.ts'

// What every storage promises is tried in the storage-testkit; here is what this one has of its own.

it('createMemoryStorage() opens the same objects again', async () => {
  const objects = new Map<string, MemoryObject>()
  const first = createMemoryStorage({ objects, now: () => 7 })
  expect(await first.put('a', fromBytes(new Uint8Array([1, 2])))).toEqual({ key: 'a', size: 2, modifiedMs: 7 })
  await first.close()
  const second = createMemoryStorage({ objects })
  expect(await collect(second.get('a'))).toEqual(new Uint8Array([1, 2]))
})

it('createMemoryStorage() has room for maxBytes', async () => {
  const storage = createMemoryStorage({ maxBytes: 10, name: 'small' })
  await storage.put('a', fromBytes(new Uint8Array(6)))
  expect(await storage.usage!()).toEqual({ usedBytes: 6, freeBytes: 4, totalBytes: 10 })
  await expect(storage.put('b', fromBytes(new Uint8Array(5)))).rejects.toMatchObject({
    code: 'no-space',
    message: 'Cannot put "b": memory:small has room for 10 bytes in all',
  })
  await storage.put('a', fromBytes(new Uint8Array(10)))
  expect(await createMemoryStorage().usage!()).toEqual({ usedBytes: 0 })
})

it('createMemoryStorage() computes the digests it was told to', async () => {
  const storage = createMemoryStorage({ digests: ['sha1', 'md5'] })
  const bytes = new TextEncoder().encode('hello')
  const info = await storage.put('a', fromBytes(bytes))
  expect(info.digests).toEqual({
    sha1: createHash('sha1').update(bytes).digest('hex'),
    md5: '5d41402abc4b2a76b9719d911017c592',
  })
  expect(await storage.stat('a')).toEqual(info)
})

it('createMemoryStorage() keeps its own bytes', async () => {
  const storage = createMemoryStorage()
  const bytes = new Uint8Array([1, 2, 3])
  await storage.put('a', fromBytes(bytes))
  bytes[0] = 9
  expect(await collect(storage.get('a'))).toEqual(new Uint8Array([1, 2, 3]))
})
