import {
  chmodSync,
  cpSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { itWith, nastyTree, run, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { runBoth } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { expectSame, unneededRules } from './compare.ts'
import { encryptionOf, makeChains, times } from './storages.ts'

// Judge: what `verify --compare-data` of the real duplicity says and ends with. Without that option it compares nothing
// since 0.7, which is not copied.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const peers = versions.map((version) => duplicityPeer(version))
const root = process.getuid?.() === 0

interface Archive {
  readonly storage: string
  readonly source: string
}
const archives = new Map<'none' | 'passphrase', Archive>()

beforeAll(async () => {
  const [version] = versions.filter((one) => duplicityPeer(one).available)
  if (version === undefined) return
  const folder = await tempDir('verified')
  for (const encryption of ['none', 'passphrase'] as const) {
    const own = join(folder, encryption)
    mkdirSync(own)
    archives.set(encryption, { storage: await makeChains(version, own, encryption), source: join(own, 'source') })
  }
}, 120_000)

/** By name: what is done to a copy of the source. */
const changes: Readonly<Record<string, (copy: string) => void>> = {
  nothing: () => undefined,
  'content alone': (copy) => keepingTimes(join(copy, 'first'), (path) => writeFileSync(path, 'CONTENT 0\n')),
  'one byte of a large file': (copy) =>
    keepingTimes(join(copy, 'folder', 'large'), (path) => {
      const bytes = readFileSync(path)
      bytes[70_000]! ^= 1
      writeFileSync(path, bytes)
    }),
  'the length of a file': (copy) => keepingTimes(join(copy, 'folder', 'large'), (path) => writeFileSync(path, 'two')),
  'all kinds of things': (copy) => {
    writeFileSync(join(copy, 'a new one'), '')
    rmSync(join(copy, 'third'))
    chmodSync(join(copy, 'fourth'), 0o640)
    if (root) lchownSync(join(copy, 'new\nline'), 4711, 4712)
    rmSync(join(copy, 'link'))
    symlinkSync('elsewhere', join(copy, 'link'))
    rmSync(join(copy, 'folder', 'large'))
    mkdirSync(join(copy, 'folder', 'large'))
    writeFileSync(join(copy, 'folder', 'large', 'inside'), '')
    utimesSync(copy, 1_600_000_000, 1_600_000_000)
  },
}

function keepingTimes(path: string, change: (path: string) => void): void {
  const { atime, mtime } = statSync(path)
  change(path)
  utimesSync(path, atime, mtime)
}

async function copyOf(source: string, target: string): Promise<string> {
  await run(['cp', '-a', source, target], { check: true })
  return target
}

describe.each(versions)('verify, as duplicity %s', (version) => {
  for (const [what, change] of Object.entries(changes)) {
    const encryption = what === 'all kinds of things' ? 'passphrase' : 'none'
    itWith([duplicityPeer(version)], `after a change of ${what}`, async () => {
      const { storage, source } = archives.get(encryption)!
      const copy = await copyOf(source, join(await tempDir('changed'), 'copy'))
      change(copy)
      const { options, env } = encryptionOf(encryption)
      const args = ['verify', '--compare-data', ...options, `file://${storage}`, copy]
      const { theirs, ours } = await runBoth(version, () => args, { env })
      expect(ours.result.code, said(ours.result)).toBe(theirs.result.code)
      expect(ours.result.code).toBe(what === 'nothing' ? 0 : 1)
      expectSame(
        { kind: 'verify', theirs, ours },
        { version, encryption, direction: 'duplicity-to-coalmine', name: `verify ${what}` },
      )
    })
  }

  itWith([duplicityPeer(version)], 'of an earlier state, and of one file', async () => {
    const { storage, source } = archives.get('none')!
    for (const more of [
      ['--restore-time', '1700250000'],
      ['--restore-time', '1700000001'],
      ['--path-to-restore', 'folder'],
    ]) {
      const compared = more[0] === '--path-to-restore' ? join(source, 'folder') : source
      const args = ['verify', '--compare-data', '--no-encryption', ...more, `file://${storage}`, compared]
      const words = version === '0.8.22' ? args.map((one) => one.replace('path-to', 'file-to')) : args
      const { theirs, ours } = await runBoth(version, () => words)
      expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual(
        more[0] === '--path-to-restore' ? [0, 0] : [1, 1],
      )
      expectSame(
        { kind: 'verify', theirs, ours },
        { version, encryption: 'none', direction: 'duplicity-to-coalmine', name: `verify ${more.join(' ')}` },
      )
    }
  })

  itWith([duplicityPeer(version)], 'of the nasty tree as it is: no difference in either direction', async () => {
    const folder = await tempDir('nasty')
    const source = join(folder, 'source')
    await nastyTree(source)
    const url = `file://${join(folder, 'storage')}`
    mkdirSync(join(folder, 'storage'))
    const cache = ['--no-encryption', '--archive-dir', join(folder, 'cache')]
    await duplicity(version, ['full', ...cache, source, url], { check: true })
    const ours = await coalmine(['verify', '--compare-data', '--archive-dir', join(folder, 'ours'), url, source])
    expect([ours.code, ours.stdout.toString()], said(ours)).toEqual([
      0,
      expect.stringContaining(' 0 difference(s) found.'),
    ])
  })
})

itWith(peers, 'every rule about verifying is needed', () => {
  expect(unneededRules(['verify'])).toEqual([])
})

describe('verify, where ours does more', () => {
  itWith(peers.slice(0, 1), 'compares metadata without being asked to, and data when it is', async () => {
    const { storage, source } = archives.get('none')!
    const folder = await tempDir('more')
    const copy = await copyOf(source, join(folder, 'copy'))
    changes['content alone']!(copy)
    const verify = (...args: string[]) =>
      coalmine(['verify', ...args, '--archive-dir', join(folder, 'cache'), `file://${storage}`, copy])
    expect((await verify()).code).toBe(0)
    expect((await verify('--compare-data')).code).toBe(1)
    chmodSync(join(copy, 'fourth'), 0o600)
    const changed = await verify()
    expect([changed.code, changed.stdout.toString()]).toEqual([
      1,
      expect.stringMatching(/File fourth has permissions \d+:\d+ 600, expected/),
    ])
    const gone = await coalmine(['verify', `file://${storage}`, join(folder, 'gone')])
    expect([gone.code, gone.stderr.toString()]).toEqual([12, expect.stringContaining('it does not exist')])
  })

  itWith(peers.slice(0, 1), 'checks every volume, also when nothing in it is compared', async () => {
    const { storage, source } = archives.get('none')!
    const folder = await tempDir('damaged')
    cpSync(storage, join(folder, 'storage'), { recursive: true })
    const [volume] = readdirSync(storage).filter((name) => name.includes(`full.${times.full2}.vol1`))
    const path = join(folder, 'storage', volume!)
    const bytes = readFileSync(path)
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(path, bytes)
    const { code, stderr } = await coalmine([
      'verify',
      '--num-retries',
      '1',
      '--archive-dir',
      join(folder, 'cache'),
      `file://${join(folder, 'storage')}`,
      source,
    ])
    expect([code, stderr.toString()]).toEqual([21, expect.stringContaining(volume!)])
  })
})
