import { expect, it } from 'vitest'

it('@coalmine/storage-testkit has this surface', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'BrokenPromiseError',
    'faultyStorage',
    'laggingStorage',
    'storageCases',
  ])
})
