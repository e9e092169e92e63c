import { type ByteStream, collect } from '@coalmine/bytes'
import {
  bodyBytes,
  createMemoryStorage,
  type MemoryObject,
  type MemoryStorageOptions,
  passThrough,
  type Storage,
  StorageError,
  type StorageOperation,
} from '@coalmine/storage'
import type { StorageHarness } from '../src/index.ts'

/** A place in memory that keeps every promise, with a back door for each hook. */
export function createPlace(options: MemoryStorageOptions = {}) {
  const objects = new Map<string, MemoryObject>()
  const state = { broken: false, foreign: 0, cut: new Set<string>() }

  const up = (operation: StorageOperation): void => {
    if (state.broken) throw new StorageError('unavailable', `Cannot ${operation}: broken down`, { operation })
  }
  const open = (): Storage => {
    const memory = createMemoryStorage({ maxObjectSize: 1e9, ...options, objects })
    return passThrough(memory, {
      async put(key, source, o) {
        up('put')
        return await memory.put(key, source, o)
      },
      async *get(key, o): ByteStream {
        up('get')
        const whole = await collect(memory.get(key, o))
        const body = async function* (): ByteStream {
          for (let at = 0; at < whole.length; at += 65_536) {
            o?.signal?.throwIfAborted()
            if (state.cut.has(key) && at > 0) return
            yield whole.subarray(at, at + 65_536)
          }
        }
        yield* bodyBytes(body(), whole.length, { key, signal: o?.signal })
      },
      async stat(key, o) {
        up('stat')
        return await memory.stat(key, o)
      },
      async *list(o) {
        up('list')
        yield* memory.list(o)
        for (let i = 0; i < state.foreign; i++) o?.onForeign?.(`folder-${i}`)
      },
      async delete(key, o) {
        up('delete')
        await memory.delete(key, o)
      },
    })
  }
  const harness: StorageHarness = {
    open: async () => open(),
    largeBytes: 3_000_000,
    patienceMs: 1500,
    async plantForeign() {
      state.foreign += 2
      return 2
    },
    async cutBody(key) {
      state.cut.add(key)
    },
    async breakDown() {
      state.broken = true
      return async () => {
        state.broken = false
      }
    },
  }
  return { harness, objects }
}
