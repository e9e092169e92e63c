// Opens as a tree's worker would, and dies at the first request, in the way that its "root" says.
import { parentPort, workerData } from 'node:worker_threads'

parentPort.on('message', () => {
  if (workerData.root === 'exit') process.exit(0)
  throw new Error('dead')
})
parentPort.postMessage({ type: 'ready' }, [])
