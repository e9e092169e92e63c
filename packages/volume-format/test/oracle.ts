import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { peer, run, type Peer } from '@coalmine/fixtures'

const program = peer('duplicity')

/** The interpreter that has duplicity: Debian's, whatever `python3` may be. */
const interpreter = program.available
  ? ['/usr/bin/python3', 'python3'].find((python) => spawnSync(python, ['-c', 'import duplicity']).status === 0)
  : undefined

/** The installed duplicity with its modules. */
export const duplicity: Peer =
  program.available && interpreter === undefined
    ? { name: 'duplicity', available: false, why: 'no python3 has its modules' }
    : program

/** What duplicity's own code says; see duplicity-oracle.py. */
export async function ask<T>(question: string, value: unknown, env: Record<string, string> = {}): Promise<T> {
  const script = fileURLToPath(new URL('duplicity-oracle.py', import.meta.url))
  const { stdout } = await run([interpreter!, script, question], {
    input: Buffer.from(JSON.stringify(value)),
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', ...env },
    check: true,
  })
  return JSON.parse(stdout.toString('utf8')) as T
}

/** Runs duplicity with GNU tar headers; see duplicity-gnu.py. */
export async function duplicityGnu(args: readonly string[], options: { cwd: string }): Promise<void> {
  const script = fileURLToPath(new URL('duplicity-gnu.py', import.meta.url))
  const env = { ...process.env, LC_ALL: 'C.UTF-8' }
  await run([interpreter!, script, ...args], { env, cwd: options.cwd, check: true })
}

/**
 * The seed of a test that draws its cases: COALMINE_SEED; else a new one in the long run, where new cases are looked for,
 * and always the same in the short one, which says whether a change broke something. Failures tell it.
 */
export function drawSeed(): number {
  const given = Number(process.env['COALMINE_SEED'] ?? Number.NaN)
  if (Number.isSafeInteger(given)) return given
  return process.env['COALMINE_LONG'] ? Math.floor(Math.random() * 2 ** 31) : 20_231_114
}
