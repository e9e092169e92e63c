import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromChunks } from '@coalmine/bytes'
import { chop, choppings, createRandom, tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { createFileStorage } from '../src/index.ts'

const bytes = createRandom('ranges').bytes(1_200_000)

// Judge: node:fs, which reads the file that was made.
it.each(choppings(bytes.subarray(0, 300_000)))('put() writes a source that comes as $name', async (chopping) => {
  const path = await tempDir('chop')
  const storage = createFileStorage({ path, durable: false })
  await storage.put('k', { size: 300_000, open: () => chopping.stream() })
  expect(readFileSync(join(path, 'k')).equals(bytes.subarray(0, 300_000))).toBe(true)
})

it('put() writes any size in any pieces', async () => {
  const path = await tempDir('sizes')
  const storage = createFileStorage({ path, durable: false })
  const around = fc.constantFrom(0, 1, 65_536, 262_144, 524_288)
  const size = fc.tuple(around, fc.integer({ min: -2, max: 2 })).map(([at, by]) => Math.max(0, at + by))
  await fc.assert(
    fc.asyncProperty(size, fc.integer({ min: 0 }), async (size, seed) => {
      const open = () => fromChunks(chop(bytes.subarray(0, size), size < 70_000 ? { seed } : 'whole'))
      await storage.put('k', { size, open })
      expect(Buffer.compare(readFileSync(join(path, 'k')), bytes.subarray(0, size))).toBe(0)
    }),
    { numRuns: 1000 },
  )
})

it('get() gives any range', async () => {
  const path = await tempDir('ranges')
  const storage = createFileStorage({ path, durable: false })
  await storage.put('k', { size: bytes.length, open: () => fromChunks([bytes]) })
  const limits = fc.constantFrom(0, 1, 524_287, 524_288, 524_289, 1_048_576, bytes.length)
  const place = fc.oneof(limits, fc.integer({ min: 0, max: bytes.length }))
  await fc.assert(
    fc.asyncProperty(place, place, async (x, y) => {
      const range = { start: Math.min(x, y), end: Math.max(x, y) }
      const got = await collect(storage.get('k', { range }))
      expect(Buffer.compare(got, bytes.subarray(range.start, range.end))).toBe(0)
    }),
    { numRuns: 1000 },
  )
})
