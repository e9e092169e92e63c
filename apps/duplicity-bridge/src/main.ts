import { runCommandLine } from './lib/command-line.ts'

/** Runs the command line of this process and ends it with the exit code. */
export async function run(): Promise<void> {
  process.exitCode = await runCommandLine(process.argv.slice(2), process.env)
}
