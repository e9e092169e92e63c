import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

// What a restore does to files goes through the writer's effects, scratch files too; fetched volumes are the repository's.
it('nothing here asks for the file system, or for other programs', () => {
  const folder = fileURLToPath(new URL('../src/', import.meta.url))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }))
  expect(files.length).toBeGreaterThan(5)
  const asks = /['"](?:node:)?(?:fs|fs\/promises|child_process|worker_threads|process)['"]|bytes\/file/
  expect(files.filter(({ text }) => asks.test(text)).map(({ name }) => name)).toEqual([])
})
