import { fileURLToPath } from 'node:url'
import { run, type RunOptions, type RunResult, SharedRuns } from '@coalmine/fixtures'
import { duplicityEnv, duplicityHome } from '../src/index.ts'
import { long } from './turns.ts'

/** The built command line, as a user starts it. */
export const program = fileURLToPath(new URL('../../../apps/cli/bin/coalmine.js', import.meta.url))

export interface CoalmineOptions extends Omit<RunOptions, 'env'> {
  /** Added to the plain environment that the real programs get too. */
  env?: Record<string, string>
  home?: string
  /** Passphrases are hashed as often as for its users. */
  ownS2k?: boolean
}

const writing = new Set(['full', 'incremental', 'incr', 'inc'])

const shared = new SharedRuns(new URL('../../../apps/cli/dist/main.js', import.meta.url).href)

/**
 * Runs the command line in the same plain environment as the real programs: in the long run as a process of its own, else,
 * unless something is said that needs one, in a process with others.
 */
export async function coalmine(args: readonly string[], options: CoalmineOptions = {}): Promise<RunResult> {
  const { env, home = await duplicityHome(), cwd = home, ownS2k, ...rest } = options
  // Who reads it, gpg above all, would hash 65 million bytes for each object.
  const isOther = args.some((word) => /^--(gpg-options|openpgp-profile)/.test(word))
  const isQuick = !long && !ownS2k && writing.has(args[0]!) && !isOther
  const quick = isQuick && env?.['PASSPHRASE'] !== undefined ? ['--gpg-options', '--s2k-count 65536'] : []
  const ownProcess = long || args.some((word) => word.startsWith('--log-fd'))
  if (!ownProcess && Object.keys(rest).every((name) => name === 'timeoutMs')) {
    return shared.run([...args, ...quick], { cwd, env: duplicityEnv(home, env) })
  }
  return run([process.execPath, program, ...args, ...quick], { ...rest, cwd, env: duplicityEnv(home, env) })
}

/** What went wrong, for the message of an expectation. */
export function said({ code, stdout, stderr }: RunResult): string {
  return `code ${code}\n${stdout.toString().slice(-3000)}\n${stderr.toString().slice(-3000)}`
}
