import { type ByteStream, collect, fromBytes, take } from '@coalmine/bytes'
import { passThrough, StorageError } from '@coalmine/storage'
import { type BrokenStorage, peek } from './broken-storage.ts'

/** Storages that break one promise of put each. */
export const brokenPuts: BrokenStorage[] = [
  {
    how: 'loses a byte at a boundary',
    breaks: 'put() stores the bytes it is given',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          if (source.size !== 65_537) return await inner.put(key, source, o)
          return await inner.put(key, fromBytes(await collect(source.open({ end: 65_536 }))), o)
        },
      }),
  },
  {
    how: 'stores no empty objects',
    breaks: 'put() stores an object of no bytes',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => (source.size === 0 ? { key, size: 0 } : await inner.put(key, source, o)),
      }),
  },
  {
    how: 'tells the size of what it stored in another unit',
    breaks: 'put() returns the key and the size',
    layer: () => (inner) =>
      passThrough(inner, { put: async (key, source, o) => ({ ...(await inner.put(key, source, o)), size: 2 }) }),
  },
  {
    how: 'keeps the old object',
    breaks: 'put() replaces the object of the same name',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          if (o?.ifAbsent === true || (await peek(inner, key)) === undefined) return await inner.put(key, source, o)
          await collect(source.open(), { maxBytes: 10_000_000 })
          return { key, size: source.size }
        },
      }),
  },
  {
    how: 'shows a placeholder to stat while it uploads',
    breaks: 'put() shows no new object before it is complete',
    layer: () => {
      const uploading = new Set<string>()
      return (inner) =>
        passThrough(inner, {
          put: async (key, source, o) => {
            uploading.add(key)
            return await inner.put(key, source, o).finally(() => uploading.delete(key))
          },
          stat: async (key, o) => (await inner.stat(key, o)) ?? (uploading.has(key) ? { key, size: 0 } : undefined),
        })
    },
  },
  {
    how: 'gives what has arrived so far',
    breaks: 'put() shows no new object before it is complete',
    layer: () => {
      const arrived = new Map<string, Uint8Array>()
      return (inner) =>
        passThrough(inner, {
          put: async (key, source, o) => {
            const open = async function* (): ByteStream {
              for await (const chunk of source.open()) {
                arrived.set(key, chunk)
                yield chunk
              }
            }
            const fresh = (await peek(inner, key)) === undefined
            return await inner
              .put(key, fresh ? { size: source.size, open } : source, o)
              .finally(() => arrived.delete(key))
          },
          async *get(key, o) {
            const part = arrived.get(key)
            if (part === undefined) yield* inner.get(key, o)
            else yield part
          },
        })
    },
  },
  {
    how: 'takes the old object away first',
    breaks: 'put() shows the old object until the new one is complete',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          const old = (await peek(inner, key)) === undefined ? undefined : await collect(inner.get(key))
          if (old === undefined || o?.ifAbsent === true) return await inner.put(key, source, o)
          await inner.delete(key)
          try {
            return await inner.put(key, source, o)
          } catch (error) {
            await inner.put(key, fromBytes(old))
            throw error
          }
        },
      }),
  },
  {
    how: 'leaves a stream of the source open',
    breaks: 'put() lets go of every stream of its source',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          const info = await inner.put(key, source, o)
          await source.open()[Symbol.asyncIterator]().next()
          return info
        },
      }),
  },
  {
    how: 'tells no progress',
    breaks: 'put() tells how many bytes were sent',
    layer: () => (inner) =>
      passThrough(inner, { put: (key, source, o) => inner.put(key, source, { ...o, onProgress: undefined }) }),
  },
  {
    how: 'tells the size before anything was sent',
    breaks: 'put() tells how many bytes were sent',
    layer: () => (inner) =>
      passThrough(inner, {
        put: (key, source, o) => {
          o?.onProgress?.({ phase: 'sent', bytes: source.size })
          return inner.put(key, source, o)
        },
      }),
  },
  {
    how: 'echoes a digest it was never given',
    breaks: 'put() tells true digests, or none',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => ({ ...(await inner.put(key, source, o)), digests: { sha1: '0'.repeat(40) } }),
      }),
  },
  {
    how: 'compares no digests',
    breaks: 'put() compares the digests that it asks for',
    options: { digests: ['sha256'] },
    layer: () => (inner) =>
      passThrough(inner, { put: (key, source, o) => inner.put(key, source, { ...o, digests: undefined }) }),
  },
  {
    how: 'forgets ifAbsent',
    breaks: 'put() with ifAbsent refuses to replace an object, or to be called so',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          // But for two at once, which another case is about.
          const rivals = source.size === 100_000
          return await inner.put(key, source, rivals ? o : { ...o, ifAbsent: false })
        },
      }),
  },
  {
    how: 'has no ifAbsent and does not say so',
    breaks: 'put() with ifAbsent refuses to replace an object, or to be called so',
    layer: () => (inner) =>
      passThrough(inner, {
        info: { ...inner.info, capabilities: { ...inner.info.capabilities, putIfAbsent: false } },
        put: (key, source, o) => inner.put(key, source, { ...o, ifAbsent: false }),
      }),
  },
  {
    how: 'looks first and puts then',
    breaks: 'put() with ifAbsent lets one of two win',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          if (o?.ifAbsent === true && (await inner.stat(key, o)) !== undefined) {
            throw new StorageError('exists', 'Cannot put: there is one', { operation: 'put', key })
          }
          return await inner.put(key, source, { ...o, ifAbsent: false })
        },
      }),
  },
  {
    how: 'keeps the key of the last call in a shared place',
    breaks: 'put() of different keys may overlap',
    layer: () => {
      let current = ''
      return (inner) =>
        passThrough(inner, {
          put: async (key, source, o) => {
            // The listing of many objects puts side by side too.
            if (source.size !== 150_000) return await inner.put(key, source, o)
            current = key
            await Promise.resolve()
            return await inner.put(current, source, o)
          },
        })
    },
  },
  {
    how: 'writes two puts of one key into one object',
    breaks: 'put() of one key twice at once stores one of the two',
    layer: () => {
      const running = new Map<string, number>()
      return (inner) =>
        passThrough(inner, {
          put: async (key, source, o) => {
            const rivals = (running.get(key) ?? 0) + 1
            running.set(key, rivals)
            try {
              const info = await inner.put(key, source, o)
              if (rivals === 1 || o?.ifAbsent === true) return info
              const bytes = await collect(inner.get(key))
              return await inner.put(key, fromBytes(Buffer.concat([bytes.subarray(9), bytes.subarray(0, 9)])))
            } finally {
              running.set(key, running.get(key)! - 1)
            }
          },
        })
    },
  },
  {
    how: 'stores no more than two million bytes',
    breaks: 'put() and get() carry a large object',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          if (source.size !== 3_000_000) return await inner.put(key, source, o)
          return await inner.put(key, { size: 2_000_000, open: () => take(source.open(), 2_000_000) }, o)
        },
      }),
  },
  {
    how: 'stores what comes of a source that is too short',
    breaks: 'put() refuses a source with fewer bytes than its size',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          try {
            return await inner.put(key, source, o)
          } catch (error) {
            if (!(error instanceof StorageError && /where \d+ were due/.test(error.message))) throw error
            return await inner.put(key, fromBytes(await collect(source.open())), o)
          }
        },
      }),
  },
  {
    how: 'cuts a source that is too long',
    breaks: 'put() refuses a source with more bytes than its size',
    layer: () => (inner) =>
      passThrough(inner, {
        put: (key, source, o) =>
          inner.put(key, { size: source.size, open: (range) => take(source.open(range), source.size) }, o),
      }),
  },
  {
    how: 'stores what came before the source failed',
    breaks: 'put() whose source fails stores nothing and passes the error on',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          try {
            return await inner.put(key, source, o)
          } catch (error) {
            const own = error instanceof Error && error.message === 'the source is gone'
            if (own && (await inner.stat(key)) === undefined) await inner.put(key, fromBytes(new Uint8Array(3)))
            throw error
          }
        },
      }),
  },
  {
    how: 'hides the error of the source',
    breaks: 'put() whose source fails stores nothing and passes the error on',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          try {
            return await inner.put(key, source, o)
          } catch (error) {
            if (!(error instanceof Error) || error.message !== 'the source is gone') throw error
            throw new StorageError('failed', 'Cannot put', { operation: 'put', key })
          }
        },
      }),
  },
  {
    how: 'removes the old object when a put fails',
    breaks: 'put() that fails leaves the old object',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          try {
            return await inner.put(key, source, o)
          } catch (error) {
            if (o?.ifAbsent !== true && o?.signal === undefined) await inner.delete(key).catch(() => undefined)
            throw error
          }
        },
      }),
  },
  {
    how: 'opens its source before it looks at the signal',
    breaks: 'put() that is aborted beforehand does nothing',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          if (o?.signal?.aborted === true) for await (const _ of source.open()) break
          return await inner.put(key, source, o)
        },
      }),
  },
  {
    how: 'does not hear an abort on its way',
    breaks: 'put() that is aborted on its way rejects with the reason and stores nothing',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          o?.signal?.throwIfAborted()
          return await inner.put(key, source, { ...o, signal: undefined })
        },
      }),
  },
  {
    how: 'hears an abort and hides the reason',
    breaks: 'put() that is aborted on its way rejects with the reason and stores nothing',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          o?.signal?.throwIfAborted()
          try {
            return await inner.put(key, source, o)
          } catch (error) {
            if (o?.signal?.aborted !== true) throw error
            throw new StorageError('failed', 'Cannot put: aborted', { operation: 'put', key })
          }
        },
      }),
  },
  {
    how: 'opens a source that is too large',
    breaks: 'put() refuses a source that is larger than an object may be',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          if (source.size > 1e9) for await (const _ of source.open()) break
          return await inner.put(key, source, o)
        },
      }),
  },
]
