import { collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { chop, createRandom } from '@coalmine/fixtures'
import { createMemoryStorage, layered, withConcurrency, withEvents, withRetry, withTimeout } from '@coalmine/storage'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { type FaultRule, faultyStorage } from '../src/index.ts'

// What a layered storage says it has done is done, whatever goes wrong beneath, short of lies: faults that no layer can
// see (lost and changed bytes) are for the digests and hashes above. Judge: the storage in memory at the bottom.

const bytes = createRandom('faults').bytes(200_000)

const fault: fc.Arbitrary<FaultRule['fault']> = fc.oneof(
  fc.constantFrom<FaultRule['fault']>({ type: 'fail', when: 'before' }, { type: 'fail', when: 'midway' }),
  fc.constant<FaultRule['fault']>({ type: 'fail', when: 'after' }),
  fc.constant<FaultRule['fault']>({ type: 'hang' }),
)
const rule: fc.Arbitrary<FaultRule> = fc.record({
  operation: fc.constantFrom<FaultRule['operation']>('put', 'get', 'stat', 'list', 'delete'),
  nth: fc.integer({ min: 1, max: 4 }),
  times: fc.integer({ min: 1, max: 4 }),
  fault,
})
// A hang is given up at once here: every wait is over as soon as nothing else happens.
const soon = async (_: number, signal?: AbortSignal): Promise<void> => {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
  signal?.throwIfAborted()
}

it('layers over a faulty storage do what they say', async () => {
  let struck = 0
  let succeeded = 0
  let failed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(rule, { maxLength: 5 }), fc.integer({ min: 0 }), async (rules, seed) => {
      let now = 0
      const memory = createMemoryStorage()
      const faulty = faultyStorage(memory, rules)
      const storage = layered(
        faulty,
        withTimeout({ stallMs: 1000, clock: () => (now += 300), sleep: soon }),
        withConcurrency({ parallel: 2 }),
        withRetry({ tries: 4, sleep: async () => undefined }),
        withEvents({ onEvent: () => undefined }),
      )
      const attempt = async <T>(run: () => Promise<T>): Promise<{ value: T } | undefined> => {
        try {
          const value = await run()
          succeeded += 1
          return { value }
        } catch (error) {
          failed += 1
          expect((error as { code?: string }).code).toMatch(/^(?:unavailable|timeout)$/)
          return undefined
        }
      }
      const size = seed % bytes.length
      const source = { size, open: () => fromChunks(chop(bytes.subarray(0, size), size < 5000 ? { seed } : 'whole')) }
      for (const key of ['a', 'b']) {
        const put = await attempt(() => storage.put(key, source))
        if (put !== undefined) expect(Buffer.compare(await collect(memory.get(key)), bytes.subarray(0, size))).toBe(0)
      }
      await memory.put('b', fromBytes(bytes))
      const got = await attempt(() => collect(storage.get('b')))
      if (got !== undefined) expect(Buffer.compare(got.value, bytes)).toBe(0)
      const stat = await attempt(() => storage.stat('b'))
      if (stat !== undefined) expect(stat.value?.size).toBe(bytes.length)
      const listed = await attempt(async () => {
        const keys: string[] = []
        for await (const { key } of storage.list()) keys.push(key)
        return keys
      })
      const there = (await memory.stat('a')) === undefined ? ['b'] : ['a', 'b']
      if (listed !== undefined) expect(listed.value.sort()).toEqual(there)
      const deleted = await attempt(() => storage.delete('b'))
      if (deleted !== undefined) expect(await memory.stat('b')).toBeUndefined()
      for (const strikes of faulty.strikes) struck += strikes
    }),
    { numRuns: 1000 },
  )
  // The property says nothing unless all of this happened, often.
  expect(Math.min(struck, succeeded, failed)).toBeGreaterThan(100)
})
