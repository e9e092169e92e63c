// Puts one object again and again, each time other content, and says so after each: to be killed at any moment.
import { fromBytes } from '@coalmine/bytes'
import { createFileStorage } from '../src/index.ts'

const storage = createFileStorage({ path: process.argv[2]!, durable: process.argv[3] === 'durable' })
for (let version = 1; ; version++) {
  const bytes = Buffer.alloc(2_000_000)
  bytes.fill(`${version}`.padStart(8, '0'))
  await storage.put('k', fromBytes(bytes))
  process.stdout.write(`${version}\n`)
}
