import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { createMediaFire } from '@coalmine/mediafire'
import { storageCases, type StorageHarness } from '@coalmine/storage-testkit'
import { afterAll, describe, it } from 'vitest'
import { emulated } from './emulated.ts'

// Judge: the shared suite, against a server that shares no code with the client.
describe.each(['modern', 'legacy'] as const)('createMediaFireStorage(), %s', async (profile) => {
  const { dataDir, emulator, client, open } = await emulated({ settings: { profile } })
  afterAll(() => emulator.stop())
  const harness: StorageHarness = {
    open: async () => open(),
    manyObjects: profile === 'modern' ? 120 : 25,
    largeBytes: 6_000_000,
    async plantForeign() {
      const other = createMediaFire(client)
      await other.paths.ensureFolder('mf:/Coalmine/Backup/A folder')
      await other.close()
      return 1
    },
    async cutBody(key) {
      const { hash } = emulator.account().files.find(({ path }) => path === `/Coalmine/Backup/${key}`)!
      await truncate(join(dataDir, 'files', hash.slice(0, 2), hash), 1_000_000)
    },
    async breakDown() {
      const id = emulator.faults.add({ call: '*', fault: { kind: 'error', code: 100, status: 500 } })
      return async () => emulator.faults.remove(id)
    },
  }
  for (const c of storageCases(harness)) it(c.name, () => c.run())
})
