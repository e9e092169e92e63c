import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { run, type RunOptions, type RunResult, tempDir } from '@coalmine/fixtures'
import { type DuplicityVersion, inWorldOf, plainEnv, type WorldOptions } from './worlds.ts'

export interface DuplicityOptions extends WorldOptions, Pick<RunOptions, 'input' | 'timeoutMs' | 'check'> {
  /** Added to a plain environment: `{ PASSPHRASE: '…' }`. */
  env?: Record<string, string>
  /** Where its cache, keys and temporary files are; by default one folder for the whole test file. */
  home?: string
}

let sharedHome: Promise<string> | undefined

/** The folder that the programs of this test file have as their home, unless told otherwise. */
export function duplicityHome(): Promise<string> {
  return (sharedHome ??= tempDir('home'))
}

/** What {@link duplicity} gives the program as its environment; for tests that start it themselves. */
export function duplicityEnv(home: string, env: Record<string, string> = {}): Record<string, string> {
  // The keyring's path must be short, because gpg-agent puts a socket there.
  const keys = join(home, '.gnupg')
  const temp = join(home, 'tmp')
  mkdirSync(keys, { recursive: true, mode: 0o700 })
  mkdirSync(temp, { recursive: true })
  return { ...plainEnv, HOME: home, GNUPGHOME: keys, TMPDIR: temp, ...env }
}

/**
 * Runs the real duplicity to its end. The clock is UTC, the language C, the home a temporary folder; paths below the
 * folder for temporary files mean the same there as here.
 */
export async function duplicity(
  version: DuplicityVersion,
  args: readonly string[],
  options: DuplicityOptions = {},
): Promise<RunResult> {
  const { env, home = await duplicityHome(), input, timeoutMs, check, cwd = home, see } = options
  const environment = duplicityEnv(home, env)
  const argv = inWorldOf(version, ['duplicity', ...args], { cwd, see })
  try {
    return await run(argv, { env: environment, input, timeoutMs, check })
  } finally {
    // An agent would outlive the test by a minute.
    if (existsSync(join(home, '.gnupg', 'S.gpg-agent'))) {
      await run(['gpgconf', '--kill', 'gpg-agent'], { env: environment })
    }
  }
}
