import { collect, fromBytes } from '@coalmine/bytes'
import { expect, it } from 'vitest'
import { createMemoryStorage } from './memory-storage.ts'
import type { StorageEvent } from './storage-event.ts'
import { withEvents } from './with-events.ts'

function setup() {
  const events: StorageEvent[] = []
  let nowMs = 0
  const storage = withEvents({ onEvent: (event) => void events.push(event), clock: () => nowMs++ })(
    createMemoryStorage(),
  )
  return { storage, take: () => events.splice(0) }
}

it('withEvents() tells a put with its progress', async () => {
  const { storage, take } = setup()
  const heard: number[] = []
  await storage.put('a', fromBytes(new Uint8Array(10), 6), { onProgress: ({ bytes }) => heard.push(bytes) })
  expect(take()).toEqual([
    { type: 'begin', call: 1, operation: 'put', key: 'a' },
    { type: 'progress', call: 1, operation: 'put', key: 'a', phase: 'sent', bytes: 6 },
    { type: 'progress', call: 1, operation: 'put', key: 'a', phase: 'sent', bytes: 10 },
    { type: 'end', call: 1, operation: 'put', key: 'a', durationMs: 1, bytes: 10 },
  ])
  expect(heard).toEqual([6, 10])
})

it('withEvents() tells a get from its first pull to its end', async () => {
  const { storage, take } = setup()
  await storage.put('a', fromBytes(new Uint8Array(10)))
  take()
  const stream = storage.get('a')
  expect(take()).toEqual([])
  await collect(stream)
  expect(take().map(({ type }) => type)).toEqual(['begin', 'progress', 'end'])
  for await (const _ of storage.get('a')) break
  expect(take().at(-1)).toMatchObject({ type: 'end', bytes: 10 })
  await expect(collect(storage.get('b'))).rejects.toMatchObject({ code: 'not-found' })
  expect(take().map(({ type }) => type)).toEqual(['begin', 'fail'])
})

it('withEvents() tells the other calls and their failures', async () => {
  const { storage, take } = setup()
  await storage.put('a', fromBytes(new Uint8Array(10)))
  take()
  await storage.stat('a')
  for await (const _ of storage.list()) void _
  await storage.usage!()
  await storage.delete('a')
  await storage.close()
  expect(take().filter(({ type }) => type === 'end')).toEqual([
    expect.objectContaining({ operation: 'stat' }),
    expect.objectContaining({ operation: 'list', objects: 1 }),
    expect.objectContaining({ operation: 'usage' }),
    expect.objectContaining({ operation: 'delete' }),
    expect.objectContaining({ operation: 'close' }),
  ])
  const failures = [storage.stat('a'), storage.put('a', fromBytes(new Uint8Array(1))), collect(storage.get('a'))]
  expect((await Promise.allSettled(failures)).every(({ status }) => status === 'rejected')).toBe(true)
  await expect(
    (async () => {
      for await (const _ of storage.list()) void _
    })(),
  ).rejects.toThrow('closed')
  expect(take().filter(({ type }) => type === 'fail')).toHaveLength(4)
})
