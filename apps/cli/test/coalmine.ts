import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { run, type RunOptions, type RunResult, tempDir } from '@coalmine/fixtures'

const built = new URL('../dist/main.js', import.meta.url).href

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
 * @param options.shared - Whether runs without standard input go into one process, see {@link runShared}.
 */
export async function world({ shared = false } = {}): Promise<World> {
  const folder = await tempDir('cli')
  const archiveRoot = join(folder, 'cache', 'duplicity')
  return {
    folder,
    url: `file://${folder}/storage`,
    target: join(folder, 'restored'),
    archiveRoot,
    async run(args, { env = {}, cwd = folder, ...options } = {}) {
      if (shared && Object.keys(options).length === 0) return runShared(folder, args, { env, cwd })
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

let shared: { child: ChildProcessByStdio<Writable, Readable, null>; lines: AsyncIterator<string> } | undefined
let turn: Promise<unknown> = Promise.resolve()

/**
 * Runs command lines of a test file in one process, one after the other: what takes a process each is starting it. Not for
 * terminals, standard input, signals, or what leaves something behind in the process.
 */
export function runShared(
  folder: string,
  args: readonly string[],
  { env = {}, cwd = folder }: { env?: Record<string, string | undefined>; cwd?: string } = {},
): Promise<Outcome> {
  const mine = turn.then(async (): Promise<Outcome> => {
    shared ??= startShared()
    shared.child.stdin.write(`${JSON.stringify({ args, env: environment(folder, env), cwd })}\n`)
    const { value, done } = await shared.lines.next()
    if (done === true) throw new Error('The process of all runs has ended')
    const answer = JSON.parse(value) as { code: number; stdout: string; stderr: string }
    const [stdout, stderr] = [Buffer.from(answer.stdout, 'base64'), Buffer.from(answer.stderr, 'base64')]
    const raw = { code: answer.code, stdout, stderr } as RunResult
    return { code: answer.code, out: stdout.toString(), err: stderr.toString(), raw }
  })
  turn = mine.catch(() => undefined)
  return mine
}

function startShared(): NonNullable<typeof shared> {
  const script = fileURLToPath(new URL('./many-runs.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, built], { stdio: ['pipe', 'pipe', 'inherit'] })
  // It ends with the file of tests: nobody is left to write to it.
  child.unref()
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

/** Ends the process of {@link runShared}; to be called after all tests of a file. */
export async function endShared(): Promise<void> {
  if (shared === undefined) return
  const { child } = shared
  shared = undefined
  child.stdin.end()
  if (child.exitCode === null) await once(child, 'exit')
}

/** What an outcome was, for the message of an expectation. */
export function said({ code, out, err }: Outcome): string {
  return `code ${code}\n${out}\n${err}`
}
