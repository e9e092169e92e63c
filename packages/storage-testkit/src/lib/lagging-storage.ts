import { type Clock, type ObjectInfo, passThrough, type Storage } from '@coalmine/storage'

export interface LagOptions {
  /** How long, in milliseconds, `list` shows how things were. */
  readonly listLagMs: number
  /** Milliseconds; the process's own by default. */
  readonly clock?: Clock
}

/**
 * A storage whose listing is late, as that of some services is: what was put does not show yet, what was replaced shows
 * as it was, what was deleted still shows. `get` and `stat` are never late. Changes that go through this storage count.
 */
export function laggingStorage(inner: Storage, options: LagOptions): Storage {
  const { listLagMs, clock = () => performance.now() } = options
  const changes = new Map<string, { atMs: number; before: ObjectInfo | undefined }[]>()

  /** Notes how an object was shown before a change, from the moment that the change is done. */
  const noting = async <T>(key: string, change: () => Promise<T>): Promise<T> => {
    // Where it cannot be asked, the change itself will say so.
    const before = await inner.stat(key).catch(() => undefined)
    const result = await change()
    changes.set(key, [...recent(key), { atMs: clock(), before }])
    return result
  }
  const recent = (key: string) => (changes.get(key) ?? []).filter(({ atMs }) => clock() - atMs < listLagMs)

  return passThrough(inner, {
    info: { ...inner.info, capabilities: { ...inner.info.capabilities, listLagMs } },
    put: (key, source, o) => noting(key, () => inner.put(key, source, o)),
    delete: (key, o) => noting(key, () => inner.delete(key, o)),
    async *list(o) {
      const late = new Map<string, ObjectInfo | undefined>()
      for (const key of changes.keys()) {
        const [first] = recent(key)
        if (first === undefined) changes.delete(key)
        else late.set(key, first.before)
      }
      for await (const info of inner.list(o)) if (!late.has(info.key)) yield info
      for (const info of late.values()) if (info !== undefined) yield info
    },
  })
}
