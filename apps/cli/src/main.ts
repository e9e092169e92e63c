import { version } from './lib/version.ts'

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
