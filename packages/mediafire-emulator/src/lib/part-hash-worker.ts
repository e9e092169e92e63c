import { type MessagePort, parentPort } from 'node:worker_threads'
import { createPartHash, type PartHash } from './part-hash.ts'

export interface HashRequest {
  readonly type: 'follow' | 'end' | 'drop'
  readonly key: string
  readonly path: string
  readonly bytes: number
}

export interface HashAnswer {
  readonly key: string
  readonly hash?: string
  readonly error?: string
}

const port = parentPort as MessagePort
const parts = new Map<string, PartHash>()

port.on('message', ({ type, key, path, bytes }: HashRequest) => {
  const part = parts.get(key) ?? createPartHash(path)
  if (type === 'follow') {
    parts.set(key, part)
    part.follow(bytes)
    return
  }
  parts.delete(key)
  if (type === 'drop') return
  const post = (answer: Omit<HashAnswer, 'key'>) => port.postMessage({ key, ...answer } satisfies HashAnswer, [])
  part.end(bytes).then(
    (hash) => post({ hash }),
    (error: unknown) => post({ error: error instanceof Error ? error.message : String(error) }),
  )
})
