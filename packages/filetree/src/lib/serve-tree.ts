import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { codeOf, messageOf } from './errors.ts'
import type { RawPath } from '@coalmine/bytes'
import { openRoot, type TreeRoot } from './tree-root.ts'
import { type TreeReply, type TreeRequest, TreeServer } from './tree-server.ts'

/** Serves one tree on a port, until the port is closed or the thread ends. Requests are looked at between two steps. */
export function serveTree(port: MessagePort, path: string): void {
  const post = (reply: TreeReply, transfer: ArrayBuffer[]) => port.postMessage(reply, transfer)
  let root: TreeRoot
  try {
    root = openRoot(path)
  } catch (error) {
    const message = messageOf(error, 'open the tree', path as RawPath)
    post({ type: 'refused', code: codeOf(error), message }, [])
    return
  }
  const server = new TreeServer(root, post)
  port.on('message', (request: TreeRequest) => {
    server.handle(request)
    while (server.step()) {
      for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
        server.handle(more.message as TreeRequest)
      }
    }
  })
  post({ type: 'ready' }, [])
}
