import type { Storage, StorageLayer } from './storage.ts'

/**
 * A storage with layers around it, the innermost first. The order that makes sense:
 * `layered(backend, withTimeout(…), withConcurrency(…), withRetry(…), withThrottle(…), withEvents(…))`:
 * waiting for a turn is no stall, a pause between tries keeps no turn, and bytes that are sent twice count twice.
 */
export function layered(storage: Storage, ...layers: readonly StorageLayer[]): Storage {
  return layers.reduce((inner, layer) => layer(inner), storage)
}

/** For layers: the inner storage, but for the methods that the layer has of its own. */
export function passThrough(inner: Storage, own: Partial<Storage>): Storage {
  return {
    info: inner.info,
    put: (key, source, options) => inner.put(key, source, options),
    get: (key, options) => inner.get(key, options),
    stat: (key, options) => inner.stat(key, options),
    list: (options) => inner.list(options),
    delete: (key, options) => inner.delete(key, options),
    usage: inner.usage === undefined ? undefined : (options) => inner.usage!(options),
    close: () => inner.close(),
    ...own,
  }
}
