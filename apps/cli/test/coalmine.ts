import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { run, type RunOptions, type RunResult, tempDir } from '@coalmine/fixtures'

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

/** A world in which nothing of this machine's settings counts: its own home, cache and temporary files, UTC, C. */
export async function world(): Promise<World> {
  const folder = await tempDir('cli')
  const archiveRoot = join(folder, 'cache', 'duplicity')
  return {
    folder,
    url: `file://${folder}/storage`,
    target: join(folder, 'restored'),
    archiveRoot,
    async run(args, { env = {}, cwd = folder, ...options } = {}) {
      const all: Record<string, string | undefined> = {
        PATH: process.env['PATH'],
        HOME: folder,
        XDG_CACHE_HOME: join(folder, 'cache'),
        TMPDIR: folder,
        TZ: 'UTC',
        LC_ALL: 'C',
        PASSPHRASE: 'test',
        ...env,
      }
      const known = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<
        string,
        string
      >
      const raw = await run([process.execPath, program, ...args], { ...options, cwd, env: known })
      return { code: raw.code, out: raw.stdout.toString(), err: raw.stderr.toString(), raw }
    },
  }
}

/** What an outcome was, for the message of an expectation. */
export function said({ code, out, err }: Outcome): string {
  return `code ${code}\n${out}\n${err}`
}
