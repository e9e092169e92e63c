import { type ByteStream, collect } from '@coalmine/bytes'
import { passThrough, StorageError } from '@coalmine/storage'
import { type BrokenStorage, peek } from './broken-storage.ts'

/** Storages that break one promise of get or list each. */
export const brokenReads: BrokenStorage[] = [
  {
    how: 'asks at once',
    breaks: 'get() does nothing before the first pull',
    layer: () => (inner) =>
      passThrough(inner, {
        get(key, o) {
          const asked = peek(inner, key)
          return (async function* () {
            const was = await asked
            if (was === undefined && (await peek(inner, key)) !== undefined) {
              throw new StorageError('not-found', 'Cannot get', { operation: 'get', key })
            }
            yield* inner.get(key, o)
          })()
        },
      }),
  },
  {
    how: 'gives nothing for a missing object',
    breaks: 'get() of a missing object is not-found on the first pull',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o) {
          try {
            yield* inner.get(key, o)
          } catch (error) {
            if (!(error instanceof StorageError && error.code === 'not-found')) throw error
          }
        },
      }),
  },
  {
    how: 'has its own error for a missing object',
    breaks: 'get() of a missing object is not-found on the first pull',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o) {
          try {
            yield* inner.get(key, o)
          } catch (error) {
            if (!(error instanceof StorageError && error.code === 'not-found')) throw error
            throw new Error('404', { cause: error })
          }
        },
      }),
  },
  {
    how: 'begins with an empty chunk',
    breaks: 'get() gives chunks that are not empty',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o) {
          let first = true
          for await (const chunk of inner.get(key, o)) {
            // Only where the case looks: an empty chunk at the place of the first one is no early leaving.
            if (first && chunk.length === 65_536) {
              yield chunk
              yield new Uint8Array(0)
            } else yield chunk
            first = false
          }
        },
      }),
  },
  {
    how: 'throws when it is left',
    breaks: 'get() may be left early',
    layer: () => (inner) =>
      passThrough(inner, {
        get: (key, o) => ({
          [Symbol.asyncIterator]() {
            const iterator = inner.get(key, o)[Symbol.asyncIterator]()
            return { next: () => iterator.next(), return: () => Promise.reject(new Error('not over yet')) }
          },
        }),
      }),
  },
  {
    how: 'has one cursor for all gets of an object',
    breaks: 'get() may be read several times at once',
    layer: () => {
      const open = new Map<string, { chunks: Uint8Array[]; readers: number }>()
      return (inner) =>
        passThrough(inner, {
          async *get(key, o) {
            // The object of the case: the others are read by one at a time.
            if ((await peek(inner, key))?.size !== 1_000_000) {
              yield* inner.get(key, o)
              return
            }
            const shared = open.get(key)
            const mine = shared ?? { chunks: [] as Uint8Array[], readers: 0 }
            mine.readers += 1
            if (shared === undefined) open.set(key, mine)
            try {
              if (shared === undefined) for await (const chunk of inner.get(key, o)) mine.chunks.push(chunk)
              for (;;) {
                o?.signal?.throwIfAborted()
                const chunk = mine.chunks.shift()
                if (chunk === undefined) return
                yield chunk
              }
            } finally {
              mine.readers -= 1
              if (mine.readers === 0) open.delete(key)
            }
          },
        })
    },
  },
  {
    how: 'takes the end of a range as the last byte',
    breaks: 'get() takes ranges, or refuses them',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o) {
          const size = (await peek(inner, key))?.size ?? 0
          const end = o?.range?.end
          const more = end !== undefined && end < size && end > (o?.range?.start ?? 0)
          yield* inner.get(key, more ? { ...o, range: { ...o?.range, end: end + 1 } } : o)
        },
      }),
  },
  {
    how: 'has no ranges and gives everything',
    breaks: 'get() takes ranges, or refuses them',
    layer: () => (inner) =>
      passThrough(inner, {
        info: { ...inner.info, capabilities: { ...inner.info.capabilities, ranges: false } },
        get: (key, o) => inner.get(key, { ...o, range: undefined }),
      }),
  },
  {
    how: 'gives what there is of a range',
    breaks: 'get() refuses a range that does not lie within the object',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o) {
          try {
            yield* inner.get(key, o)
          } catch (error) {
            if (!(error instanceof StorageError && error.code === 'invalid-range')) throw error
            yield* inner.get(key, { ...o, range: { start: o?.range?.start } })
          }
        },
      }),
  },
  {
    how: 'reads every chunk from the object of that moment',
    breaks: 'get() of an object that is replaced meanwhile never mixes the two',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o) {
          if ((await peek(inner, key))?.size !== 2_000_000) {
            yield* inner.get(key, o)
            return
          }
          let at = 0
          for await (const chunk of inner.get(key, o)) {
            const now = await collect(inner.get(key))
            yield now.subarray(at, at + chunk.length)
            at += chunk.length
          }
        },
      }),
  },
  {
    how: 'ends silently when the body does',
    breaks: 'get() whose body ends too early is an error',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o) {
          try {
            yield* inner.get(key, o)
          } catch (error) {
            if (!(error instanceof StorageError && error.code === 'short-body')) throw error
          }
        },
      }),
  },
  {
    how: 'does not look at the signal at first',
    breaks: 'get() that is aborted beforehand rejects with the reason',
    layer: () => (inner) =>
      passThrough(inner, {
        get: (key, o) => inner.get(key, o?.signal?.aborted === true ? { ...o, signal: undefined } : o),
      }),
  },
  {
    how: 'looks at the signal only at first',
    breaks: 'get() that is aborted on its way rejects with the reason',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o): ByteStream {
          o?.signal?.throwIfAborted()
          yield* inner.get(key, { ...o, signal: undefined })
        },
      }),
  },
  {
    how: 'takes trouble for absence',
    breaks: 'get() of a storage in trouble is an error, and not not-found',
    layer: () => (inner) =>
      passThrough(inner, {
        async *get(key, o) {
          try {
            yield* inner.get(key, o)
          } catch (error) {
            if (!(error instanceof StorageError && error.code === 'unavailable')) throw error
            throw new StorageError('not-found', 'Cannot get', { operation: 'get', key })
          }
        },
      }),
  },
  {
    how: 'shows the first object on every page',
    breaks: 'list() shows every object once, with its size',
    layer: () => (inner) =>
      passThrough(inner, {
        async *list(o) {
          let shown = 0
          for await (const info of inner.list(o)) {
            yield info
            // A page of twenty holds all of what the other cases put.
            if (++shown % 20 === 0) yield info
          }
        },
      }),
  },
  {
    how: 'stops after the first page',
    breaks: 'list() shows every object once, with its size',
    layer: () => (inner) =>
      passThrough(inner, {
        async *list(o) {
          let shown = 0
          for await (const info of inner.list(o)) {
            if (info.key.includes('many') && ++shown > 10) continue
            yield info
          }
        },
      }),
  },
  {
    how: 'shows sizes in kilobytes',
    breaks: 'list() shows every object once, with its size',
    layer: () => (inner) =>
      passThrough(inner, {
        async *list(o) {
          for await (const info of inner.list(o)) yield { ...info, size: Math.ceil(info.size / 1024) * 1024 }
        },
      }),
  },
  {
    how: 'lists uploads under way',
    breaks: 'list() shows no unfinished upload',
    layer: () => {
      const uploading = new Set<string>()
      return (inner) =>
        passThrough(inner, {
          put: async (key, source, o) => {
            uploading.add(key)
            return await inner.put(key, source, o).finally(() => uploading.delete(key))
          },
          async *list(o) {
            yield* inner.list(o)
            for (const key of uploading) if ((await inner.stat(key)) === undefined) yield { key, size: 0 }
          },
        })
    },
  },
  {
    how: 'counts pages by position while objects go',
    breaks: 'list() shows what is there all the while, whatever comes and goes',
    layer: () => (inner) =>
      passThrough(inner, {
        async *list(o) {
          for (let at = 0; ; at++) {
            const infos = []
            for await (const info of inner.list(o)) infos.push(info)
            const info = infos[at]
            if (info === undefined) return
            yield info
          }
        },
      }),
  },
  {
    how: 'throws when it is left',
    breaks: 'list() may be left early',
    layer: () => (inner) =>
      passThrough(inner, {
        list: (o) => ({
          [Symbol.asyncIterator]() {
            const iterator = inner.list(o)[Symbol.asyncIterator]()
            return { next: () => iterator.next(), return: () => Promise.reject(new Error('not over yet')) }
          },
        }),
      }),
  },
  {
    how: 'says nothing of what it leaves out',
    breaks: 'list() leaves out what is no object, and says so',
    layer: () => (inner) => passThrough(inner, { list: (o) => inner.list({ ...o, onForeign: undefined }) }),
  },
  {
    how: 'lists folders',
    breaks: 'list() leaves out what is no object, and says so',
    layer: () => (inner) =>
      passThrough(inner, {
        async *list(o) {
          const folders: string[] = []
          const onForeign = (name: string): void => {
            folders.push(name)
            o?.onForeign?.(name)
          }
          yield* inner.list({ ...o, onForeign })
          // Only those that come later: a case may look at what is new.
          for (const name of folders) yield { key: name, size: 4096 }
        },
      }),
  },
  {
    how: 'does not look at the signal',
    breaks: 'list() that is aborted rejects with the reason',
    layer: () => (inner) => passThrough(inner, { list: (o) => inner.list({ ...o, signal: undefined }) }),
  },
  {
    how: 'takes trouble for emptiness',
    breaks: 'list() of a storage in trouble is an error, and not empty',
    layer: () => (inner) =>
      passThrough(inner, {
        async *list(o) {
          try {
            yield* inner.list(o)
          } catch (error) {
            if (!(error instanceof StorageError && error.code === 'unavailable')) throw error
          }
        },
      }),
  },
]
