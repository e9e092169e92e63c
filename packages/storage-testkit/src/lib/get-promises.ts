import { type ByteRange, collect } from '@coalmine/bytes'
import { describe, hold, refused, rejection } from './broken-promise.ts'
import { noise, sameBytes } from './sources.ts'
import type { Promised, Stage } from './stage.ts'

export const getPromises: readonly Promised[] = [
  {
    name: 'get() does nothing before the first pull',
    async body(stage) {
      const key = stage.key('lazy')
      const bytes = noise(1000, 1)
      const stream = stage.storage.get(key)
      await stage.put(key, bytes)
      let got: Uint8Array
      try {
        got = await collect(stream)
      } catch (error) {
        hold(false, `get() was asked before the put and pulled after it, and gave ${describe(error)}`, error)
      }
      hold(sameBytes(got, bytes), 'get() that was asked before the put and pulled after it gave other bytes')
    },
  },
  {
    name: 'get() of a missing object is not-found on the first pull',
    async body(stage) {
      const key = stage.key('missing')
      const error = await refused(collect(stage.storage.get(key)), 'not-found', 'get', 'get() of a missing object')
      const { key: told, retry } = error as { key?: unknown; retry?: unknown }
      hold(told === key && retry === 'never', `not-found comes with key "${String(told)}" and retry "${String(retry)}"`)
    },
  },
  {
    name: 'get() gives chunks that are not empty',
    async body(stage) {
      const key = stage.key('chunks')
      await stage.put(key, noise(300_000, 1))
      for await (const chunk of stage.storage.get(key)) hold(chunk.length > 0, 'get() gave a chunk of no bytes')
    },
  },
  {
    name: 'get() may be left early',
    async body(stage) {
      const key = stage.key('left')
      const bytes = noise(2_000_000, 1)
      await stage.put(key, bytes)
      try {
        for await (const chunk of stage.storage.get(key)) {
          hold(chunk.length > 0, 'get() gave a chunk of no bytes')
          break
        }
      } catch (error) {
        hold(false, `get() that is left early throws ${describe(error)}`, error)
      }
      hold(sameBytes(await stage.read(key), bytes), 'After get() was left early the object is another one')
    },
  },
  {
    name: 'get() may be read several times at once',
    async body(stage) {
      const key = stage.key('shared')
      const bytes = noise(1_000_000, 1)
      await stage.put(key, bytes)
      const all = await Promise.all([stage.read(key), stage.read(key), stage.read(key)])
      hold(
        all.every((got) => sameBytes(got, bytes)),
        'Three gets of one object at once do not all give its bytes',
      )
    },
  },
  {
    name: 'get() takes ranges, or refuses them',
    async body(stage) {
      const key = stage.key('ranges')
      const bytes = noise(300_000, 1)
      await stage.put(key, bytes)
      if (!stage.storage.info.capabilities.ranges) {
        const get = stage.read(key, { start: 1, end: 2 })
        await refused(get, 'unsupported', 'get', 'get() of a range, which this storage does not have,')
        return
      }
      const ranges: ByteRange[] = [
        {},
        { start: 0, end: 1 },
        { start: 1 },
        { end: 299_999 },
        { start: 65_535, end: 65_537 },
        { start: 100_000, end: 300_000 },
        { start: 299_999 },
        { start: 7, end: 7 },
        { start: 300_000 },
      ]
      for (const range of ranges) {
        const got = await stage.read(key, range)
        const right = sameBytes(got, bytes.subarray(range.start, range.end))
        hold(right, `get() of the range ${JSON.stringify(range)} gave ${got.length} bytes that are not those`)
      }
    },
  },
  {
    name: 'get() refuses a range that does not lie within the object',
    async body(stage) {
      if (!stage.storage.info.capabilities.ranges) return
      const key = stage.key('outside')
      await stage.put(key, noise(1000, 1))
      const ranges: ByteRange[] = [{ end: 1001 }, { start: 1001 }, { start: 999, end: 2000 }, { start: 5, end: 4 }]
      for (const range of ranges) {
        const what = `get() of the range ${JSON.stringify(range)} of 1000 bytes`
        await refused(stage.read(key, range), 'invalid-range', 'get', what)
      }
    },
  },
  {
    name: 'get() of an object that is replaced meanwhile never mixes the two',
    async body(stage) {
      const key = stage.key('replaced')
      const old = noise(2_000_000, 1)
      await stage.put(key, old)
      const chunks: Uint8Array[] = []
      let failed = false
      try {
        for await (const chunk of stage.storage.get(key)) {
          if (chunks.length === 0) await stage.put(key, noise(2_000_000, 2))
          chunks.push(chunk)
        }
      } catch {
        // Failing is the other thing it may do.
        failed = true
      }
      const got = Buffer.concat(chunks)
      const right = sameBytes(got, old.subarray(0, got.length)) && (failed || got.length === old.length)
      hold(right, 'get() gave bytes of two objects, or ended silently')
    },
  },
  {
    name: 'get() whose body ends too early is an error',
    needs: 'cutBody',
    async body(stage) {
      const key = stage.key('cut')
      await stage.put(key, noise(stage.bodyBytes, 1))
      let got = 0
      const read = async (): Promise<void> => {
        for await (const chunk of stage.storage.get(key)) {
          if (got === 0) await stage.harness.cutBody!(key)
          got += chunk.length
        }
      }
      const error = await rejection(read(), `get() of a body that was cut after ${got} bytes`)
      const { code } = error as { code?: unknown }
      hold(
        code === 'short-body',
        `get() of a body that was cut failed with ${describe(error)}, not "short-body"`,
        error,
      )
    },
  },
  {
    name: 'get() that is aborted beforehand rejects with the reason',
    async body(stage) {
      const key = stage.key('never')
      await stage.put(key, noise(1000, 1))
      const reason = new Error('stop')
      const get = collect(stage.storage.get(key, { signal: AbortSignal.abort(reason) }))
      const error = await rejection(get, 'get() with an aborted signal')
      hold(error === reason, 'get() that is aborted does not reject with the reason', error)
    },
  },
  {
    name: 'get() that is aborted on its way rejects with the reason',
    async body(stage) {
      const key = stage.key('aborted')
      await stage.put(key, noise(stage.bodyBytes, 1))
      const reason = new Error('stop')
      const error = await stage.soon(rejection(readAborted(stage, key, reason), 'get() that is aborted'), 'get()')
      hold(error === reason, 'get() that is aborted does not reject with the reason', error)
    },
  },
  {
    name: 'get() of a storage in trouble is an error, and not not-found',
    needs: 'breakDown',
    async body(stage) {
      const key = stage.key('trouble')
      await stage.put(key, noise(1000, 1))
      const repair = await stage.harness.breakDown!()
      try {
        const error = await rejection(stage.read(key), 'get() of a storage in trouble')
        const { code } = error as { code?: unknown }
        hold(code !== 'not-found', 'get() of a storage in trouble says that there is no such object', error)
      } finally {
        await repair()
      }
    },
  },
]

async function readAborted(stage: Stage, key: string, reason: Error): Promise<void> {
  const abort = new AbortController()
  for await (const chunk of stage.storage.get(key, { signal: abort.signal })) {
    if (chunk.length > 0 && !abort.signal.aborted) abort.abort(reason)
  }
}
