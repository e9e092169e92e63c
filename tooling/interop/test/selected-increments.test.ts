import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffTrees, itWith, snapshotTree, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { runBoth } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { expectSame } from './compare.ts'
import { long, rowsFor } from './turns.ts'

// Increments of another choice of files than the set before: what is left out from now on is gone, what is taken in is new.
// Judge: what the real program says and restores of the same increment on the same full set.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const plain = '--no-encryption'
const clock = (seconds: number) => ['--current-time', String(seconds)]

let folder = ''
let source = ''

beforeAll(async () => {
  folder = await tempDir('selected')
  source = join(folder, 'source')
  for (const name of ['keep', 'other/deep', 'skip/deep']) mkdirSync(join(source, name), { recursive: true })
  for (const name of ['a', 'keep/a', 'other/a', 'other/deep/b', 'skip/a', 'skip/deep/b', 'skip/deep/c', 'z.tmp']) {
    writeFileSync(join(source, name), name)
  }
  writeFileSync(join(source, 'other', 'marker'), '')
  // Each version's full set is without "skip" and "z.tmp".
  for (const version of versions) {
    if (!duplicityPeer(version).available) continue
    const storage = join(folder, version)
    mkdirSync(storage)
    const choice = ['--exclude', join(source, 'skip'), '--exclude', '**.tmp']
    const words = ['full', plain, ...choice, ...clock(1_700_000_000), '--archive-dir', `${storage}-cache`]
    await duplicity(version, [...words, source, `file://${storage}`], { check: true })
  }
})

interface Choice {
  readonly name: string
  readonly options: () => readonly string[]
  /** What is in the source's root then. */
  readonly root: readonly string[]
}

const choices: readonly Choice[] = [
  { name: 'everything', options: () => [], root: ['a', 'keep', 'other', 'skip', 'z.tmp'] },
  {
    name: 'something else left out',
    options: () => ['--exclude', join(source, 'other')],
    root: ['a', 'keep', 'skip', 'z.tmp'],
  },
  {
    name: 'a part of what was left out',
    options: () => ['--include', join(source, 'skip', 'deep', 'b'), '--exclude', join(source, 'skip')],
    root: ['a', 'keep', 'other', 'skip', 'z.tmp'],
  },
  {
    name: 'one folder alone',
    options: () => ['--include', join(source, 'keep'), '--exclude', '**'],
    root: ['keep'],
  },
  {
    name: 'by a mark in a folder, and a regular expression',
    options: () => ['--exclude-if-present', 'marker', '--exclude-regexp', 'deep'],
    root: ['a', 'keep', 'skip', 'z.tmp'],
  },
  {
    name: 'the same choice again',
    options: () => ['--exclude', join(source, 'skip'), '--exclude', '**.tmp'],
    root: ['a', 'keep', 'other'],
  },
]

describe.each(versions)('an increment of another choice than the full set of duplicity %s:', (version) => {
  for (const { name, options, root } of rowsFor(version, long ? choices : choices.slice(0, 4))) {
    itWith([duplicityPeer(version)], name, async () => {
      const owns: string[] = []
      const { theirs, ours } = await runBoth(version, (own) => {
        owns.push(own)
        cpSync(join(folder, version), join(own, 'storage'), { recursive: true })
        const words = ['incremental', '-v5', plain, ...clock(1_700_001_000), ...options()]
        return [...words, source, `file://${own}/storage`]
      })
      expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
      const about = { version, direction: 'coalmine-to-duplicity', encryption: 'none', name } as const
      expectSame({ kind: 'incremental -v5', theirs, ours, source }, about)
      const [theirUrl, ourUrl] = owns.map((own) => `file://${own}/storage`) as [string, string]
      const [byThem, byUs] = ['by-them', 'by-us'].map((one) => join(owns[1]!, one)) as [string, string]
      await duplicity(version, ['restore', plain, ourUrl, byThem], { check: true })
      const restored = await coalmine(['restore', theirUrl, byUs])
      expect(restored.code, said(restored)).toBe(0)
      expect(readdirSync(byThem).sort()).toEqual(root)
      expect(diffTrees(await snapshotTree(byThem), await snapshotTree(byUs))).toEqual([])
      // And the next one, by the other program, of everything.
      const next = ['incremental', plain, ...clock(1_700_002_000), source, ourUrl]
      const after = await duplicity(version, next, { check: true })
      expect(after.stdout.toString()).toMatch(/^DeletedFiles 0$/m)
      const all = join(owns[1]!, 'all')
      const last = await coalmine(['restore', ourUrl, all])
      expect(last.code, said(last)).toBe(0)
      expect(diffTrees(await snapshotTree(source), await snapshotTree(all), { ignore: ['fractions'] })).toEqual([])
    })
  }
})
