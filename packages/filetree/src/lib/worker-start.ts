import type { Worker } from 'node:worker_threads'

/** What a worker says first; `undefined` when it ends or fails before that. */
export function firstReply<T>(worker: Worker): Promise<T | undefined> {
  return new Promise((resolve) => {
    const settle = (reply?: T) => {
      // One by one: the worker counts its listeners by listeners of its own, which must stay.
      worker.off('message', settle).off('error', failed).off('exit', failed)
      resolve(reply)
    }
    const failed = () => settle()
    worker.on('message', settle).on('error', failed).on('exit', failed)
  })
}
