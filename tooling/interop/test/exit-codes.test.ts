import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, recordCase, type RunResult, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { compatOf } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { passphrase } from './storages.ts'
import { rowsFor } from './turns.ts'

// Judge: the real duplicity in the same situation. Where the codes differ, the row says why.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]

interface Situation {
  readonly name: string
  /** Where the program is at home, with everything that it may need or damage. */
  readonly args: (at: World) => readonly string[]
  readonly prepare?: (at: World) => void
  readonly env?: Record<string, string>
  /** The real program's code, by version, or for both. */
  readonly theirs: number | Readonly<Record<DuplicityVersion, number>>
  /** Ours, where it differs, and why. */
  readonly ours?: { readonly code: number | Readonly<Record<DuplicityVersion, number>>; readonly because: string }
}

interface World {
  readonly folder: string
  /** A storage with a full set, not encrypted. */
  readonly url: string
  readonly encryptedUrl: string
  readonly emptyUrl: string
  readonly cache: string
}

const plain = '--no-encryption'
const usage = { '0.8.22': 2, '3.0.4': 23 } as const

const situations: readonly Situation[] = [
  { name: 'no arguments', args: () => [], theirs: usage },
  { name: 'an unknown option', args: ({ url }) => ['list-current-files', '--nonsense', url], theirs: usage },
  { name: 'an option without its value', args: ({ url }) => ['list-current-files', url, '--time'], theirs: usage },
  { name: 'a number that is none', args: ({ folder, url }) => ['full', '--volsize', 'x', folder, url], theirs: usage },
  { name: 'two paths', args: ({ folder }) => ['full', folder, `${folder}/b`], theirs: usage },
  { name: 'one argument too many', args: ({ url, folder }) => ['collection-status', url, folder], theirs: usage },
  { name: 'one argument too few', args: ({ url }) => ['restore', url], theirs: usage },
  { name: 'an unknown scheme', args: ({ folder }) => ['full', plain, folder, 'nonsense://host/path'], theirs: 23 },
  { name: 'a bad time', args: ({ url }) => ['list-current-files', plain, '-t', '2002-13-01', url], theirs: usage },
  {
    name: 'a missing source',
    args: ({ folder, url }) => ['full', plain, `${folder}/nowhere`, url],
    theirs: { '0.8.22': 13, '3.0.4': 23 },
    ours: { code: 13, because: 'a script can tell it from a typing error' },
  },
  {
    name: 'another source than before',
    args: ({ folder, url }) => ['full', plain, `${folder}/other`, url],
    theirs: 0,
  },
  {
    name: 'an increment where there is no backup',
    args: ({ folder, emptyUrl }) => ['incremental', plain, `${folder}/source`, emptyUrl],
    theirs: 17,
  },
  {
    name: 'an increment without the signatures of the full set',
    args: ({ folder, url }) => ['incremental', plain, `${folder}/source`, url],
    prepare: ({ folder }) => remove(folder, 'storage', /full-signatures/),
    theirs: 17,
  },
  {
    name: 'an increment of another folder',
    args: ({ folder, url }) => ['incremental', plain, `${folder}/other`, url],
    theirs: 42,
  },
  {
    name: 'an increment of another folder, allowed',
    args: ({ folder, url }) => ['incremental', plain, '--allow-source-mismatch', `${folder}/other`, url],
    theirs: 0,
  },
  {
    name: 'an increment of another host',
    args: ({ folder, url }) => ['incremental', plain, `${folder}/source`, url],
    prepare: ({ folder }) => {
      const path = pick(folder, 'storage', /manifest/)
      writeFileSync(path, readFileSync(path, 'latin1').replace(/^Hostname .*/, 'Hostname elsewhere'), 'latin1')
    },
    theirs: 3,
  },
  {
    name: 'an increment where one is implied and there is no backup',
    args: ({ folder, emptyUrl }) => [plain, `${folder}/source`, emptyUrl],
    theirs: 0,
  },
  {
    name: 'a full backup that is due, of another folder',
    args: ({ folder, url }) => ['incremental', plain, '--full-if-older-than', '1D', `${folder}/other`, url],
    theirs: 0,
  },
  {
    name: 'nobody to ask for the passphrase',
    args: ({ folder, emptyUrl }) => ['full', `${folder}/source`, emptyUrl],
    theirs: 30,
  },
  {
    name: 'a restore into a folder that is not empty',
    args: ({ folder, url }) => ['restore', plain, url, `${folder}/full`],
    prepare: ({ folder }) => {
      mkdirSync(join(folder, 'full'))
      writeFileSync(join(folder, 'full', 'mine'), 'mine')
    },
    theirs: { '0.8.22': 11, '3.0.4': 0 },
    ours: { code: 11, because: "nothing of a person's is overwritten by accident" },
  },
  {
    name: 'the same, forced',
    args: ({ folder, url }) => ['restore', plain, '--force', url, `${folder}/full`],
    prepare: ({ folder }) => {
      mkdirSync(join(folder, 'full'))
      writeFileSync(join(folder, 'full', 'mine'), 'mine')
    },
    theirs: 0,
  },
  {
    name: 'a path that is not in the backup',
    args: ({ folder, url }) => ['restore', plain, '-r', 'no/such', url, `${folder}/restored`],
    theirs: 19,
  },
  {
    name: 'a restore of a time before the first backup',
    args: ({ folder, url }) => ['restore', plain, '-t', '2001-01-01', url, `${folder}/restored`],
    theirs: 0,
    ours: { code: 20, because: 'a state that never was is not what was asked for' },
  },
  {
    name: 'a listing of a time before the first backup',
    args: ({ url }) => ['list-current-files', plain, '-t', '2001-01-01', url],
    theirs: 0,
    ours: { code: 20, because: 'a state that never was is not what was asked for' },
  },
  {
    name: 'a restore from an empty storage',
    args: ({ folder, emptyUrl }) => ['restore', plain, emptyUrl, `${folder}/restored`],
    theirs: 30,
  },
  {
    name: 'a damaged volume',
    args: ({ folder, url }) => ['restore', plain, url, `${folder}/restored`],
    prepare: ({ folder }) => damage(folder, 'storage', /vol1/),
    theirs: 21,
  },
  {
    name: 'a missing volume',
    args: ({ folder, url }) => ['restore', plain, url, `${folder}/restored`],
    prepare: ({ folder }) => remove(folder, 'storage', /vol1/),
    theirs: 30,
  },
  {
    name: 'a missing volume, in a dry run',
    args: ({ folder, url }) => ['restore', plain, '--dry-run', url, `${folder}/restored`],
    prepare: ({ folder }) => remove(folder, 'storage', /vol1/),
    theirs: 30,
  },
  {
    name: 'a damaged manifest',
    args: ({ folder, url }) => ['restore', plain, url, `${folder}/restored`],
    // In the middle there may be a hash, of which another digit is a hash as well.
    prepare: ({ folder }) => damage(folder, 'storage', /manifest/, 'EndingPath'),
    theirs: 30,
    ours: { code: 1, because: 'every manifest that cannot be read has the same code' },
  },
  {
    name: 'a damaged encrypted manifest',
    args: ({ folder, encryptedUrl }) => ['restore', encryptedUrl, `${folder}/restored`],
    prepare: ({ folder }) => damage(folder, 'encrypted', /manifest/),
    env: passphrase,
    theirs: 31,
    ours: { code: 1, because: 'it is told from a wrong passphrase' },
  },
  {
    name: 'a wrong passphrase, restoring',
    args: ({ folder, encryptedUrl }) => ['restore', encryptedUrl, `${folder}/restored`],
    env: { PASSPHRASE: 'wrong' },
    theirs: 31,
  },
  {
    name: 'a wrong passphrase, a new full backup',
    args: ({ folder, encryptedUrl }) => ['full', `${folder}/source`, encryptedUrl],
    env: { PASSPHRASE: 'wrong' },
    theirs: 31,
  },
]

let made = ''

beforeAll(async () => {
  const version = versions.find((one) => duplicityPeer(one).available)
  if (version === undefined) return
  made = await tempDir('codes')
  for (const name of ['source', 'other', 'storage', 'encrypted', 'empty']) mkdirSync(join(made, name))
  writeFileSync(join(made, 'source', 'file'), 'content')
  writeFileSync(join(made, 'other', 'file'), 'other content')
  const clock = ['--current-time', '1700000000', '--archive-dir', join(made, 'first')]
  const full = (url: string) => ['full', ...clock, join(made, 'source'), url]
  await duplicity(version, [...full(`file://${made}/storage`), plain], { check: true })
  await duplicity(version, full(`file://${made}/encrypted`), { check: true, env: passphrase })
}, 60_000)

/** A world of its own, as it was after the first backup. */
async function newWorld(): Promise<World> {
  const folder = await tempDir('code')
  for (const name of ['source', 'other', 'storage', 'encrypted', 'empty'])
    cpSync(join(made, name), join(folder, name), { recursive: true })
  const url = (name: string) => `file://${folder}/${name}`
  return {
    folder,
    url: url('storage'),
    encryptedUrl: url('encrypted'),
    emptyUrl: url('empty'),
    cache: join(folder, 'cache'),
  }
}

function pick(folder: string, storage: string, pattern: RegExp): string {
  const name = readdirSync(join(folder, storage)).find((one) => pattern.test(one))
  if (name === undefined) throw new Error(`Cannot damage "${storage}": nothing in it matches ${String(pattern)}`)
  return join(folder, storage, name)
}

function remove(folder: string, storage: string, pattern: RegExp): void {
  rmSync(pick(folder, storage, pattern))
}

function damage(folder: string, storage: string, pattern: RegExp, where?: string): void {
  const path = pick(folder, storage, pattern)
  const bytes = readFileSync(path)
  const at = where === undefined ? Math.floor(bytes.length / 2) : bytes.indexOf(where)
  expect(at).toBeGreaterThan(0)
  bytes[at] = bytes[at]! ^ 0x55
  writeFileSync(path, bytes)
}

describe.each(versions)('exit codes of duplicity %s, and ours', (version) => {
  for (const { name, args, prepare, env = {}, theirs, ours } of rowsFor(version, situations)) {
    const wanted = typeof theirs === 'number' ? theirs : theirs[version]
    const own = ours === undefined ? wanted : typeof ours.code === 'number' ? ours.code : ours.code[version]
    const differs = own === wanted ? '' : `, ours ${own}: ${ours?.because}`

    itWith([duplicityPeer(version)], `${name}: ${wanted}${differs}`, async () => {
      const one = async (run: (words: string[]) => Promise<RunResult>): Promise<RunResult> => {
        const world = await newWorld()
        prepare?.(world)
        return run([...args(world), '--archive-dir', world.cache])
      }
      const [real, mine] = await Promise.all([
        one((words) => duplicity(version, words, { env })),
        one((words) => coalmine([...words, ...compatOf(version)], { env })),
      ])
      recordCase({
        version,
        direction: 'duplicity-to-coalmine',
        encryption: env['PASSPHRASE'] === undefined ? 'none' : 'passphrase',
        volsize: 200,
        outcome: real.code === wanted && mine.code === own ? 'same' : 'different',
        name: `exit code, ${name}`,
      })
      expect(real.code, said(real)).toBe(wanted)
      expect(mine.code, said(mine)).toBe(own)
      expect(own === 0 ? '' : 'said').toBe(mine.stderr.toString() === '' ? '' : 'said')
    })
  }

  itWith([duplicityPeer(version), 'python3'], 'an archive dir in which another run is at work: 23', async () => {
    const locks =
      'import fcntl, sys\nf = open(sys.argv[1], "w")\nfcntl.lockf(f, fcntl.LOCK_EX)\nprint("held", flush=True)\nsys.stdin.read()'
    const { folder, url, cache } = await newWorld()
    const words = ['full', plain, '--archive-dir', cache, '--name', 'held', join(folder, 'source'), url]
    mkdirSync(join(cache, 'held'), { recursive: true })
    const holder = spawn('python3', ['-c', locks, join(cache, 'held', 'lockfile')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    try {
      await once(holder.stdout, 'data')
      const real = await duplicity(version, words)
      const mine = await coalmine([...words, ...compatOf(version)])
      expect([real.code, mine.code], said(mine)).toEqual([23, 23])
    } finally {
      holder.stdin.end()
    }
  })
})
