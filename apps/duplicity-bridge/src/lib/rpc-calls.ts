import { createHash } from 'node:crypto'
import type { ByteSource } from '@coalmine/bytes'
import type { ObjectInfo, Storage } from '@coalmine/storage'
import { localSource, writeLocal } from './local-file.ts'
import { rpcFailure } from './rpc-failure.ts'
import type { Params, RpcErrorData } from './rpc-message.ts'

/** What a call has beside its arguments. */
export interface CallContext {
  readonly storage: Storage
  readonly signal: AbortSignal
  /** Tells something about this call while it goes on. Resolves when the other side takes it. */
  readonly notify: (method: string, params: Readonly<Record<string, unknown>>) => Promise<void>
}

export type Call = (params: Params, context: CallContext) => Promise<unknown>

/** Of one `query` or `delete`. */
const maxNames = 1000

const objectsPerMessage = 500

/** The calls about objects, by their names. */
export const objectCalls: Readonly<Record<string, Call>> = {
  async put(params, { storage, signal, notify }) {
    const [name, path] = [params.text('name'), params.path()]
    const source = await localSource(path)
    const progress = params.flag('progress') ? spaced(source.size, notify) : undefined
    const digests = { sha256: await sha256Of(source, signal) }
    const stored = await storage.put(name, source, { signal, digests, onProgress: progress })
    return objectOf(stored)
  },

  async get(params, { storage, signal, notify }) {
    const [name, path] = [params.text('name'), params.path()]
    const tell = params.flag('progress') ? spaced(undefined, notify) : undefined
    const stream = storage.get(name, { signal })
    const bytes = await writeLocal(path, stream, (so) => tell?.({ phase: 'received', bytes: so }))
    return { name, size: bytes }
  },

  async list(_, { storage, signal, notify }) {
    let [count, foreign] = [0, 0]
    let page: unknown[] = []
    for await (const info of storage.list({ signal, onForeign: () => foreign++ })) {
      page.push(objectOf(info))
      count += 1
      if (page.length < objectsPerMessage) continue
      await notify('objects', { objects: page })
      page = []
    }
    if (page.length > 0) await notify('objects', { objects: page })
    return { count, foreign }
  },

  query(params, { storage, signal }) {
    return forEachName(params.texts('names', maxNames), storage, async (name) => {
      const info = await storage.stat(name, { signal })
      return info === undefined ? { name, size: null } : objectOf(info)
    })
  },

  delete(params, { storage, signal }) {
    return forEachName(params.texts('names', maxNames), storage, async (name) => {
      await storage.delete(name, { signal })
      return { name }
    })
  },

  async usage(_, { storage, signal }) {
    return { ...(await storage.usage?.({ signal })) }
  },
}

/** Taken before anything is sent: what is stored is compared with it, and MediaFire may have the bytes already. */
async function sha256Of(source: ByteSource, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of source.open()) {
    signal.throwIfAborted()
    hash.update(chunk)
  }
  return hash.digest('hex')
}

function objectOf({ key, size, modifiedMs, digests }: ObjectInfo): Readonly<Record<string, unknown>> {
  return { name: key, size, modifiedMs, ...digests }
}

interface NameFailure {
  readonly name: string
  readonly error: { readonly code: number; readonly message: string; readonly data: RpcErrorData | undefined }
}

/** Does the same for each name, several at a time. One that fails does not keep the others from being done. */
async function forEachName<T>(names: readonly string[], storage: Storage, act: (name: string) => Promise<T>) {
  const done: (T | undefined)[] = names.map(() => undefined)
  const failed: NameFailure[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < names.length) {
      const at = next++
      try {
        done[at] = await act(names[at]!)
      } catch (error) {
        const { code, message, data } = rpcFailure(error)
        if (data?.kind === 'cancelled') throw error
        failed.push({ name: names[at]!, error: { code, message, data } })
      }
    }
  }
  const workers = Math.min(Math.max(1, storage.info.capabilities.parallel), names.length)
  await Promise.all(Array.from({ length: workers }, work))
  return { objects: done.filter((one) => one !== undefined), failed }
}

const progressPauseMs = 200

/** Progress now and then; each phase is told at its begin. Nobody waits for it to be taken. */
function spaced(total: number | undefined, notify: CallContext['notify']) {
  let [lastMs, lastPhase] = [0, '']
  return ({ phase, bytes }: { phase: string; bytes: number }): void => {
    const nowMs = performance.now()
    if (phase === lastPhase && bytes !== total && nowMs - lastMs < progressPauseMs) return
    ;[lastMs, lastPhase] = [nowMs, phase]
    void notify('progress', { phase, bytes, total })
  }
}
