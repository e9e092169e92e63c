// What a stranger would install: packs every package, and lets publint and attw judge the tarballs.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { root } from './bootstrap.mjs'
import { command, inParallel } from './command.mjs'
import { cacheFolder, hasPassed, keyOf, rememberPassed } from './passed.mjs'

const folder = join(cacheFolder, 'tarballs')

/** Packs packages/* and apps/*; the same sources give the same tarballs. */
export async function packAll() {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const argv = [
    'pnpm',
    '--recursive',
    '--filter=./packages/*',
    '--filter=./apps/*',
    'pack',
    '--pack-destination',
    folder,
  ]
  const { ok, output } = await command(argv)
  const tarballs = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
  return { ok: ok && tarballs.length > 0, output, tarballs }
}

/** publint and attw on every tarball that they have not passed yet. */
export async function checkPackages() {
  const packed = await packAll()
  if (!packed.ok) return packed
  const lock = readFileSync(join(root, 'pnpm-lock.yaml'))
  const results = await inParallel(packed.tarballs, 2, async (tarball) => {
    const name = basename(tarball, '.tgz')
    const key = keyOf(readFileSync(tarball), lock)
    if (hasPassed(name, key)) return { ok: true, output: '' }
    const lint = await command(['publint', 'run', tarball, '--strict'])
    const types = hasEntries(await manifestOf(tarball))
      ? await command(['attw', tarball, '--profile', 'esm-only', '--no-emoji', '--no-color'])
      : { ok: true, output: '' }
    const ok = lint.ok && types.ok
    if (ok) rememberPassed(name, key)
    return { ok, output: ok ? '' : `${name}\n${lint.output}${types.output}` }
  })
  return { ok: results.every((result) => result.ok), output: results.map((result) => result.output).join('') }
}

async function manifestOf(tarball) {
  const { output } = await command(['tar', '-xzOf', tarball, 'package/package.json'])
  return JSON.parse(output)
}

// A program has nothing to import, so there are no types to be wrong.
function hasEntries({ exports = {} }) {
  return Object.keys(exports).some((name) => name !== './package.json')
}
