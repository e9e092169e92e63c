import { expect, it } from 'vitest'
import { BrokenPromiseError, storageCases } from '../src/index.ts'
import { brokenOthers } from './broken-others.ts'
import { brokenPuts } from './broken-puts.ts'
import { brokenReads } from './broken-reads.ts'
import { createPlace } from './reference-storage.ts'

const broken = [...brokenPuts, ...brokenReads, ...brokenOthers]

// Whoever breaks one promise fails one case: the one that is named after it, and no other.
it.each(broken)('a storage that $how fails "$breaks"', async (one) => {
  const place = createPlace(one.options)
  const wrap = one.layer()
  const harness = { ...place.harness, open: async () => wrap(await place.harness.open()) }
  const failed: string[] = []
  for (const c of storageCases(harness)) {
    try {
      await c.run()
    } catch (error) {
      expect(error).toBeInstanceOf(BrokenPromiseError)
      failed.push(c.name)
    }
  }
  expect(failed).toEqual([one.breaks])
})

it('every promise has a storage that breaks it', () => {
  const names = storageCases(createPlace().harness).map(({ name }) => name)
  expect(names.filter((name) => !broken.some(({ breaks }) => breaks === name))).toEqual([])
})
