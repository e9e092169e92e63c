import { expect, it } from 'vitest'

it('the public surface is what the README tells', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'InflateError',
    'deflate',
    'deflateLagBytes',
    'inflate',
  ])
})
