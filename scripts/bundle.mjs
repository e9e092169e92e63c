// Bundles one package's sources into few files. A program of nearly three hundred files spends more time looking for them
// than a small backup takes; what a package exports, and where its parts look for one another, is the same.
//
// Run in the package's folder, after tsc has written the declarations. The code is in `dist/lib`, as deep as it is in
// `src/lib`, so that `new URL('./x', import.meta.url)` finds workers and kernels from there; the files of the exports map
// hand on what it exports.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { rolldown } from 'rolldown'

const scripts = /-(process|worker)\.ts$/
const { exports, bin } = JSON.parse(readFileSync('package.json', 'utf8'))
const exported = Object.values(exports).flatMap((one) => one['@coalmine/source'] ?? [])
// A command starts from `bin`, which is not compiled, at `src/main.ts`.
const tops = (bin === undefined ? exported : [...exported, './src/main.ts']).map((path) => basename(path, '.ts'))
const started = readdirSync('src/lib').filter((name) => scripts.test(name))

for (const name of readdirSync('dist', { recursive: true })) {
  if (/\.js(\.map)?$/.test(name)) rmSync(join('dist', name))
}

const bundle = await rolldown({
  input: Object.fromEntries([
    ...tops.map((name) => [`lib/all-of-${name}`, join('src', `${name}.ts`)]),
    ...started.map((name) => [`lib/${basename(name, '.ts')}`, join('src', 'lib', name)]),
  ]),
  platform: 'node',
  external: (id) => !/^[./]/.test(id),
})
await bundle.write({
  dir: 'dist',
  format: 'esm',
  sourcemap: true,
  entryFileNames: '[name].js',
  chunkFileNames: 'lib/[name]-[hash].js',
})
await bundle.close()
for (const name of tops) writeFileSync(join('dist', `${name}.js`), `export * from './lib/all-of-${name}.js'\n`)
