import { expect, it } from 'vitest'

it('@coalmine/storage has this surface', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'StorageError',
    'bodyBytes',
    'closedError',
    'createMemoryStorage',
    'createRegistry',
    'displayUrl',
    'existsError',
    'invalidKeyError',
    'keyProblem',
    'layered',
    'notFoundError',
    'parseStorageUrl',
    'passThrough',
    'quoteKey',
    'requireKey',
    'requireRange',
    'requireSize',
    'sourceBytes',
    'temporaryPrefix',
    'untilAborted',
    'verbOf',
    'withConcurrency',
    'withEvents',
    'withRetry',
    'withThrottle',
    'withTimeout',
  ])
})
