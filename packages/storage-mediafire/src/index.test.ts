import { expect, it } from 'vitest'

it('@coalmine/storage-mediafire has this surface', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual(['createMediaFireStorage', 'openMediaFireUrl'])
})
