import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  diffTrees,
  type Ignored,
  itWith,
  nastyTree,
  recordCase,
  type Snapshot,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { encryptionOf } from './storages.ts'
import { long } from './turns.ts'

// What neither program keeps; the reasons are with the names.
const always: readonly Ignored[] = ['sockets', 'fractions', 'times-before-1970']
const byDuplicity: readonly Ignored[] = [...always, 'symlink-times']
const notRoot: readonly Ignored[] = process.getuid?.() === 0 ? [] : ['ownership', 'set-id-bits', 'devices']

/** By whether it has large files; in the short run only the first version is given those. */
const trees = new Map<boolean, { source: string; expected: Snapshot }>()

/** Of the real programs: with few rounds of hashing in gpg's configuration, and with gpg's own. */
const homes: string[] = []

beforeAll(async () => {
  homes.push(await tempDir('home'), await tempDir('home'))
  for (const big of long ? [true] : [true, false]) {
    const source = join(await tempDir('full'), 'source')
    mkdirSync(source)
    await nastyTree(source, { big })
    trees.set(big, { source, expected: await snapshotTree(source) })
  }
}, 120_000)

interface Kind {
  readonly encryption: 'none' | 'passphrase'
  readonly volsize: number
  /** Further options of both programs. */
  readonly options?: readonly string[]
  /** The version with which it is tried in the short run; both, if none is named. */
  readonly brief?: DuplicityVersion | 'none'
  /** Both programs hash the passphrase as often as for their users; in the long run they always do. */
  readonly ownS2k?: true
}

const kinds: readonly Kind[] = [
  { encryption: 'none', volsize: 1 },
  { encryption: 'none', volsize: 200 },
  { encryption: 'passphrase', volsize: 1 },
  { encryption: 'passphrase', volsize: 200, ownS2k: true },
  { encryption: 'none', volsize: 1, options: ['--no-compression'], brief: '0.8.22' },
  { encryption: 'passphrase', volsize: 1, options: ['--no-compression'], brief: 'none' },
  {
    encryption: 'passphrase',
    volsize: 200,
    brief: '3.0.4',
    options: [
      ...['--file-prefix', 'all-'],
      ...['--file-prefix-archive', 'vol_'],
      ...['--file-prefix-manifest', 'man_'],
      ...['--file-prefix-signature', 'sig_'],
    ],
  },
]

for (const version of Object.keys(duplicityVersions) as DuplicityVersion[]) {
  for (const kind of kinds) {
    if (!long && kind.brief !== undefined && kind.brief !== version) continue
    const { encryption, volsize, options = [], ownS2k = false } = kind
    const { options: plain, env } = encryptionOf(encryption)
    const noCompression = options.filter((option) => option === '--no-compression')
    const prefixes = options.filter((option) => option !== '--no-compression')
    const homeOf = () => homes[Number(ownS2k)]!
    const treeOf = () => trees.get(long || version === '0.8.22')!
    const title = `${encryption}, ${volsize} MiB${options.length > 0 ? `, ${options[0]!}` : ''}`

    describe(`full backup with duplicity ${version} (${title})`, () => {
      const record = (direction: 'coalmine-to-duplicity' | 'duplicity-to-coalmine', differences: readonly string[]) => {
        const outcome = differences.length === 0 ? ('same' as const) : ('different' as const)
        recordCase({ version, direction, encryption, volsize, outcome, name: title })
        expect(differences).toEqual([])
      }

      itWith(
        [duplicityPeer(version)],
        'ours, restored and verified by the real program',
        async () => {
          const { source, expected } = treeOf()
          const folder = await tempDir('ours')
          const url = `file://${folder}/storage`
          const cache = ['--archive-dir', join(folder, 'cache')]
          const written = await coalmine(
            [
              'full',
              source,
              url,
              '--volsize',
              String(volsize),
              ...plain,
              ...options,
              '--archive-dir',
              join(folder, 'our-cache'),
            ],
            { env, timeoutMs: 120_000, ownS2k },
          )
          expect(written.code, said(written)).toBe(0)
          const target = join(folder, 'restored')
          const restored = await duplicity(version, ['restore', url, target, ...plain, ...prefixes, ...cache], {
            env,
            timeoutMs: 300_000,
            ownS2k,
            home: homeOf(),
          })
          expect(restored.code, said(restored)).toBe(0)
          record(
            'coalmine-to-duplicity',
            diffTrees(expected, await snapshotTree(target), { ignore: [...byDuplicity, ...notRoot] }),
          )
          const verified = await duplicity(
            version,
            ['verify', '--compare-data', url, target, ...plain, ...prefixes, ...cache],
            { env, timeoutMs: 300_000, ownS2k, home: homeOf() },
          )
          expect(verified.code, said(verified)).toBe(0)
          expect(verified.stdout.toString()).toMatch(/Verify complete: \d+ file(s|\(s\)) compared, 0 difference/)
        },
        600_000,
      )

      itWith(
        [duplicityPeer(version)],
        "the real program's, restored by ours",
        async () => {
          const { source, expected } = treeOf()
          const folder = await tempDir('theirs')
          const url = `file://${folder}/storage`
          mkdirSync(join(folder, 'storage'))
          const written = await duplicity(
            version,
            [
              'full',
              source,
              url,
              '--volsize',
              String(volsize),
              ...plain,
              ...noCompression,
              ...prefixes,
              '--archive-dir',
              join(folder, 'cache'),
            ],
            { env, timeoutMs: 300_000, ownS2k, home: homeOf() },
          )
          expect(written.code, said(written)).toBe(0)
          const target = join(folder, 'restored')
          const restored = await coalmine(
            ['restore', url, target, ...prefixes, '--archive-dir', join(folder, 'our-cache')],
            {
              env,
              timeoutMs: 120_000,
            },
          )
          expect(restored.code, said(restored)).toBe(0)
          record(
            'duplicity-to-coalmine',
            diffTrees(expected, await snapshotTree(target), { ignore: [...always, ...notRoot] }),
          )
        },
        600_000,
      )
    })
  }
}
