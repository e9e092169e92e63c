import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Peer, peer, run } from '@coalmine/fixtures'
import {
  debianFolder,
  duplicityPeer,
  type DuplicityVersion,
  duplicityVersions,
  hostDuplicity,
  inWorldOf,
  lookAgain,
  plainEnv,
  trixiePeer,
  trixiePrograms,
} from './worlds.ts'

/** Programs by name, and the Debian package of each. */
const packages = {
  gpg: 'gnupg',
  tar: 'tar',
  rdiff: 'rdiff',
  python3: 'python3',
  find: 'findutils',
  'dbus-run-session': 'dbus',
  'gnome-keyring-daemon': 'gnome-keyring',
  'secret-tool': 'libsecret-tools',
} as const

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]

/** Everything that the tests compare with, and whether it is here. */
export function allPeers(): Peer[] {
  return [
    ...versions.map((version) => duplicityPeer(version)),
    ...trixiePrograms.map(trixiePeer),
    ...Object.keys(packages).map((name) => peer(name)),
  ]
}

/** What is here, with the version it says it has, one line each. */
export async function peerLines(): Promise<string[]> {
  const lines: string[] = []
  for (const one of allPeers())
    lines.push(`${one.name}: ${one.available ? await versionOf(one.name) : `missing, ${one.why}`}`)
  return lines
}

async function versionOf(name: string): Promise<string> {
  const version = versions.find((each) => name === `duplicity ${each}`)
  if (version !== undefined)
    return hostDuplicity() === version ? 'installed' : `in a Debian ${duplicityVersions[version]} of its own`
  const program = trixiePrograms.find((each) => name === trixiePeer(each).name)
  const argv = program === undefined ? [name, '--version'] : inWorldOf('3.0.4', [program, 'version'])
  const { stdout, stderr } = await run(argv)
  return (stdout.length > 0 ? stdout : stderr).toString().split('\n', 1)[0]?.trim() ?? 'says no version'
}

/**
 * Installs what is missing, when this is root on a Debian: packages by apt-get, and for each version of duplicity that
 * is not the installed one a small Debian that has it. Does nothing when everything is here.
 *
 * @param say - Told what is done, in lines.
 * @returns What is still missing.
 */
export async function preparePeers(say: (line: string) => void): Promise<Peer[]> {
  const missing = (): Peer[] => allPeers().filter((one) => !one.available)
  if (missing().length === 0) return []
  if (process.getuid?.() !== 0 || !peer('apt-get').available) return missing()

  const wanted: string[] = missing().flatMap(({ name }) =>
    name in packages ? [packages[name as keyof typeof packages]] : [],
  )
  if (hostDuplicity() === undefined) wanted.push('duplicity')
  if (wanted.length > 0) await install(wanted, say)
  lookAgain()
  for (const version of versions) {
    if (duplicityPeer(version).available) continue
    if (!peer('debootstrap').available) await install(['debootstrap'], say)
    if (peer('debootstrap').available) await bootstrap(version, say)
  }
  await addPrograms(say)
  return missing()
}

const quiet = {
  env: { ...process.env, ...plainEnv, PATH: process.env['PATH'], DEBIAN_FRONTEND: 'noninteractive' },
  timeoutMs: 600_000,
}

const inDebian = { ...quiet, env: { ...quiet.env, PATH: plainEnv.PATH } }

async function install(names: readonly string[], say: (line: string) => void): Promise<void> {
  const argv = ['apt-get', 'install', '--yes', '--no-install-recommends', ...names]
  say(argv.join(' '))
  if ((await run(argv, quiet)).code === 0) return
  // The lists of packages may be missing or old.
  say('apt-get update')
  await run(['apt-get', 'update'], quiet)
  const { code, stderr } = await run(argv, quiet)
  if (code !== 0) say(`apt-get ended with code ${code}: ${stderr.toString().trim()}`)
}

/** Installs what is not yet where duplicity 3.0.4 is. */
async function addPrograms(say: (line: string) => void): Promise<void> {
  const wanted = trixiePrograms.filter((program) => !trixiePeer(program).available)
  if (wanted.length === 0 || !duplicityPeer('3.0.4').available) return
  if (hostDuplicity() === '3.0.4') return install(wanted, say)
  const within = ['chroot', debianFolder('3.0.4'), 'apt-get']
  const argv = [...within, 'install', '--yes', '--no-install-recommends', ...wanted]
  say(argv.join(' '))
  // The folder has the lists of the day it was made.
  await run([...within, 'update'], inDebian)
  const { code, stderr } = await run(argv, inDebian)
  if (code !== 0) say(`apt-get ended with code ${code}: ${stderr.toString().trim()}`)
  await run([...within, 'clean'], inDebian)
}

async function bootstrap(version: DuplicityVersion, say: (line: string) => void): Promise<void> {
  const folder = debianFolder(version)
  const suite = duplicityVersions[version]
  const mirror = await debianMirror()
  if (mirror === undefined) return say(`no Debian ${suite}: apt names no mirror to take it from`)
  const building = `${folder}.${randomBytes(4).toString('hex')}.part`
  mkdirSync(dirname(folder), { recursive: true })
  const argv = [
    'debootstrap',
    '--variant=minbase',
    `--include=python3-cffi-backend,duplicity,gnupg,${trixiePrograms.join(',')}`,
    suite,
    building,
    mirror.url,
  ]
  say(`${argv.slice(0, -1).join(' ')} (from apt's mirror; takes a minute or two)`)
  try {
    const env = { ...quiet.env, ...(mirror.proxy ? { http_proxy: mirror.proxy } : {}) }
    const { code, stdout } = await run(argv, { ...quiet, env })
    if (code !== 0)
      return say(
        `debootstrap ended with code ${code}: ${stdout.toString().trimEnd().split('\n').slice(-3).join(' | ')}`,
      )
    await run(['chroot', building, 'apt-get', 'clean'], quiet)
    const { stdout: said } = await run(['chroot', building, 'duplicity', '--version'], {
      env: { ...plainEnv, HOME: '/root' },
    })
    if (said.toString().split(/\s/)[1] !== version) {
      return say(`Debian ${suite} has ${said.toString().trim()}, not duplicity ${version}`)
    }
    // Another run may have been quicker.
    if (!existsSync(folder)) renameSync(building, folder)
  } finally {
    rmSync(building, { recursive: true, force: true })
  }
}

/** Where this machine's apt takes the main part of its own release from. */
async function debianMirror(): Promise<{ url: string; proxy?: string } | undefined> {
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  const { stdout } = await run(['apt-get', 'indextargets', '--format', '$(RELEASE) $(COMPONENT) $(REPO_URI)'], quiet)
  const url = stdout
    .toString()
    .split('\n')
    .map((line) => line.split(' '))
    .find(([release, component]) => release === codename && component === 'main')?.[2]
  if (url === undefined) return undefined
  const settings = await run(['apt-config', 'dump', '--format=%v', 'Acquire::http::Proxy'], quiet)
  return { url, proxy: settings.stdout.toString().trim() || undefined }
}
