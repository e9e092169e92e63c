import { keyProblem, passThrough, type Storage, StorageError, type StorageLayer } from '@coalmine/storage'
import { type BrokenStorage, peek } from './broken-storage.ts'

/** A storage that knows its objects by other keys. */
function renaming(rename: (key: string) => string): StorageLayer {
  return (inner) =>
    passThrough(inner, {
      put: async (key, source, o) => ({ ...(await inner.put(rename(key), source, o)), key }),
      get: (key, o) => inner.get(rename(key), o),
      stat: async (key, o) => {
        const info = await inner.stat(rename(key), o)
        return info === undefined ? undefined : { ...info, key }
      },
      delete: (key, o) => inner.delete(rename(key), o),
    })
}

/** A storage without one call's look at the signal. */
function deaf(operation: 'stat' | 'delete'): StorageLayer {
  return (inner) =>
    passThrough(
      inner,
      operation === 'stat' ? { stat: (key) => inner.stat(key) } : { delete: (key) => inner.delete(key) },
    )
}

async function unlessUnavailable<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof StorageError && error.code === 'unavailable') return undefined
    throw error
  }
}

async function isClosed(storage: Storage): Promise<boolean> {
  return await storage.usage!().then(
    () => false,
    () => true,
  )
}

/** Storages that break one of the other promises each. */
export const brokenOthers: BrokenStorage[] = [
  {
    how: 'writes keys in lower case',
    breaks: 'keys that backups use are kept exactly',
    layer: () => renaming((key) => (key.includes('UPPER') ? key.toLowerCase() : key)),
  },
  {
    how: 'refuses a plus sign',
    breaks: 'keys that backups use are kept exactly',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          if (!key.includes('a+b=c')) return await inner.put(key, source, o)
          throw new StorageError('invalid-key', 'Cannot put: a plus sign', { operation: 'put', key })
        },
      }),
  },
  {
    how: 'trims keys',
    breaks: 'odd keys are kept exactly, or refused before anything is done',
    layer: () => renaming((key) => key.replace(/ +$/, '')),
  },
  {
    how: 'decodes keys',
    breaks: 'odd keys are kept exactly, or refused before anything is done',
    layer: () => renaming((key) => key.replace('%41', 'A')),
  },
  {
    how: 'cuts long keys',
    breaks: 'odd keys are kept exactly, or refused before anything is done',
    layer: () => renaming((key) => (Buffer.byteLength(key) === 255 ? key.slice(0, 200) : key)),
  },
  {
    how: 'refuses odd keys too late',
    breaks: 'odd keys are kept exactly, or refused before anything is done',
    layer: () => (inner) =>
      passThrough(inner, {
        put: async (key, source, o) => {
          if (!key.includes(';')) return await inner.put(key, source, o)
          for await (const _ of source.open()) break
          throw new StorageError('invalid-key', 'Cannot put: a semicolon', { operation: 'put', key })
        },
      }),
  },
  {
    how: 'makes valid keys of invalid ones',
    breaks: 'invalid keys are refused before anything is done',
    layer: () => renaming((key) => (keyProblem(key) === undefined ? key : encodeURIComponent(key.slice(0, 20) + '_'))),
  },
  {
    how: 'deletes by any name',
    breaks: 'invalid keys are refused before anything is done',
    layer: () => (inner) =>
      passThrough(inner, {
        delete: async (key, o) => (keyProblem(key) === undefined ? await inner.delete(key, o) : undefined),
      }),
  },
  {
    how: 'lets no call run',
    breaks: 'info says what the storage can do',
    layer: () => (inner) =>
      passThrough(inner, {
        info: { ...inner.info, capabilities: { ...inner.info.capabilities, parallel: 0 } },
      }),
  },
  {
    how: 'tells no size',
    breaks: 'stat() tells the key and the size',
    layer: () => (inner) =>
      passThrough(inner, {
        stat: async (key, o) => {
          const info = await inner.stat(key, o)
          return info === undefined ? undefined : { ...info, size: -1 }
        },
      }),
  },
  {
    how: 'has an error for absence',
    breaks: 'stat() of a missing object is undefined',
    layer: () => (inner) =>
      passThrough(inner, {
        stat: async (key, o) => {
          const info = await inner.stat(key, o)
          if (info !== undefined) return info
          throw new StorageError('not-found', 'Cannot stat: absent', { operation: 'stat', key })
        },
      }),
  },
  {
    how: 'does not look at the signal of stat',
    breaks: 'stat() that is aborted rejects with the reason',
    layer: () => deaf('stat'),
  },
  {
    how: 'takes trouble for absence',
    breaks: 'stat() of a storage in trouble is an error, and not undefined',
    layer: () => (inner) => passThrough(inner, { stat: (key, o) => unlessUnavailable(inner.stat(key, o)) }),
  },
  {
    how: 'lists what was deleted',
    breaks: 'delete() removes an object for good',
    layer: () => {
      const deleted = new Set<string>()
      return (inner) =>
        passThrough(inner, {
          delete: async (key, o) => {
            if (key.endsWith('-gone')) deleted.add(key)
            await inner.delete(key, o)
          },
          async *list(o) {
            yield* inner.list(o)
            for (const key of deleted) yield { key, size: 1 }
          },
        })
    },
  },
  {
    how: 'moves to a trash that get still reads',
    breaks: 'delete() removes an object for good',
    layer: () => {
      const trash = new Set<string>()
      return (inner) =>
        passThrough(inner, {
          delete: async (key, o) => {
            if (!key.endsWith('-gone')) return await inner.delete(key, o)
            o?.signal?.throwIfAborted()
            trash.add(key)
          },
          stat: async (key, o) => (trash.has(key) ? undefined : await inner.stat(key, o)),
          async *list(o) {
            for await (const info of inner.list(o)) if (!trash.has(info.key)) yield info
          },
        })
    },
  },
  {
    how: 'has an error for what is gone already',
    breaks: 'delete() of a missing object is success',
    layer: () => (inner) =>
      passThrough(inner, {
        delete: async (key, o) => {
          const trouble = keyProblem(key) !== undefined || o?.signal !== undefined || (await isClosed(inner))
          if (!trouble && (await peek(inner, key)) === undefined) {
            throw new StorageError('not-found', 'Cannot delete: absent', { operation: 'delete', key })
          }
          await inner.delete(key, o)
        },
      }),
  },
  {
    how: 'deletes by prefix',
    breaks: 'delete() touches no other object',
    layer: () => (inner) =>
      passThrough(inner, {
        delete: async (key, o) => {
          await inner.delete(key, o)
          if (!key.endsWith('-vol1')) return
          for await (const info of inner.list()) if (info.key.startsWith(key)) await inner.delete(info.key)
        },
      }),
  },
  {
    how: 'remembers what was deleted, for ever',
    breaks: 'delete() makes room for a new object',
    layer: () => {
      const deleted = new Set<string>()
      return (inner) =>
        passThrough(inner, {
          put: async (key, source, o) =>
            deleted.has(key) && key.endsWith('reborn') ? { key, size: source.size } : await inner.put(key, source, o),
          delete: async (key, o) => {
            deleted.add(key)
            await inner.delete(key, o)
          },
        })
    },
  },
  {
    how: 'does not look at the signal of delete',
    breaks: 'delete() that is aborted rejects with the reason',
    layer: () => deaf('delete'),
  },
  {
    how: 'takes trouble for success',
    breaks: 'delete() of a storage in trouble is an error, and not success',
    layer: () => (inner) => passThrough(inner, { delete: (key, o) => unlessUnavailable(inner.delete(key, o)) }),
  },
  {
    how: 'divides by nothing',
    breaks: 'usage() tells numbers of bytes',
    layer: () => (inner) =>
      passThrough(inner, {
        usage: async (o) => ({ ...(await inner.usage!(o)), freeBytes: Number.NaN }),
      }),
  },
  {
    how: 'closes once',
    breaks: 'close() may be called again',
    layer: () => (inner) => {
      let closed = false
      return passThrough(inner, {
        close: async () => {
          if (closed) throw new Error('closed already')
          closed = true
          await inner.close()
        },
      })
    },
  },
  {
    how: 'opens again by itself',
    breaks: 'close() ends every other call',
    layer: () => (inner) => passThrough(inner, { close: async () => undefined }),
  },
]
