import { readFileSync } from 'node:fs'

/** The program's own version, as its package says. */
export function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}

/** Runs the command line of this process and ends it with the exit code. */
export async function run(): Promise<void> {
  const argv = process.argv.slice(2)
  // Answered before anything else is loaded: scripts ask for it often.
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`coalmine ${version()}\n`)
    return
  }
  const { runCommandLine } = await import('./lib/run.ts')
  process.exitCode = await runCommandLine()
}
