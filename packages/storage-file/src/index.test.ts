import { expect, it } from 'vitest'

it('@coalmine/storage-file has this surface', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'aroundEffects',
    'createFileStorage',
    'nodeFileStorageEffects',
    'openFileUrl',
  ])
})
