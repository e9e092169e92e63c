import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { serveTree, type ServedTree } from './serve-tree.ts'

serveTree(parentPort as MessagePort, workerData as ServedTree)
