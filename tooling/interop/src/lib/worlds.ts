import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Peer, peer } from '@coalmine/fixtures'

/** The real programs that Coalmine takes turns with, and the Debian release that has each. */
export const duplicityVersions = { '0.8.22': 'bookworm', '3.0.4': 'trixie' } as const

export type DuplicityVersion = keyof typeof duplicityVersions

/** The environment of every real program: nothing of the user's, always the same. */
export const plainEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  TZ: 'UTC',
  LC_ALL: 'C',
} as const

/** Where a prepared Debian with that version is kept, outside the checkout, for every later run. */
export function debianFolder(version: DuplicityVersion): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return join(cache, 'coalmine-test', `duplicity-${version}`)
}

const hostVersions = new Map<string, string | undefined>()

/** The version of the duplicity that is installed here; `undefined` when there is none. */
export function hostDuplicity(): string | undefined {
  if (!hostVersions.has('duplicity')) hostVersions.set('duplicity', askVersion())
  return hostVersions.get('duplicity')
}

function askVersion(): string | undefined {
  try {
    const env = { ...plainEnv, HOME: tmpdir() }
    return /^duplicity (\S+)/m.exec(execFileSync('duplicity', ['--version'], { env, stdio: 'pipe' }).toString())?.[1]
  } catch {
    // Not installed, or not able to start: either way it cannot be compared with.
    return undefined
  }
}

/** Forgets what was found: after an installation. */
export function lookAgain(): void {
  hostVersions.clear()
}

/** Whether that version can be run here: installed, or in a prepared Debian (which needs root to be entered). */
export function duplicityPeer(version: DuplicityVersion): Peer {
  const name = `duplicity ${version}`
  if (process.env['COALMINE_NO_PEERS']) return { name, available: false, why: 'run without peers' }
  if (hostDuplicity() === version) return { name, available: true }
  if (!existsSync(join(debianFolder(version), 'usr/bin/duplicity'))) {
    return { name, available: false, why: `${name} is not prepared; node scripts/peers.mjs as root does it` }
  }
  if (process.getuid?.() !== 0)
    return { name, available: false, why: `${name} is prepared, but only root can enter it` }
  return { name, available: true }
}

/** Programs of that Debian with which messages are compared: newer than gpg 2.2, or by others. */
export const trixiePrograms = ['sq', 'sqop', 'rsop'] as const

/**
 * Whether a program can be run where duplicity 3.0.4 lives: in the prepared Debian, or here if that is the one. gpg is
 * 2.4 there.
 */
export function trixiePeer(program: (typeof trixiePrograms)[number] | 'gpg'): Peer {
  const world = duplicityPeer('3.0.4')
  const name = `${program} of Debian ${duplicityVersions['3.0.4']}`
  if (!world.available) return { name, available: false, why: world.why }
  const found =
    hostDuplicity() === '3.0.4' ? peer(program).available : existsSync(join(debianFolder('3.0.4'), 'usr/bin', program))
  return found ? { name, available: true } : { name, available: false, why: `${program} is not in that Debian` }
}

// Runs in a mount and process namespace of its own, so the mounts, and a gpg-agent left behind, end with it. What is
// given is bound to the same path inside: paths mean the same on both sides.
const enter = `set -e
root=$1 cwd=$2
shift 2
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$1"; fi
  mount --bind "$1" "$root$1"
  shift
done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" env --chdir="$cwd" "$@"`

export interface WorldOptions {
  /** The program's working folder; the folder for temporary files by default. */
  cwd?: string
  /** Folders outside the folder for temporary files that the program shall see. */
  see?: readonly string[]
}

/**
 * The argument vector that runs a program where that version of duplicity lives, with `python3` and `gpg` as that
 * version has them. Paths below the folder for temporary files are the same there, and so are users and groups.
 */
export function inWorldOf(version: DuplicityVersion, argv: readonly string[], options: WorldOptions = {}): string[] {
  const temp = realpathSync(tmpdir())
  const { cwd = temp, see = [] } = options
  if (hostDuplicity() === version) return ['env', `--chdir=${cwd}`, ...argv]
  const binds = [temp, '/etc/passwd', '/etc/group', ...see]
  const namespace = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child']
  return [...namespace, 'sh', '-c', enter, 'sh', debianFolder(version), cwd, ...binds, '--', ...argv]
}
