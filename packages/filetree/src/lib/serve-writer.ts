import type { MessagePort } from 'node:worker_threads'
import { codeOf, FileTreeError, isOutside, messageOf } from './errors.ts'
import { createTreeWriter, type TreeWriterOptions } from './tree-writer.ts'
import { type WriteBatch, WriteUnpacker } from './write-batch.ts'
import type { WriteProblem } from './write-entry.ts'
import type { RawPath } from '@coalmine/bytes'

/** What a writer's worker is started with. */
export interface ServedWriter extends Pick<TreeWriterOptions, 'ownership' | 'overwrite'> {
  /** Its bytes. */
  readonly target: Uint8Array
}

export type WriterRequest = { type: 'batch'; batch: WriteBatch } | { type: 'finish' } | { type: 'close' }

export type WriterReply =
  | { type: 'ready' }
  /** A batch was done, or passed over after a failure; its memory comes back. */
  | { type: 'done'; memory: ArrayBuffer }
  | { type: 'problem'; problem: WriteProblem }
  /** Nothing is written any more. */
  | { type: 'failed'; code: string; message: string; path: RawPath | undefined; operation: string | undefined }
  | { type: 'finished' }
  | { type: 'closed' }

/** Serves one writer on a port. Mistakes of the program end the thread. */
export function serveWriter(port: MessagePort, { target, ownership, overwrite }: ServedWriter): void {
  const post = (reply: WriterReply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer)
  const onProblem = (problem: WriteProblem) => post({ type: 'problem', problem })
  const writer = createTreeWriter(Buffer.from(target), { ownership, overwrite, onProblem })
  const unpacker = new WriteUnpacker(writer)
  let failed = false
  const attempt = (work: () => void): void => {
    if (failed) return
    try {
      work()
    } catch (error) {
      if (!isOutside(error)) throw error
      failed = true
      const { path, operation } = error instanceof FileTreeError ? error : {}
      const message = messageOf(error, 'write', path ?? ('' as RawPath))
      post({ type: 'failed', code: codeOf(error), message, path, operation })
    }
  }
  port.on('message', (request: WriterRequest) => {
    if (request.type === 'batch') {
      const { batch } = request
      attempt(() => unpacker.apply(batch))
      post({ type: 'done', memory: batch.memory }, [batch.memory])
    } else if (request.type === 'finish') {
      attempt(() => writer.finish())
      post({ type: 'finished' })
    } else {
      // After a failure too: nothing half written stays.
      writer.close()
      post({ type: 'closed' })
    }
  })
  post({ type: 'ready' })
}
