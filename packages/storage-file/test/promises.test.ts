import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import { collect } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { keyProblem, passThrough, type Storage, type StorageLayer } from '@coalmine/storage'
import { storageCases, type StorageHarness } from '@coalmine/storage-testkit'
import { describe, it } from 'vitest'
import { aroundEffects, createFileStorage, type FileStorageOptions, nodeFileStorageEffects } from '../src/index.ts'

const ways: Record<string, Partial<FileStorageOptions> & { manyObjects?: number; layer?: StorageLayer }> = {
  'flushed to the disk': { manyObjects: 100 },
  'not flushed': { durable: false, manyObjects: 500 },
  'read again after writing': { durable: false, verify: true },
  'copied from local files': { durable: false, layer: throughLocalFiles },
}

describe.each(Object.keys(ways))('createFileStorage(), %s', async (name) => {
  const { layer = (storage: Storage) => storage, manyObjects, ...options } = ways[name]!
  const path = join(await tempDir('storage'), 'not', 'there yet')
  let broken = false
  const effects = aroundEffects(nodeFileStorageEffects, async (_, run) => {
    if (broken) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
    return await run()
  })
  const harness: StorageHarness = {
    open: async () => layer(createFileStorage({ path, effects, ...options })),
    manyObjects,
    largeBytes: name === 'flushed to the disk' ? 20_971_520 : 5_000_000,
    async plantForeign() {
      await mkdir(join(path, 'folder'))
      await writeFile(Buffer.concat([Buffer.from(`${path}/caf`), Buffer.from([0xe9])]), 'latin1')
      await writeFile(join(path, 'line\nbreak'), 'x')
      await writeFile(join(path, '.coalmine-tmp-0123456789abcdef'), 'the rest of a put')
      return 3
    },
    async cutBody(key) {
      await truncate(join(path, key), 1_000_000)
    },
    async breakDown() {
      broken = true
      return async () => {
        broken = false
      }
    },
  }
  for (const c of storageCases(harness)) it(c.name, () => c.run())
})

/** Every source that is what it says comes as a local file. */
function throughLocalFiles(inner: Storage): Storage {
  const folder = tempDir('spool')
  let files = 0
  return passThrough(inner, {
    async put(key, source, options) {
      // What is refused or aborted is not for the spool; what is no proper source cannot be spooled.
      if (keyProblem(key) !== undefined || options?.signal !== undefined) return await inner.put(key, source, options)
      let bytes: Uint8Array
      try {
        bytes = await collect(source.open())
      } catch {
        return await inner.put(key, source, options)
      }
      if (bytes.length !== source.size) return await inner.put(key, source, options)
      const path = join(await folder, `${++files}`)
      await writeFile(path, bytes)
      return await inner.put(key, await fromFile(path), options)
    },
  })
}
