import { type ByteSource, fromBytes } from '@coalmine/bytes'
import { hold, refused, rejection } from './broken-promise.ts'
import { countedSource, createGate, failingSource, gatedSource, noise, sameBytes } from './sources.ts'
import type { Promised } from './stage.ts'

/** What a put does when it does not go well: it is as if it had never been. */
export const putFailurePromises: readonly Promised[] = [
  {
    name: 'put() refuses a source with fewer bytes than its size',
    async body(stage) {
      for (const [got, size] of [
        [99_999, 100_000],
        [0, 5],
      ] as const) {
        const key = stage.key(`short-${size}`)
        const put = stage.storage.put(key, countedSource(noise(got, 1), size).source)
        await refused(put, 'bad-source', 'put', `put() of ${got} bytes as ${size}`)
        hold(!(await stage.isThere(key)), 'An object was stored although its source was too short')
      }
    },
  },
  {
    name: 'put() refuses a source with more bytes than its size',
    async body(stage) {
      for (const [got, size] of [
        [100_001, 100_000],
        [300_000, 65_536],
      ] as const) {
        const key = stage.key(`long-${size}`)
        const put = stage.storage.put(key, countedSource(noise(got, 1), size).source)
        await refused(put, 'bad-source', 'put', `put() of ${got} bytes as ${size}`)
        hold(!(await stage.isThere(key)), 'An object was stored although its source was too long')
      }
    },
  },
  {
    name: 'put() whose source fails stores nothing and passes the error on',
    async body(stage) {
      for (const at of [0, 150_000]) {
        const key = stage.key(`fails-${at}`)
        const own = new Error('the source is gone')
        const put = stage.storage.put(key, failingSource(noise(200_000, 1), at, own))
        const error = await rejection(put, 'put() whose source fails')
        hold(error === own, 'put() has another error than its source had', error)
        hold(!(await stage.isThere(key)), 'An object was stored although its source failed')
        hold(!(await stage.isListed(key, false)), 'An object is listed although its source failed')
      }
    },
  },
  {
    name: 'put() that fails leaves the old object',
    async body(stage) {
      const key = stage.key('old')
      const old = noise(100_000, 1)
      await stage.put(key, old)
      await rejection(
        stage.storage.put(key, failingSource(noise(200_000, 2), 150_000, new Error('the source is gone'))),
        'put() whose source fails',
      )
      hold(await stage.isThere(key), 'A put that failed has removed the old object')
      hold(sameBytes(await stage.read(key), old), 'A put that failed has changed the old object')
    },
  },
  {
    name: 'put() that is aborted beforehand does nothing',
    async body(stage) {
      const key = stage.key('never')
      const reason = new Error('stop')
      const { source, count } = countedSource(noise(1000, 1))
      const put = stage.storage.put(key, source, { signal: AbortSignal.abort(reason) })
      const error = await rejection(put, 'put() with an aborted signal')
      hold(error === reason, 'put() that is aborted does not reject with the reason', error)
      hold(count.opened === 0, 'put() has opened its source although it was aborted before')
      hold(!(await stage.isThere(key)), 'put() has stored an object although it was aborted before')
    },
  },
  {
    name: 'put() that is aborted on its way rejects with the reason and stores nothing',
    async body(stage) {
      const key = stage.key('aborted')
      const reason = new Error('stop')
      const abort = new AbortController()
      const { gate, open, reached } = createGate()
      const source = gatedSource(noise(300_000, 1), 200_000, gate)
      const put = stage.storage.put(key, source, { signal: abort.signal })
      await Promise.race([reached, put])
      abort.abort(reason)
      try {
        const error = await stage.soon(rejection(put, 'put() that is aborted'), 'put() that is aborted')
        hold(error === reason, 'put() that is aborted does not reject with the reason', error)
      } finally {
        open()
        await put.catch(() => undefined)
      }
      hold(!(await stage.isThere(key)), 'put() has stored an object although it was aborted')
      hold(!(await stage.isListed(key, false)), 'An object is listed although its put was aborted')
    },
  },
  {
    name: 'put() refuses a source that is larger than an object may be',
    async body(stage) {
      const { maxObjectSize } = stage.storage.info.capabilities
      if (maxObjectSize === undefined) return
      const key = stage.key('too-large')
      let opened = false
      const source: ByteSource = {
        size: maxObjectSize + 1,
        open() {
          opened = true
          return fromBytes(new Uint8Array(1)).open()
        },
      }
      await refused(stage.storage.put(key, source), 'too-large', 'put', 'put() of more than maxObjectSize')
      hold(!opened, 'put() has opened a source that is too large')
    },
  },
]
