import { expect, it } from 'vitest'
import { StorageError } from './storage-error.ts'

it('StorageError keeps its facts and the cause', () => {
  const cause = new Error('EIO')
  const error = new StorageError('failed', 'Cannot put "a": no luck', {
    operation: 'put',
    key: 'a',
    retryAfterMs: 5,
    cause,
  })
  expect(error).toMatchObject({
    name: 'StorageError',
    code: 'failed',
    operation: 'put',
    key: 'a',
    retryAfterMs: 5,
    cause,
  })
  expect(error).toBeInstanceOf(Error)
})

it.each([
  ['short-body', 'now'],
  ['mismatch', 'now'],
  ['timeout', 'now'],
  ['unavailable', 'later'],
  ['not-found', 'never'],
  ['denied', 'never'],
  ['no-space', 'never'],
  ['failed', 'never'],
] as const)('StorageError %s is worth another try: %s', (code, retry) => {
  expect(new StorageError(code, '', { operation: 'get' }).retry).toBe(retry)
  expect(new StorageError(code, '', { operation: 'get', retry: 'later' }).retry).toBe('later')
})
