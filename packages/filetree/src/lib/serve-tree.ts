import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { codeOf, messageOf } from './errors.ts'
import type { RawPath } from '@coalmine/bytes'
import type { CreateSelector } from './select.ts'
import { openRoot, type TreeRoot } from './tree-root.ts'
import { type TreeReply, type TreeRequest, TreeServer } from './tree-server.ts'

/** What a worker is started with. */
export interface ServedTree {
  /** The path of the root, with one char per byte. */
  readonly root: string
  readonly followLinks: boolean
}

/** Serves one tree on a port, until the port is closed or the thread ends. Requests are looked at between two steps. */
export function serveTree(port: MessagePort, { root: path, followLinks }: ServedTree, create?: CreateSelector): void {
  const post = (reply: TreeReply, transfer: ArrayBuffer[]) => port.postMessage(reply, transfer)
  let root: TreeRoot
  try {
    root = openRoot(path, followLinks)
  } catch (error) {
    const message = messageOf(error, 'open the tree', path as RawPath)
    post({ type: 'refused', code: codeOf(error), message }, [])
    return
  }
  const run = () => {
    while (server.step()) {
      for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
        server.handle(more.message as TreeRequest)
      }
    }
  }
  const server = new TreeServer(root, post, { create, wake: run })
  port.on('message', (request: TreeRequest) => {
    server.handle(request)
    run()
  })
  // Descriptors belong to the process: what is open here can be walked from another thread, too.
  const { descriptor, guarded } = root
  post({ type: 'ready', root: { descriptor, guarded }, selects: create !== undefined }, [])
}
