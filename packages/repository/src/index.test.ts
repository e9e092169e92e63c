import { expect, it } from 'vitest'

it('the public surface is what is promised, and no more', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'FileIndexDecoder',
    'Repository',
    'RepositoryError',
    'SetWriter',
    'chainsBeforeLast',
    'chainsEndedBefore',
    'createNamePattern',
    'datedSets',
    'extraneous',
    'inBoth',
    'nodeLocalEffects',
    'objectsToDelete',
    'openRepository',
    'removalOf',
    'splitByAge',
  ])
})
