import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, nastyTree, type Snapshot, snapshotTree, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { type Ran, runBoth } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { expectSame, unneededRules } from './compare.ts'
import { encryptionOf } from './storages.ts'

// Judge of everything here: what the real duplicity says when it does the same with the nasty tree. What is made equal
// is in normalise.ts.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const clock = ['--current-time', '1700000000']

let folder = ''
let source = ''
let tree: Snapshot = new Map()

beforeAll(async () => {
  folder = await tempDir('runs')
  source = join(folder, 'source')
  await nastyTree(source)
  tree = await snapshotTree(source)
})

/** Standard output as it came, from the first line of a listing on. */
function listing({ result }: Ran): Buffer {
  const { stdout } = result
  return stdout.subarray(stdout.indexOf('\n', stdout.indexOf('Last full backup date: ')) + 1)
}

describe.each(versions)('what duplicity %s says, and ours, about the nasty tree:', (version) => {
  const made = { version, direction: 'coalmine-to-duplicity' } as const
  const read = { version, direction: 'duplicity-to-coalmine' } as const
  const needs = [duplicityPeer(version)]

  for (const encryption of ['none', 'passphrase'] as const) {
    const { options, env } = encryptionOf(encryption)

    itWith(needs, `full with statistics (${encryption})`, async () => {
      const args = (own: string) => ['full', ...options, ...clock, source, `file://${own}/storage`]
      const { theirs, ours } = await runBoth(version, args, { env })
      expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
      expectSame({ kind: 'full', theirs, ours, source }, { ...made, encryption, name: 'full' })
    })

    const writer = encryption === 'none' ? 'theirs' : 'ours'
    itWith(needs, `list-current-files of ${writer}, byte by byte (${encryption})`, async () => {
      const storage = join(folder, `${version}-${encryption}`)
      mkdirSync(storage)
      const full = ['full', ...options, ...clock, '--archive-dir', `${storage}-cache`, source, `file://${storage}`]
      const written = await (writer === 'ours' ? coalmine(full, { env }) : duplicity(version, full, { env }))
      expect(written.code, said(written)).toBe(0)
      const { theirs, ours } = await runBoth(version, () => ['list-current-files', ...options, `file://${storage}`], {
        env,
      })
      expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
      const direction = writer === 'ours' ? made : read
      expectSame({ kind: 'nasty list', theirs, ours }, { ...direction, encryption, name: `list, by ${writer}` })
      expect(listing(ours).length).toBeGreaterThan(30_000)
      expect(listing(ours).equals(listing(theirs))).toBe(true)
    })
  }

  itWith(needs, 'full --dry-run', async () => {
    const args = (own: string) => ['full', '--dry-run', '--no-encryption', ...clock, source, `file://${own}/storage`]
    const { theirs, ours } = await runBoth(version, args)
    expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
    expectSame({ kind: 'dry-run full', theirs, ours, source, tree }, { ...made, encryption: 'none', name: 'dry run' })
  })

  itWith(needs, 'full -v5, as records', async () => {
    const args = (own: string) => ['full', '-v5', '--no-encryption', ...clock, source, `file://${own}/storage`]
    const { theirs, ours } = await runBoth(version, args)
    expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
    expectSame({ kind: 'full -v5', theirs, ours, source }, { ...made, encryption: 'none', name: 'full -v5' })
  })

  itWith(needs, 'restore -v5, as records, and --dry-run', async () => {
    const storage = join(folder, `${version}-restore`)
    mkdirSync(storage)
    const full = ['full', '--no-encryption', '--volsize', '1', ...clock, source, `file://${storage}`]
    await duplicity(version, full, { check: true })
    const restore = ['restore', '--no-encryption', `file://${storage}`]
    const about = { ...read, encryption: 'none', volsize: 1 } as const
    const done = await runBoth(version, (own) => [...restore, '-v5', join(own, 'restored')])
    expect([done.theirs.result.code, done.ours.result.code], said(done.ours.result)).toEqual([0, 0])
    expectSame({ kind: 'restore -v5', ...done }, { ...about, name: 'restore -v5' })
    const tried = await runBoth(version, (own) => [...restore, '--dry-run', join(own, 'restored')])
    expect([tried.theirs.result.code, tried.ours.result.code], said(tried.ours.result)).toEqual([0, 0])
    expectSame({ kind: 'dry-run restore', ...tried }, { ...about, name: 'restore --dry-run' })
  })
})

itWith(
  versions.map((version) => duplicityPeer(version)),
  'every rule about runs is needed',
  () => {
    expect(unneededRules(['nasty list', 'full', 'full -v5', 'dry-run full', 'restore -v5', 'dry-run restore'])).toEqual(
      [],
    )
  },
)
