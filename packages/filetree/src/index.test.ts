import { expect, it } from 'vitest'

it('shows exactly this to its users', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'FileTreeError',
    'createTreeWriter',
    'isFatal',
    'nodeEffects',
    'openTree',
    'openTreeWriter',
    'ownerNames',
    'walk',
  ])
})

it('shows exactly this to scripts of workers', async () => {
  expect(Object.keys(await import('./worker.ts'))).toEqual(['serve'])
})
