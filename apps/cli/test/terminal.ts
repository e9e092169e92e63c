import { onTerminalOf, run } from '@coalmine/fixtures'
import { program } from './coalmine.ts'
import { inSession, sessionEnv } from './secret-service.ts'

/** Runs the command line on a terminal and answers its questions; `shown` has a `|` where each answer was typed. */
export async function onTerminal(
  folder: string,
  args: readonly string[],
  answers: readonly string[],
  options: { secretService?: boolean; env?: Readonly<Record<string, string>> } = {},
) {
  const argv = onTerminalOf([process.execPath, program, ...args], answers)
  const words = options.secretService === true ? inSession(argv) : argv
  const { code, stdout } = await run(words, { env: sessionEnv(folder, options.env), cwd: folder, timeoutMs: 60_000 })
  return { code, shown: stdout.toString() }
}
