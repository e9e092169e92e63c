import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import { openTree } from '@coalmine/filetree'
import { openRepository } from '@coalmine/repository'
import { createMemoryStorage, passThrough } from '@coalmine/storage'
import { type Envelope, gzipEnvelope } from '@coalmine/volume-format'
import { expect, it } from 'vitest'
import { backupFull } from '../src/index.ts'

const gibibyte = 1 << 30

// Deflating a gibibyte takes its time: in the long run only.
const brief: Envelope = {
  suffixOf: () => '',
  async *seal(_, plain) {
    for await (const chunk of plain) yield chunk.subarray(0, 100)
  },
  open: (_, stored) => stored.open(),
}
const envelope = process.env['COALMINE_LONG'] ? gzipEnvelope({ level: 1 }) : brief

it('backupFull() takes no more memory for a file of a gibibyte', async () => {
  const folder = await tempDir('memory')
  const source = join(folder, 'source')
  mkdirSync(source)
  const file = openSync(join(source, 'sparse'), 'wx')
  writeSync(file, 'begin')
  writeSync(file, 'end', gibibyte - 3)
  ftruncateSync(file, gibibyte)
  closeSync(file)
  // Volumes are read to their end and thrown away, as an upload would.
  const memory = createMemoryStorage()
  const sizes = new Map<string, number>()
  const storage = passThrough(memory, {
    async put(key, content) {
      for await (const _ of content.open());
      sizes.set(key, content.size)
      return { key, size: content.size }
    },
    async stat(key) {
      const size = sizes.get(key)
      return size === undefined ? undefined : { key, size }
    },
  })
  const repository = openRepository({ storage, envelope, tempDir: folder })
  const tree = await openTree(source)
  const before = process.memoryUsage().rss
  let peak = before
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5)
  try {
    const { statistics } = await backupFull({
      tree,
      repository,
      set: { times: { type: 'full', timeSeconds: 1_700_000_000 }, volumeBytes: 200_000, parallel: 2 },
    })
    expect(statistics).toMatchObject({ rawDeltaSize: gibibyte, errors: 0 })
  } finally {
    clearInterval(timer)
    await tree.close()
    repository.close()
  }
  expect(Math.round((peak - before) / 1_048_576)).toBeLessThan(150)
}, 120_000)
