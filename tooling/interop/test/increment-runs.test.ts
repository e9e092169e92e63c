import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createRandom,
  itWith,
  nastyTree,
  type Snapshot,
  type SnapshotEntry,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { runBoth } from './both.ts'
import { said } from './coalmine.ts'
import { expectSame, unneededRules } from './compare.ts'
import { NastyChanges } from './nasty-changes.ts'

// Judge of everything here: what the real duplicity says when it makes the same increment of the nasty tree, on the same
// full set of its own. What is made equal is in normalise.ts.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const plain = '--no-encryption'

let folder = ''
let source = ''
/** What is new or changed in it. */
let tree: Snapshot = new Map()

beforeAll(async () => {
  folder = await tempDir('increments')
  source = join(folder, 'source')
  const { seed } = await nastyTree(source)
  const random = createRandom(`increments ${seed}`)
  const changes = new NastyChanges(source, random)
  // What rules are about must be there whatever else changes.
  const turning = join(source, 'turning')
  const python = (program: string) => execFileSync('python3', ['-c', program], { cwd: turning })
  writeFileSync(join(turning, 'a'), 'gone later')
  python('import socket; socket.socket(socket.AF_UNIX).bind("b")')
  const before = await snapshotTree(source)
  for (const version of versions) {
    if (!duplicityPeer(version).available) continue
    const storage = join(folder, version)
    mkdirSync(storage)
    const full = ['full', plain, '--current-time', '1700000000', '--archive-dir', `${storage}-cache`]
    await duplicity(version, [...full, source, `file://${storage}`], { check: true })
  }
  changes.change(before, random.fork('set 1'), 1)
  rmSync(join(turning, 'a'))
  for (const name of ['early', 'last', 'two\nlines']) writeFileSync(join(turning, name), name)
  writeFileSync(Buffer.concat([Buffer.from(`${turning}/`), Buffer.of(0xff)]), 'no UTF-8')
  python('import os; os.utime("early", ns=(0, -2 * 10**18)); os.utime("last", ns=(0, -5 * 10**8))')
  const isSame = (one: SnapshotEntry, other: SnapshotEntry | undefined) =>
    (['kind', 'mode', 'uid', 'gid'] as const).every((fact) => one[fact] === other?.[fact]) &&
    Math.max(0, one.mtimeSeconds) === Math.max(0, other!.mtimeSeconds)
  tree = new Map([...(await snapshotTree(source))].filter(([path, entry]) => !isSame(entry, before.get(path))))
})

describe.each(versions)('what duplicity %s says, and ours, about an increment of the nasty tree:', (version) => {
  const about = { version, direction: 'coalmine-to-duplicity', encryption: 'none' } as const
  const run = (...options: string[]) =>
    runBoth(version, (own) => {
      cpSync(join(folder, version), join(own, 'storage'), { recursive: true })
      const words = ['incremental', plain, '--current-time', '1700001000', ...options]
      return [...words, source, `file://${own}/storage`]
    })

  itWith([duplicityPeer(version)], 'incremental, with statistics', async () => {
    const { theirs, ours } = await run()
    expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
    // What of the files is stored is hardly more than theirs.
    const [size, most] = [ours, theirs].map(({ result }) => {
      return Number(/^RawDeltaSize (\d+)/m.exec(result.stdout.toString())![1])
    }) as [number, number]
    expect(size).toBeGreaterThan(100_000)
    expect(size).toBeLessThanOrEqual(most * 1.02)
    expectSame({ kind: 'incremental', theirs, ours, source }, { ...about, name: 'incremental' })
  })

  itWith([duplicityPeer(version)], 'incremental -v5, as records', async () => {
    const { theirs, ours } = await run('-v5')
    expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
    expectSame({ kind: 'incremental -v5', theirs, ours, source }, { ...about, name: 'incremental -v5' })
  })

  itWith([duplicityPeer(version)], 'incremental --dry-run', async () => {
    const { theirs, ours } = await run('--dry-run')
    expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
    expectSame({ kind: 'dry-run incremental', theirs, ours, source, tree }, { ...about, name: 'incremental --dry-run' })
  })
})

itWith(
  versions.map((version) => duplicityPeer(version)),
  'every rule about increments is needed',
  () => {
    expect(unneededRules(['incremental', 'incremental -v5', 'dry-run incremental'])).toEqual([])
  },
)
