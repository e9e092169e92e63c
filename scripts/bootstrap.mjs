// From a fresh clone to built packages. Nothing here writes to standard output: that belongs to the program started.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = join(root, 'node_modules', '.bin')

/** The environment of every tool: those of the checkout first, and turbo reports nothing to anybody. */
export function toolEnv(env = process.env) {
  return { ...env, PATH: `${bin}${delimiter}${env.PATH ?? ''}`, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
}

/** Whether the installed packages are those of the lock file. */
export function isInstalled() {
  const installed = join(root, 'node_modules', '.pnpm', 'lock.yaml')
  return existsSync(installed) && readFileSync(installed).equals(readFileSync(join(root, 'pnpm-lock.yaml')))
}

/**
 * Installs what the lock file names, unless it is there.
 *
 * @throws when the package manager does not succeed.
 */
export function install() {
  if (isInstalled()) return
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const argv = ['--yes', packageManager, 'install', '--frozen-lockfile']
  const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx'
  const { status, error } = spawnSync(npx, argv, { cwd: root, env: toolEnv(), stdio: ['inherit', 2, 2] })
  if (status !== 0)
    throw new Error(`Cannot install: ${error?.message ?? `${packageManager} ended with code ${status}`}`)
}

/**
 * Builds what changed. Turbo's words are shown when everything is built from nothing, or something is wrong.
 *
 * @param args - What `turbo run` takes: tasks and filters.
 * @throws when a package does not build.
 */
export function build(...args) {
  const first = !existsSync(join(root, 'apps', 'cli', 'dist'))
  const argv = ['run', ...args, '--output-logs=errors-only']
  const stdio = first ? ['inherit', 2, 2] : ['ignore', 'pipe', 'pipe']
  const { status, error, stdout, stderr } = spawnSync(join(bin, 'turbo'), argv, {
    cwd: root,
    env: toolEnv(),
    stdio,
    maxBuffer: 1 << 26,
  })
  if (status === 0) return
  if (!first) process.stderr.write(Buffer.concat([stdout ?? Buffer.alloc(0), stderr ?? Buffer.alloc(0)]))
  throw new Error(`Cannot build: ${error?.message ?? `turbo ended with code ${status}`}`)
}

/** Removes what was built from sources that are gone, so that it is neither packed nor imported by mistake. */
export function removeStale() {
  for (const folder of packageFolders()) {
    const dist = join(folder, 'dist')
    if (!existsSync(dist)) continue
    for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
      const match = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(entry.name)
      if (!entry.isFile() || match === null || entry.parentPath.includes(`${dist}/wasm`)) continue
      const source = join(folder, 'src', entry.parentPath.slice(dist.length), `${match[1]}.ts`)
      if (!existsSync(source)) rmSync(join(entry.parentPath, entry.name))
    }
  }
}

/** The folders that are published. */
export function packageFolders() {
  return ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(root, group), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(root, group, entry.name, 'package.json')))
      .map((entry) => join(root, group, entry.name)),
  )
}

/** Runs a program in this one's place: same input and output, signals handed on, and then the same end. */
export function become(argv, options) {
  const [program, ...args] = argv
  const child = spawn(program, args, { stdio: 'inherit', ...options })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']
  for (const signal of signals) {
    process.on(signal, () => {
      // The keyboard of a terminal reaches the child by itself; a second interrupt would mean something else to it.
      const typed = process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT')
      if (!typed) child.kill(signal)
    })
  }
  child.once('error', (error) => {
    console.error(`Cannot run ${program}: ${error.message}`)
    process.exit(127)
  })
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    for (const each of signals) process.removeAllListeners(each)
    process.kill(process.pid, signal)
    // A signal that does not end this process must not leave it hanging.
    setTimeout(() => process.exit(1), 1000)
  })
}
