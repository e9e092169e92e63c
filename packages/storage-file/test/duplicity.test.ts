import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import { createRegistry, type Storage } from '@coalmine/storage'
import { expect } from 'vitest'
import { openFileUrl } from '../src/index.ts'

const storages = createRegistry({ file: openFileUrl })

async function sizes(storage: Storage): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for await (const { key, size } of storage.list()) found[key] = size
  return found
}

// Judge: duplicity itself, which makes the folder, and reads the one that we made.
itWith('duplicity', 'a file storage and duplicity see the same objects in a folder', async () => {
  const root = await tempDir('dup')
  const source = join(root, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), Buffer.alloc(300_000, 'content'))
  const duplicity = (...args: string[]) =>
    run(['duplicity', ...args, '--no-encryption', '--archive-dir', join(root, 'cache'), '--name', 'x'], { check: true })

  const theirs = `file://${root}/their%20folder`
  await duplicity('full', source, theirs)
  const from = await storages.open(theirs)
  const found = await sizes(from)
  expect(Object.keys(found).sort()).toEqual(readdirSync(join(root, 'their folder')).sort())
  expect(Object.keys(found)).toHaveLength(3)

  const ours = `file://${root}/our%20folder`
  const to = await storages.open(ours)
  for (const [key, size] of Object.entries(found))
    await to.put(key, { size, open: (range) => from.get(key, { range }) })
  // What a killed put leaves must not disturb it.
  writeFileSync(join(root, 'our folder', '.coalmine-tmp-0123456789abcdef'), 'part of a volume')
  expect(await sizes(to)).toEqual(found)
  await duplicity('verify', '--compare-data', ours, source)
  const status = await duplicity('collection-status', ours)
  expect(status.stdout.toString()).toContain('No orphaned or incomplete backup sets found.')
  await duplicity('restore', ours, join(root, 'restored'))
  expect(readFileSync(join(root, 'restored', 'file'))).toEqual(readFileSync(join(source, 'file')))
})
