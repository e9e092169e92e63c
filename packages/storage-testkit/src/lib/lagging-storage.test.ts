import { fromBytes } from '@coalmine/bytes'
import { createMemoryStorage } from '@coalmine/storage'
import { expect, it } from 'vitest'
import { laggingStorage } from './lagging-storage.ts'

it('laggingStorage() lists how things were, and knows how they are', async () => {
  let nowMs = 0
  const memory = createMemoryStorage()
  const put = (key: string, size: number) => storage.put(key, fromBytes(new Uint8Array(size)))
  const storage = laggingStorage(memory, { listLagMs: 1000, clock: () => nowMs })
  const list = async (): Promise<string[]> => {
    const infos: string[] = []
    for await (const { key, size } of storage.list()) infos.push(`${key}:${size}`)
    return infos.sort()
  }
  expect(storage.info.capabilities.listLagMs).toBe(1000)
  for (const key of ['old', 'gone', 'kept']) await memory.put(key, fromBytes(new Uint8Array(1)))

  await put('new', 1)
  await put('old', 2)
  await storage.delete('gone')
  expect(await list()).toEqual(['gone:1', 'kept:1', 'old:1'])
  expect(await storage.stat('new')).toMatchObject({ size: 1 })
  expect(await storage.stat('gone')).toBeUndefined()

  nowMs = 500
  await put('old', 3)
  nowMs = 1200
  expect(await list()).toEqual(['kept:1', 'new:1', 'old:2'])
  nowMs = 1500
  expect(await list()).toEqual(['kept:1', 'new:1', 'old:3'])
})

it('laggingStorage() notes nothing when a change fails', async () => {
  const storage = laggingStorage(createMemoryStorage({ maxBytes: 1 }), { listLagMs: 1000 })
  await storage.put('a', fromBytes(new Uint8Array(1)))
  await expect(storage.put('a', fromBytes(new Uint8Array(2)))).rejects.toMatchObject({ code: 'no-space' })
  await expect(storage.put('', fromBytes(new Uint8Array(1)))).rejects.toMatchObject({ code: 'invalid-key' })
})
