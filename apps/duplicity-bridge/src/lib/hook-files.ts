import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bridgeCommand, pythonFile } from './bridge-command.ts'
import { CommandError } from './command-error.ts'
import { errnoOf } from './rpc-failure.ts'
import { version } from './version.ts'

const name = 'coalmine_duplicity_bridge'

// Python reads every line of such files in its folders at its start. One that fails would complain at each start of every
// program, so what is missing is nothing to complain about.
const pth = `import sys; exec("try:\\n    import ${name}\\nexcept ImportError:\\n    pass")\n`

/** What is in one of Python's folders. */
export interface InstalledHook {
  readonly folder: string
  /** Of the program that put it there. */
  readonly version: string
  /** How the other side is started. */
  readonly command: readonly string[]
  /** Whether all files are there, and those that this program would write. */
  readonly current: boolean
}

interface HookFile {
  readonly path: string
  readonly content: string
}

/** In the order in which they are written: the last one makes Python look. */
function hookFiles(folder: string): readonly HookFile[] {
  const settings = { version: version(), command: bridgeCommand() }
  return [
    { path: join(folder, `${name}.json`), content: `${JSON.stringify(settings, undefined, 2)}\n` },
    { path: join(folder, `${name}.py`), content: readFileSync(pythonFile, 'utf8') },
    { path: join(folder, `${name}.pth`), content: pth },
  ]
}

/** What of ours is in that folder. */
export function readHook(folder: string): InstalledHook | undefined {
  const files = hookFiles(folder)
  const found = files.map(({ path }) => read(path))
  if (found.every((text) => text === undefined)) return undefined
  const { version: by = 'unknown', command = [] } = parseSettings(found[0])
  return { folder, version: by, command, current: files.every(({ content }, at) => content === found[at]) }
}

/**
 * Puts the hook into that folder.
 *
 * @returns Whether anything was written.
 * @throws CommandError when it cannot be written.
 */
export function writeHook(folder: string): boolean {
  const missing = hookFiles(folder).filter(({ path, content }) => read(path) !== content)
  if (missing.length === 0) return false
  change(folder, 'install', () => {
    mkdirSync(folder, { recursive: true })
    for (const { path, content } of missing) replace(path, content)
  })
  return true
}

/** Takes the hook out of that folder. @returns Whether there was any of it. */
export function removeHook(folder: string): boolean {
  const files = hookFiles(folder)
  const there = files.filter(({ path }) => read(path) !== undefined)
  if (there.length === 0) return false
  change(folder, 'uninstall', () => {
    for (const { path } of there.toReversed()) rmSync(path)
    for (const path of compiled(folder)) rmSync(path, { force: true })
  })
  return true
}

/** What Python has made of it. */
function compiled(folder: string): string[] {
  const cache = join(folder, '__pycache__')
  try {
    return readdirSync(cache)
      .filter((one) => one.startsWith(`${name}.`))
      .map((one) => join(cache, one))
  } catch {
    // Python keeps them elsewhere, or was not allowed to.
    return []
  }
}

function change(folder: string, verb: string, act: () => void): void {
  try {
    act()
  } catch (cause) {
    const code = errnoOf(cause)
    const reason = code === 'EACCES' || code === 'EPERM' ? 'permission denied' : code || String(cause)
    throw new CommandError(`Cannot ${verb} in "${folder}": ${reason}`, { cause })
  }
}

function replace(path: string, content: string): void {
  const part = join(dirname(path), `.${name}-${randomBytes(6).toString('hex')}`)
  try {
    writeFileSync(part, content, { mode: 0o644, flag: 'wx' })
    renameSync(part, path)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // What cannot be read is not what we would have written; writing tells why.
    return undefined
  }
}

function parseSettings(text: string | undefined): { version?: string; command?: readonly string[] } {
  try {
    return JSON.parse(text ?? '{}') as { version?: string; command?: readonly string[] }
  } catch {
    // Somebody else's hand: told as not current.
    return {}
  }
}
