import { expect, it } from 'vitest'
import { createMemoryStorage } from './memory-storage.ts'
import { createRegistry, type OpenContext } from './registry.ts'
import type { StorageUrl } from './storage-url.ts'

it('createRegistry() opens a URL with what its scheme was registered for', async () => {
  const storage = createMemoryStorage()
  const seen: [StorageUrl, OpenContext][] = []
  const registry = createRegistry({ memory: (url, context) => (seen.push([url, context]), storage) })
  const context = { cwd: '/x', env: { A: 'b' } }
  expect(await registry.open('Memory://some/path', context)).toBe(storage)
  expect(seen).toEqual([[expect.objectContaining({ scheme: 'memory', path: 'some/path' }), context]])
})

it('createRegistry() names an unknown scheme and the known ones', async () => {
  const registry = createRegistry({ mf: () => createMemoryStorage(), file: () => createMemoryStorage() })
  expect(registry.schemes).toEqual(['file', 'mf'])
  await expect(registry.open('s3://u:s3cret@h/b')).rejects.toMatchObject({
    code: 'unknown-scheme',
    message: 'Cannot open "s3://u:***@h/b": the scheme "s3" is not known, known are file, mf',
  })
  await expect(createRegistry().open('s3://b')).rejects.toThrow('the scheme "s3" is not known, no scheme is known')
  await expect(registry.open('nonsense')).rejects.toMatchObject({ code: 'invalid-url' })
  await expect(registry.open('constructor://x')).rejects.toMatchObject({ code: 'unknown-scheme' })
})

it('createRegistry() refuses a scheme twice, and what is no scheme', () => {
  const registry = createRegistry()
  registry.register('a', () => createMemoryStorage())
  expect(() => registry.register('a', () => createMemoryStorage())).toThrow(TypeError)
  expect(() => registry.register('A', () => createMemoryStorage())).toThrow(TypeError)
  expect(() => registry.register('', () => createMemoryStorage())).toThrow(TypeError)
})

it('createRegistry() opens nothing once aborted', async () => {
  const registry = createRegistry({ a: () => createMemoryStorage() })
  await expect(registry.open('a://x', { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop')
})
