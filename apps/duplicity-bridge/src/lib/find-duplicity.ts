import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { delimiter, join, sep } from 'node:path'
import { CommandError } from './command-error.ts'

/** An installed duplicity, and how its Python is started. */
export interface FoundDuplicity {
  readonly path: string
  /** The interpreter, and the flags that the script gives it. */
  readonly python: readonly string[]
}

const snapReason =
  'it is a snap, which sees no program outside it; install duplicity from your distribution, with pipx, or run "duplicity-bridge serve" beside it'

/**
 * The duplicity that a user would start, and the Python that it is written for, by the first line of its script.
 *
 * @throws CommandError when there is none, or none that could know of us.
 */
export function findDuplicity(said: string | undefined, env: NodeJS.ProcessEnv): FoundDuplicity {
  const path = said ?? findProgram('duplicity', env)
  if (path === undefined)
    throw new CommandError('Cannot find duplicity: there is none on the path; --duplicity says where it is')
  const attempted = `Cannot use "${path}"`
  const real = resolved(path, attempted)
  if (isSnap(path) || isSnap(real)) throw new CommandError(`${attempted}: ${snapReason}`)
  const [interpreter, ...flags] = firstLineOf(real, attempted)
  if (interpreter === undefined)
    throw new CommandError(`${attempted}: it is no script that names its Python; --python says which`)
  const isEnv = /(?:^|\/)env$/.test(interpreter)
  const name = isEnv ? flags.shift() : interpreter
  if (name === undefined || !/(?:^|\/)python[\d.]*$/.test(name)) {
    throw new CommandError(
      `${attempted}: it is started by "${name ?? interpreter}", not by Python; --python says which`,
    )
  }
  const python = isEnv ? findProgram(name, env) : name
  if (python === undefined) throw new CommandError(`${attempted}: its "${name}" is not on the path`)
  return { path, python: [python, ...flags] }
}

/** Where a program is on the path. */
function findProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not for us: a shell would look on, too.
    return false
  }
}

function isSnap(path: string): boolean {
  return path.startsWith('/snap/') || path.endsWith(`${sep}bin${sep}snap`) || path.startsWith('/var/lib/snapd/')
}

function resolved(path: string, attempted: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw new CommandError(`${attempted}: there is no such file`, { cause })
  }
}

/** The words after `#!`; none when it is no script. */
function firstLineOf(path: string, attempted: string): string[] {
  const start = Buffer.alloc(512)
  try {
    const file = openSync(path, 'r')
    try {
      readSync(file, start)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    throw new CommandError(`${attempted}: it cannot be read`, { cause })
  }
  const line = /^#!([^\n\0]*)/.exec(start.toString('latin1'))?.[1]
  return line?.split(/\s+/).filter((word) => word !== '') ?? []
}
