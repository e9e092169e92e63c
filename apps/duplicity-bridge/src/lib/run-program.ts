import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { delimiter } from 'node:path'
import { bridgeCommand, commandVariable, runFolder } from './bridge-command.ts'
import { CommandError, usageError } from './command-error.ts'

const forwarded = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const

/**
 * Runs a program, duplicity or a script that starts it, so that every duplicity below it knows our schemes. Nothing is
 * installed: two variables of its environment are set.
 *
 * @returns What this process ends with: the program's code, or 128 and the number of the signal that ended it.
 */
export async function runProgram(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [program, ...args] = argv
  if (program === undefined)
    throw usageError('Cannot run: no program was said; duplicity-bridge run -- duplicity full …')
  const child = spawn(program, args, { env: runEnvironment(env), stdio: streamsFor(args) })
  const forward = (name: NodeJS.Signals): void => void child.kill(name)
  // Ctrl-C reaches the program too: how it ends is waited for.
  const ignore = (): void => undefined
  for (const name of forwarded) process.on(name, forward)
  for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, ignore)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return code ?? 128 + constants.signals[signal!]
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    const isMissing = reason === 'ENOENT'
    const message = `Cannot run "${program}": ${isMissing ? 'there is no such program' : reason}`
    throw new CommandError(message, { exitCode: isMissing ? 127 : 126, cause })
  } finally {
    for (const name of forwarded) process.off(name, forward)
    for (const name of ['SIGINT', 'SIGQUIT'] as const) process.off(name, ignore)
  }
}

/** The environment in which Python knows our schemes. */
function runEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const path = env['PYTHONPATH']
  return {
    ...env,
    PYTHONPATH: path === undefined || path === '' ? runFolder : `${runFolder}${delimiter}${path}`,
    [commandVariable]: JSON.stringify(bridgeCommand()),
  }
}

const maxDescriptor = 255

/** Standard streams, and the descriptor that duplicity is told to log to: Node would close it. */
function streamsFor(args: readonly string[]): ('inherit' | 'ignore' | number)[] {
  const streams: ('inherit' | 'ignore' | number)[] = ['inherit', 'inherit', 'inherit']
  for (const [at, word] of args.entries()) {
    const number = /^--log-fd=(\d+)$/.exec(word)?.[1] ?? (args[at - 1] === '--log-fd' ? word : undefined)
    const descriptor = /^\d+$/.test(number ?? '') ? Number(number) : 0
    if (descriptor < 3 || descriptor > maxDescriptor) continue
    while (streams.length <= descriptor) streams.push('ignore')
    streams[descriptor] = descriptor
  }
  return streams
}
