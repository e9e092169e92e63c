import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { serveTree } from './serve-tree.ts'

serveTree(parentPort as MessagePort, (workerData as { root: string }).root)
