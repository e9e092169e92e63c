import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { run, type RunOptions, type RunResult, SharedRuns, tempDir } from '@coalmine/fixtures'

const built = new URL('../dist/main.js', import.meta.url).href

const long = Boolean(process.env['COALMINE_LONG'])

/** The built command line, as a user starts it. */
export const program = fileURLToPath(new URL('../bin/coalmine.js', import.meta.url))

export interface World {
  /** A folder of the test's own. */
  readonly folder: string
  /** `file://` URL of a storage in it. */
  readonly url: string
  /** Where a restore may go. */
  readonly target: string
  readonly archiveRoot: string
  readonly run: (args: readonly string[], options?: WorldRun) => Promise<Outcome>
}

export interface WorldRun extends Omit<RunOptions, 'env'> {
  readonly env?: Record<string, string | undefined>
}

export interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
  readonly raw: RunResult
}

/**
 * A world in which nothing of this machine's settings counts: its own home, cache and temporary files, UTC, C.
 *
 * @param options.shared - Whether runs that ask for nothing more than an environment and a folder go into one process, see
 * {@link runShared}; those of the short run do.
 */
export async function world({ shared = !long } = {}): Promise<World> {
  const folder = await tempDir('cli')
  const archiveRoot = join(folder, 'cache', 'duplicity')
  return {
    folder,
    url: `file://${folder}/storage`,
    target: join(folder, 'restored'),
    archiveRoot,
    async run(args, { env = {}, cwd = folder, ...options } = {}) {
      // A descriptor is of the process, and not of what it prints.
      const isPlain = Object.keys(options).length === 0 && !args.some((word) => word.startsWith('--log-fd'))
      if (shared && isPlain) return runShared(folder, args, { env, cwd })
      const raw = await run([process.execPath, program, ...args], { ...options, cwd, env: environment(folder, env) })
      return { code: raw.code, out: raw.stdout.toString(), err: raw.stderr.toString(), raw }
    },
  }
}

/** The variables that a run in this folder sees. */
function environment(folder: string, more: Record<string, string | undefined>): Record<string, string> {
  const all: Record<string, string | undefined> = {
    PATH: process.env['PATH'],
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    TMPDIR: folder,
    TZ: 'UTC',
    LC_ALL: 'C',
    PASSPHRASE: 'test',
    ...more,
  }
  const known = Object.entries(all).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as Record<string, string>
}

const shared = new SharedRuns(built)

/** Runs command lines of a test file in one process, one after the other, see {@link SharedRuns}. */
export async function runShared(
  folder: string,
  args: readonly string[],
  { env = {}, cwd = folder }: { env?: Record<string, string | undefined>; cwd?: string } = {},
): Promise<Outcome> {
  const raw = await shared.run(args, { env: environment(folder, env), cwd })
  return { code: raw.code, out: raw.stdout.toString(), err: raw.stderr.toString(), raw }
}

/** Ends the process of {@link runShared}; to be called after all tests of a file. */
export const endShared = (): Promise<void> => shared.end()

/** What an outcome was, for the message of an expectation. */
export function said({ code, out, err }: Outcome): string {
  return `code ${code}\n${out}\n${err}`
}
