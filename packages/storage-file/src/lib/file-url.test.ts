import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fromBytes } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createRegistry } from '@coalmine/storage'
import { expect, it } from 'vitest'
import { openFileUrl } from './file-url.ts'

const registry = createRegistry({ file: openFileUrl })

it('openFileUrl() opens the folder that a URL names', async () => {
  const root = await tempDir('url')
  const storage = await registry.open(`file://${root}/a%20b%C3%A9/c`)
  await storage.put('k', fromBytes(new Uint8Array(1)))
  expect(readdirSync(join(root, 'a bé', 'c'))).toEqual(['k'])
  expect(storage.info.display).toBe(`file://${root}/a bé/c`)
})

it('openFileUrl() starts a relative path where the context says', async () => {
  const root = await tempDir('url')
  const storage = await registry.open('file://rel/%E9', { cwd: root })
  await storage.put('k', fromBytes(new Uint8Array(1)))
  expect(readdirSync(join(root, 'rel'), { encoding: 'buffer' })).toEqual([Buffer.from([0xe9])])
  expect((await registry.open('file://rel')).info.display).toBe('file://rel')
})
