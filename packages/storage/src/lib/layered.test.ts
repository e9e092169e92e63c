import { expect, it } from 'vitest'
import { layered, passThrough } from './layered.ts'
import { createMemoryStorage } from './memory-storage.ts'
import type { Storage } from './storage.ts'

it('layered() puts the first layer inside', async () => {
  const order: string[] = []
  const layer = (name: string) => (inner: Storage) =>
    passThrough(inner, { stat: (key) => (order.push(name), inner.stat(key)) })
  await layered(createMemoryStorage(), layer('inner'), layer('outer')).stat('a')
  expect(order).toEqual(['outer', 'inner'])
})

it('passThrough() has no usage where the inner storage has none', () => {
  const memory = createMemoryStorage()
  expect(typeof passThrough(memory, {}).usage).toBe('function')
  expect(typeof passThrough(passThrough(memory, { usage: undefined }), {}).usage).toBe('undefined')
})
