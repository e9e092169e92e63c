import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { CreateSelector } from './lib/select.ts'
import { serveTree, type ServedTree } from './lib/serve-tree.ts'

/**
 * Serves a tree in this worker thread. The script that `openTree` is given as its `worker` calls it, once, with the
 * `create` of the selections that will be walked with.
 *
 * @example
 * // walk-worker.js, for openTree(root, { worker: new URL('./walk-worker.js', import.meta.url) })
 * import { serve } from '@coalmine/filetree/worker'
 * import { create } from './my-rules.js'
 *
 * serve(create)
 */
export function serve(create: CreateSelector): void {
  serveTree(parentPort as MessagePort, workerData as ServedTree, create)
}
