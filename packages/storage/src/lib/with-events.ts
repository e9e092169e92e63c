import type { ByteStream } from '@coalmine/bytes'
import { passThrough } from './layered.ts'
import type { ObjectInfo, StorageLayer } from './storage.ts'
import type { StorageOperation } from './storage-error.ts'
import type { StorageEvent } from './storage-event.ts'
import { type Clock, monotonicClock } from './waiting.ts'

export interface EventsOptions {
  /** Called and forgotten; it should not throw. */
  readonly onEvent: (event: StorageEvent) => void
  readonly clock?: Clock
}

/** Tells what goes on: each call as it begins, moves bytes, ends or fails. */
export function withEvents(options: EventsOptions): StorageLayer {
  const { onEvent, clock = monotonicClock } = options
  let calls = 0

  const begin = (operation: StorageOperation, key?: string) => {
    const what = { call: ++calls, operation, key }
    const startMs = clock()
    onEvent({ type: 'begin', ...what })
    return {
      progress: (phase: 'sent' | 'assembling' | 'verified' | 'received', bytes: number) =>
        onEvent({ type: 'progress', ...what, phase, bytes }),
      end: (amount?: { bytes?: number; objects?: number }) =>
        onEvent({ type: 'end', ...what, durationMs: clock() - startMs, ...amount }),
      fail: (error: unknown) => onEvent({ type: 'fail', ...what, durationMs: clock() - startMs, error }),
    }
  }
  const call = async <T>(operation: StorageOperation, key: string | undefined, run: () => Promise<T>): Promise<T> => {
    const told = begin(operation, key)
    let result: T
    try {
      result = await run()
    } catch (error) {
      told.fail(error)
      throw error
    }
    told.end()
    return result
  }

  return (inner) =>
    passThrough(inner, {
      async put(key, source, o) {
        const told = begin('put', key)
        let info: ObjectInfo
        try {
          info = await inner.put(key, source, {
            ...o,
            onProgress: (progress) => {
              told.progress(progress.phase, progress.bytes)
              o?.onProgress?.(progress)
            },
          })
        } catch (error) {
          told.fail(error)
          throw error
        }
        told.end({ bytes: info.size })
        return info
      },
      async *get(key, o): ByteStream {
        const told = begin('get', key)
        let bytes = 0
        let failed = false
        try {
          for await (const chunk of inner.get(key, o)) {
            bytes += chunk.length
            told.progress('received', bytes)
            yield chunk
          }
        } catch (error) {
          failed = true
          told.fail(error)
          throw error
        } finally {
          if (!failed) told.end({ bytes })
        }
      },
      stat: (key, o) => call('stat', key, () => inner.stat(key, o)),
      async *list(o): AsyncIterable<ObjectInfo> {
        const told = begin('list')
        let objects = 0
        let failed = false
        try {
          for await (const info of inner.list(o)) {
            objects += 1
            yield info
          }
        } catch (error) {
          failed = true
          told.fail(error)
          throw error
        } finally {
          if (!failed) told.end({ objects })
        }
      },
      delete: (key, o) => call('delete', key, () => inner.delete(key, o)),
      usage: inner.usage === undefined ? undefined : (o) => call('usage', undefined, () => inner.usage!(o)),
      close: () => call('close', undefined, () => inner.close()),
    })
}
