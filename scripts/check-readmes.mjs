// Runs the programs of the READMEs as their readers would: in an empty folder, from the packed packages, with plain node.
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { packageFolders, root } from './bootstrap.mjs'
import { command, inParallel } from './command.mjs'
import { cacheFolder, hasPassed, keyOf, rememberPassed } from './passed.mjs'

/** The ```js blocks of a README. */
export function programsOf(markdown) {
  return [...markdown.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => match[1])
}

/** Every program of every package's README must finish by itself with code 0. Needs what `packAll` made. */
export async function checkReadmes() {
  const tarballs = readdirSync(join(cacheFolder, 'tarballs')).map((name) => join(cacheFolder, 'tarballs', name))
  const lock = readFileSync(join(root, 'pnpm-lock.yaml'))
  const key = keyOf(process.version, lock, ...tarballs.map((tarball) => readFileSync(tarball)))
  if (hasPassed('README programs', key)) return { ok: true, output: '', note: 'as before' }

  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'coalmine-readmes-'))
  try {
    const { programs, complaints } = writePrograms(folder)
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
    // What npm test tells its children would point npm at the checkout.
    const env = Object.fromEntries(
      Object.keys(process.env)
        .filter((name) => /^(npm_|INIT_CWD)/i.test(name))
        .map((name) => [name, undefined]),
    )
    const install = ['npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--no-save', ...tarballs]
    const installed = await command(install, { cwd: folder, env })
    if (!installed.ok) return installed
    const results = await inParallel(programs, 2, async (program) => {
      const { ok, output } = await command([process.execPath, program], { cwd: folder, env, timeoutMs: 60_000 })
      return { ok, output: ok ? '' : `${program}\n${output}` }
    })
    const output = [...complaints, ...results.map((result) => result.output)].join('')
    const ok = complaints.length === 0 && results.every((result) => result.ok)
    if (ok) rememberPassed('README programs', key)
    return { ok, output, note: `${programs.length} programs` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function writePrograms(folder) {
  const programs = []
  const complaints = []
  for (const path of packageFolders()) {
    const name = basename(path)
    const found = readIfThere(join(path, 'README.md'))
    const texts = programsOf(found ?? '')
    if (found === undefined) complaints.push(`${name}: no README.md\n`)
    else if (texts.length === 0 && path.includes('/packages/'))
      complaints.push(`${name}: README.md has no js program\n`)
    for (const [index, text] of texts.entries()) {
      const program = `${name}-${index + 1}.mjs`
      writeFileSync(join(folder, program), text)
      programs.push(program)
    }
  }
  return { programs, complaints }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
