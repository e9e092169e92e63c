import { expect, it } from 'vitest'

it('the public surface is what the README tells', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'ByteReader',
    'TooLargeError',
    'UnexpectedEndError',
    'collect',
    'comparePaths',
    'concat',
    'displayPath',
    'equalBytes',
    'fromBytes',
    'fromChunks',
    'isBelow',
    'joinPath',
    'parentPath',
    'rawFromBytes',
    'rawFromText',
    'rawToBytes',
    'rechunk',
    'take',
  ])
  expect(Object.keys(await import('./file.ts'))).toEqual(['fromFile'])
})
