import { createHash } from 'node:crypto'
import {
  type BigIntStats,
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { run, tempDir } from '@coalmine/fixtures'

/** The built command line, as a user starts it. */
const program = fileURLToPath(new URL('../../../apps/cli/bin/coalmine.js', import.meta.url))

export type Stored = 'plain' | 'gzip' | 'gpg'

/** The volumes of a set, each of which is members in their order. */
export type Volumes = readonly (readonly Buffer[])[]

export interface HostileSet {
  readonly volumes: Volumes
  /** Instead of the manifest that fits. */
  readonly manifest?: (true_: string, stored: readonly Buffer[]) => string
  /** What lies on the storage, when it is not what was made. */
  readonly stored?: (volumes: readonly Buffer[]) => readonly Buffer[]
}

const nobody = 65_534

/** A set of one volume. */
export const set = (...members: readonly Buffer[]): HostileSet => ({ volumes: [members] })

export interface World {
  readonly base: string
  /** What must stay as it is; it belongs to whoever restores. */
  readonly outside: string
  readonly place: string
  readonly target: string
  readonly url: string
  readonly work: string
  /** Who restores; `undefined` is whoever runs this. */
  readonly user: number | undefined
}

export type MakeSets = (
  world: Pick<World, 'outside' | 'target'>,
) => readonly HostileSet[] | Promise<readonly HostileSet[]>

/**
 * A storage with a chain of sets, a target with things around it that the restoring user could change, and nothing else.
 *
 * @param asNobody - Whether a user without any rights restores; takes root.
 */
export async function hostileWorld(
  sets: MakeSets,
  options: { asNobody?: boolean; stored?: Stored; target?: 'empty' | 'missing' } = {},
): Promise<World> {
  const { asNobody = false, stored = 'gzip', target: state = 'empty' } = options
  const base = await tempDir('hostile')
  const [outside, place, work] = [join(base, 'outside'), join(base, 'place'), join(base, 'work')]
  const [target, storage] = [join(place, 'target'), join(base, 'storage')]
  for (const path of [outside, join(outside, 'sub'), join(outside, 'empty'), place, work, storage]) mkdirSync(path)
  mkdirSync(join(work, 'temp'))
  for (const name of ['secret', 'sub/secret']) writeFileSync(join(outside, name), 'theirs', { mode: 0o640 })
  symlinkSync('secret', join(outside, 'link'))
  writeFileSync(join(place, 'neighbour'), 'theirs')
  if (state === 'empty') mkdirSync(target)
  for (const name of ['secret', 'sub/secret', 'sub', 'empty', '.']) utimesSync(join(outside, name), 1000, 1000)
  await writeChain(storage, await sets({ outside, target }), stored)
  if (asNobody) {
    chmodSync(base, 0o755)
    give(outside)
    give(place)
    give(work)
  }
  return { base, outside, place, target, work, url: `file://${storage}`, user: asNobody ? nobody : undefined }
}

/** Makes a user without rights the owner of all that is there. */
export function give(path: string): void {
  const stats = lstatSync(path)
  if (stats.isDirectory()) for (const name of readdirSync(path)) give(join(path, name))
  if (stats.isSymbolicLink()) lchownSync(path, nobody, nobody)
  else chownSync(path, nobody, nobody)
  if (stats.isFile()) utimesSync(path, 1000, 1000)
}

async function writeChain(storage: string, sets: readonly HostileSet[], stored: Stored): Promise<void> {
  let last = ''
  for (const [index, one] of sets.entries()) {
    const time = `2023111${index}T000000Z`
    const name = index === 0 ? `duplicity-full.${time}` : `duplicity-inc.${last}.to.${time}`
    const made: Buffer[] = []
    for (const members of one.volumes) made.push(await seal(Buffer.concat(members), stored))
    const put = one.stored?.(made) ?? made
    const suffix = { plain: '', gzip: '.gz', gpg: '.gpg' }[stored]
    for (const [at, bytes] of put.entries())
      writeFileSync(join(storage, `${name}.vol${at + 1}.difftar${suffix}`), bytes)
    const text = manifestOf(one.volumes, made)
    const manifest = Buffer.from(one.manifest?.(text, made) ?? text, 'latin1')
    const isSealed = stored === 'gpg'
    writeFileSync(
      join(storage, `${name}.manifest${isSealed ? '.gpg' : ''}`),
      isSealed ? await seal(manifest, 'gpg') : manifest,
    )
    last = time
  }
}

/** As the real program writes one; the ranges reach from the lowest to the highest path there is. */
function manifestOf(volumes: Volumes, stored: readonly Buffer[]): string {
  const sections = volumes.map((_, at) => {
    const hash = createHash('sha1').update(stored[at]!).digest('hex')
    const lines = ['    StartingPath   .  ', '    EndingPath     \xff\xff  ', `    Hash SHA1 ${hash}`]
    return [`Volume ${at + 1}:`, ...lines].join('\n')
  })
  return `Hostname here\nLocaldir source\n${sections.join('\n')}\n`
}

let keyring: Promise<string> | undefined

async function seal(bytes: Buffer, stored: Stored): Promise<Buffer> {
  if (stored === 'plain') return bytes
  if (stored === 'gzip') return gzipSync(bytes)
  // A file before this one, in the same process, had another.
  if (keyring !== undefined && !existsSync(await keyring)) keyring = undefined
  const home = await (keyring ??= tempDir('gpg'))
  const argv = ['gpg', '--batch', '--quiet', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', 'test']
  const options = ['--s2k-count', '65536', '--homedir', home, '--symmetric']
  const { stdout } = await run([...argv, ...options], { input: bytes, check: true })
  await run(['gpgconf', '--homedir', home, '--kill', 'gpg-agent'])
  return stdout
}

export interface Restored {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Restores with the program, as the world's user, with nothing of this machine's settings. */
export async function restoreIn(world: World, options: readonly string[] = []): Promise<Restored> {
  const { work, url, target, user } = world
  const args = [
    'restore',
    ...options,
    '--tempdir',
    join(work, 'temp'),
    '--archive-dir',
    join(work, 'cache'),
    url,
    target,
  ]
  const drop = user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
  const env = {
    PATH: process.env['PATH']!,
    HOME: work,
    TMPDIR: join(work, 'temp'),
    TZ: 'UTC',
    LC_ALL: 'C',
    PASSPHRASE: 'test',
  }
  const { code, stdout, stderr } = await run([...drop, process.execPath, program, ...args], { env, cwd: work })
  return { code, out: stdout.toString('latin1'), err: stderr.toString('latin1') }
}

/** Everything that can be told about what is around the target, by path; the target is left out with all that is in it. */
export function surroundings(world: World): Map<string, string> {
  const found = new Map<string, string>()
  const visit = (path: string): void => {
    if (path === world.target || path === world.work) return
    const stats = lstatSync(path, { bigint: true })
    found.set(path.slice(world.base.length), describe(path, stats))
    if (stats.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name))
  }
  visit(world.base)
  if (!existsSync(world.target) && lstatSync(world.target, { throwIfNoEntry: false }) === undefined) {
    // It has to come into being: the folder that it is in cannot stay as it is, but gets no other thing.
    found.set(dirname(world.target).slice(world.base.length), 'holds the target')
  }
  return found
}

function describe(path: string, stats: BigIntStats): string {
  const { mode, uid, gid, ino, nlink, mtimeNs, ctimeNs } = stats
  const what = stats.isFile()
    ? createHash('sha1').update(readFileSync(path)).digest('hex')
    : stats.isSymbolicLink()
      ? readlinkSync(path)
      : ''
  return [mode.toString(8), uid, gid, ino, nlink, mtimeNs, ctimeNs, what].join(' ')
}

/** What differs around the target, as lines. */
export function changesAround(before: ReadonlyMap<string, string>, world: World): string[] {
  const after = surroundings(world)
  const lines: string[] = []
  for (const [path, was] of before) {
    const is = after.get(path)
    if (was !== 'holds the target' && is !== was) lines.push(`${path}: was ${was}, is ${is ?? 'gone'}`)
  }
  for (const path of after.keys()) if (!before.has(path)) lines.push(`${path}: is new`)
  return lines
}

/** What a restore that did not end leaves beside what it restored, so that the same command goes on. */
const unfinishedMark = '.coalmine-restore'

/** What is at and in the target, by path with one char per byte; files with their content, links with where they lead. */
export function restoredIn(world: World): Record<string, string> {
  const found: Record<string, string> = {}
  const visit = (path: Buffer, name: string): void => {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return
    if (stats.isDirectory()) {
      if (name !== '') found[name] = 'dir'
      for (const child of readdirSync(path, { encoding: 'buffer' })) {
        const latin1 = child.toString('latin1')
        if (name === '' && latin1 === unfinishedMark) continue
        visit(Buffer.concat([path, Buffer.from('/'), child]), name === '' ? latin1 : `${name}/${latin1}`)
      }
    } else {
      found[name] = textOf(path, stats)
    }
  }
  visit(Buffer.from(world.target), '')
  return found
}

function textOf(path: Buffer, stats: Stats): string {
  if (stats.isFile()) return `file ${readFileSync(path).toString('latin1')}`
  if (stats.isSymbolicLink()) return `link ${readlinkSync(path, { encoding: 'buffer' }).toString('latin1')}`
  if (stats.isFIFO()) return 'fifo'
  return `${stats.isBlockDevice() ? 'block' : 'character'} device ${stats.rdev >> 8},${stats.rdev & 255}`
}
