import { expect, it } from 'vitest'

it('shows exactly this to its users', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'SelectionError',
    'compileSelection',
    'describeRule',
    'formatFilelist',
    'parseFilelist',
  ])
})
