import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, type RunOptions, type RunResult, tempDir } from '@coalmine/fixtures'
import { type DuplicityVersion, inWorldOf, plainEnv, type WorldOptions } from './worlds.ts'

export interface DuplicityOptions extends WorldOptions, Pick<RunOptions, 'input' | 'timeoutMs' | 'check'> {
  /** Added to a plain environment: `{ PASSPHRASE: '…' }`. */
  env?: Record<string, string>
  /** Where its cache, keys and temporary files are; by default one folder for the whole test file. */
  home?: string
  /** gpg decides how often a passphrase is hashed, as it does for its users. For a home that is used so only. */
  ownS2k?: boolean
}

let sharedHome: Promise<string> | undefined

/** The folder that the programs of this test file have as their home, unless told otherwise. */
export async function duplicityHome(): Promise<string> {
  // A file before this one, in the same process, had another.
  if (sharedHome !== undefined && !existsSync(await sharedHome)) sharedHome = undefined
  return (sharedHome ??= tempDir('home'))
}

/**
 * How often gpg hashes a passphrase for each object, in the short run. Left to itself it starts an agent, which measures
 * the machine, and takes up to 65 million bytes: half a second of processor time an object. The long run leaves it to gpg,
 * and the short one does where `ownS2k` is asked for.
 */
const s2kCount = process.env['COALMINE_LONG'] ? undefined : 65_536

/** What {@link duplicity} gives the program as its environment; for tests that start it themselves. */
export function duplicityEnv(
  home: string,
  env: Record<string, string> = {},
  { ownS2k = false }: Pick<DuplicityOptions, 'ownS2k'> = {},
): Record<string, string> {
  // The keyring's path must be short, because gpg-agent puts a socket there.
  const keys = join(home, '.gnupg')
  const temp = join(home, 'tmp')
  mkdirSync(keys, { recursive: true, mode: 0o700 })
  mkdirSync(temp, { recursive: true })
  for (const name of s2kCount === undefined || ownS2k ? [] : ['gpg.conf', 'gpg-agent.conf']) {
    const path = join(keys, name)
    if (!existsSync(path)) writeFileSync(path, `s2k-count ${s2kCount}\n`)
  }
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
  const { env, home = await duplicityHome(), input, timeoutMs, check, cwd = home, see, ownS2k } = options
  const environment = duplicityEnv(home, env, { ownS2k })
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
