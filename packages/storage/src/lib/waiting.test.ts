import { expect, it } from 'vitest'
import { sleep, untilAborted } from './waiting.ts'

it('sleep() waits, and ends with the reason of an abort', async () => {
  const before = performance.now()
  await sleep(20)
  expect(performance.now() - before).toBeGreaterThan(15)
  const abort = new AbortController()
  const sleeping = sleep(60_000, abort.signal)
  abort.abort(new Error('stop'))
  await expect(sleeping).rejects.toThrow('stop')
  await expect(sleep(60_000, abort.signal)).rejects.toThrow('stop')
})

it('sleep() does not return at once from a wait that is too long for a timer', async () => {
  const abort = new AbortController()
  const sleeping = sleep(1e12, abort.signal)
  setTimeout(() => abort.abort(new Error('stop')), 20)
  await expect(sleeping).rejects.toThrow('stop')
})

it('untilAborted() is the promise, or the reason', async () => {
  const abort = new AbortController()
  expect(await untilAborted(Promise.resolve(1), undefined)).toBe(1)
  expect(await untilAborted(Promise.resolve(1), abort.signal)).toBe(1)
  await expect(untilAborted(Promise.reject(new Error('own')), abort.signal)).rejects.toThrow('own')
  const hanging = untilAborted(new Promise(() => undefined), abort.signal)
  abort.abort(new Error('stop'))
  await expect(hanging).rejects.toThrow('stop')
  // The promise that fails after that is nobody's surprise.
  await expect(untilAborted(Promise.reject(new Error('own')), abort.signal)).rejects.toThrow('stop')
})
