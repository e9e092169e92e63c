import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { run, type RunOptions, type RunResult } from '@coalmine/fixtures'

/** What a test with a real Secret Service needs. */
export const secretService = ['dbus-run-session', 'gnome-keyring-daemon', 'secret-tool'] as const

/**
 * Starts the keyring of a folder, unlocked, as a log-in does, and then a program, in a session of their own. The daemon
 * goes to the background before it has its name on the bus: who asks for the name earlier gets a second, locked one,
 * which waits for somebody to unlock it.
 */
const unlocked = `printf log-in | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
until dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \\
  string:org.freedesktop.secrets | grep -q true; do sleep 0.02; done
exec "$@"`
const locked = 'exec "$@"'

export interface SessionOptions extends Pick<RunOptions, 'input'> {
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Nobody logged in: the keyring is there and locked. */
  readonly locked?: boolean
}

/** The words that run a program in a session with the keyring of a folder. */
export function inSession(argv: readonly string[], options: SessionOptions = {}): string[] {
  return ['dbus-run-session', '--', 'sh', '-c', options.locked === true ? locked : unlocked, 'sh', ...argv]
}

/** The environment of such a session: everything of it is in the folder. */
export function sessionEnv(folder: string, env: SessionOptions['env'] = {}): Record<string, string> {
  // Of this session alone: the daemon of the one before may still be ending, and would be found there.
  const runtimes = join(folder, 'runtime')
  mkdirSync(runtimes, { recursive: true, mode: 0o700 })
  const runtime = mkdtempSync(join(runtimes, 's'))
  const all = {
    PATH: process.env['PATH'],
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_RUNTIME_DIR: runtime,
    TMPDIR: folder,
    TZ: 'UTC',
    LC_ALL: 'C',
    TERM: 'xterm',
    ...env,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<string, string>
}

/** Runs a program in a session of its own; what the keyring of the folder keeps is there again in the next one. */
export function runInSession(
  folder: string,
  argv: readonly string[],
  options: SessionOptions = {},
): Promise<RunResult> {
  const { input, env } = options
  return run(inSession(argv, options), { cwd: folder, env: sessionEnv(folder, env), input, timeoutMs: 60_000 })
}
