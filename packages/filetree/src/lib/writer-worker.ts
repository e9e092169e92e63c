import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { serveWriter, type ServedWriter } from './serve-writer.ts'

serveWriter(parentPort as MessagePort, workerData as ServedWriter)
