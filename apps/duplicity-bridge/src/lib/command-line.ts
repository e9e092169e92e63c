import { CommandError, usageError } from './command-error.ts'
import { helpText } from './help.ts'
import type { PlaceOptions } from './install.ts'
import { requireNoPassword } from './open-storage.ts'
import { serveStandardStreams } from './rpc-command.ts'
import { runProgram } from './run-program.ts'
import { version } from './version.ts'

/** Runs a command line. Never throws: what goes wrong is said, and is the exit code. */
export async function runCommandLine(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    return await dispatch(argv, env)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    process.stderr.write(`${text}\n`)
    return error instanceof CommandError ? error.exitCode : 1
  }
}

async function dispatch(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [command, ...words] = argv
  switch (command) {
    case 'run':
      return await runProgram(words[0] === '--' ? words.slice(1) : words, env)
    case 'rpc': {
      const options = parseOptions(command, words, ['storage'])
      const url = options.get('storage')
      if (url !== undefined) requireNoPassword(url)
      await serveStandardStreams(url)
      return 0
    }
    case 'serve': {
      const [what, ...rest] = words
      if (what !== 'webdav')
        throw usageError('Cannot serve that way: it is "duplicity-bridge serve webdav --storage URL"')
      const options = parseOptions('serve webdav', rest, ['storage', 'listen', 'token-file'])
      const [storage, listen, tokenFile] = ['storage', 'listen', 'token-file'].map((name) => options.get(name))
      await (await import('./serve-command.ts')).serve({ storage, listen, tokenFile, env })
      return 0
    }
    case 'install':
      return say(await (await import('./install.ts')).install(placeOptions(command, words, env)))
    case 'uninstall':
      return say(await (await import('./install.ts')).uninstall(placeOptions(command, words, env)))
    case 'status': {
      const { lines, isEffective } = await (await import('./install.ts')).status(placeOptions(command, words, env))
      say(lines)
      return isEffective ? 0 : 1
    }
    case 'doctor': {
      const [url, rest] = words[0]?.includes('://') === true ? [words[0], words.slice(1)] : [undefined, words]
      const options = { ...placeOptions(command, rest, env), url, say: (line: string) => void say([line]) }
      return (await (await import('./doctor.ts')).examine(options)) ? 0 : 1
    }
    case '--help':
    case '-h':
    case 'help':
      process.stdout.write(helpText)
      return 0
    case '--version':
      process.stdout.write(`duplicity-bridge ${version()}\n`)
      return 0
    case undefined:
      throw usageError('Cannot run: nothing was said to do; "duplicity-bridge --help" tells what there is')
    default:
      throw usageError(
        `Cannot run "${shorten(command)}": there is no such command; "duplicity-bridge --help" tells what there is`,
      )
  }
}

function placeOptions(command: string, words: readonly string[], env: NodeJS.ProcessEnv): PlaceOptions {
  const system = words.includes('--system')
  const options = parseOptions(
    command,
    words.filter((word) => word !== '--system'),
    ['duplicity', 'python'],
  )
  return { system, env, duplicity: options.get('duplicity'), python: options.get('python') }
}

function say(lines: readonly string[]): number {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
  return 0
}

/** `--name value` and `--name=value`, each once. */
function parseOptions(command: string, words: readonly string[], names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; at < words.length; at++) {
    const match = /^--([a-z-]+)(?:=([^]*))?$/.exec(words[at]!)
    const name = match?.[1] ?? ''
    if (!names.includes(name))
      throw usageError(`Cannot run "${command}": "${shorten(words[at]!)}" is none of its options`)
    const value = match![2] ?? words[++at]
    if (value === undefined) throw usageError(`Cannot run "${command}": "--${name}" takes a value`)
    if (found.has(name)) throw usageError(`Cannot run "${command}": "--${name}" was said twice`)
    found.set(name, value)
  }
  return found
}

/** What was typed in the wrong place may be a URL with a password. */
function shorten(word: string): string {
  return word.split(/[=:]/, 1)[0]!.slice(0, 40)
}
