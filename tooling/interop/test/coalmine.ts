import { fileURLToPath } from 'node:url'
import { run, type RunOptions, type RunResult } from '@coalmine/fixtures'
import { duplicityEnv, duplicityHome } from '../src/index.ts'

/** The built command line, as a user starts it. */
export const program = fileURLToPath(new URL('../../../apps/cli/bin/coalmine.js', import.meta.url))

export interface CoalmineOptions extends Omit<RunOptions, 'env'> {
  /** Added to the plain environment that the real programs get too. */
  env?: Record<string, string>
  home?: string
}

/** Runs the command line as a process of its own, in the same plain environment as the real programs. */
export async function coalmine(args: readonly string[], options: CoalmineOptions = {}): Promise<RunResult> {
  const { env, home = await duplicityHome(), cwd = home, ...rest } = options
  return run([process.execPath, program, ...args], { ...rest, cwd, env: duplicityEnv(home, env) })
}

/** What went wrong, for the message of an expectation. */
export function said({ code, stdout, stderr }: RunResult): string {
  return `code ${code}\n${stdout.toString().slice(-3000)}\n${stderr.toString().slice(-3000)}`
}
