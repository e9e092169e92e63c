import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { diffTrees, itWith, type RunResult, snapshotTree, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { runBoth } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { expectSame } from './compare.ts'
import { long, rowsFor } from './turns.ts'

// Judge of everything here: what the real duplicity says and restores with the same options.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const plain = '--no-encryption'

interface World {
  readonly folder: string
  readonly source: string
  readonly url: string
  readonly cache: string
}

/** By version: two chains, the newer one of three sets, written by the real program. */
const worlds = new Map<DuplicityVersion, World>()

beforeAll(async () => {
  for (const version of versions) {
    if (!duplicityPeer(version).available) continue
    const folder = await tempDir('options')
    const source = join(folder, 'source')
    const cache = join(folder, 'cache')
    mkdirSync(join(source, 'd', 'e'), { recursive: true })
    mkdirSync(join(folder, 'storage'))
    for (const name of ['a', 'd/b', 'd/c', 'd/e/f', 'keep', 'a name that is long']) {
      writeFileSync(join(source, name), `${name}\n`)
    }
    symlinkSync('a', join(source, 'l'))
    const url = `file://${folder}/storage`
    let time = 1_700_000_000
    const write = async (action: string) => {
      const when = ['--current-time', String((time += 1000))]
      await duplicity(version, [action, plain, '--archive-dir', cache, ...when, source, url], { check: true })
    }
    await write('full')
    await write('full')
    writeFileSync(join(source, 'a'), 'changed\n')
    writeFileSync(join(source, 'd', 'new'), '')
    rmSync(join(source, 'keep'))
    utimesSync(join(source, 'd'), 1_600_000_000, 1_600_000_000)
    await write('incremental')
    rmSync(join(source, 'a'))
    await write('incremental')
    worlds.set(version, { folder, source, url, cache })
  }
})

/** What was told, without the marks of Python's bytes that the real program has around words and names. */
function told({ stdout }: RunResult): string[] {
  const lines = stdout.toString().split('\n')
  return lines.map((line) =>
    line.replace(/^File: b'(.*)'$/, 'File: $1').replace(/ b'(\w+)'$/, (all, word: string) => word.padStart(all.length)),
  )
}

describe.each(versions)('as duplicity %s:', (version) => {
  const needs = [duplicityPeer(version)]

  const asked = [
    ...['0', '1', '2'].map((number) => ['--show-changes-in-set', number]),
    ...['a', 'd/new', 'keep', 'd', 'nothing', 'd/b'].map((path) => ['--file-changed', path]),
  ]
  itWith(needs, 'collection-status --show-changes-in-set and --file-changed', async () => {
    const { url, cache, folder } = worlds.get(version)!
    for (const option of rowsFor(version, asked)) {
      const theirs = await duplicity(version, ['collection-status', plain, '--archive-dir', cache, ...option, url])
      const ours = await coalmine(['collection-status', '--archive-dir', join(folder, 'ours'), ...option, url])
      expect([theirs.code, ours.code], said(ours)).toEqual([0, 0])
      expect(told(theirs).length).toBeGreaterThan(5)
      expect(told(ours)).toEqual(told(theirs))
    }
  })

  itWith(needs, 'what it fails at there is done, or refused by name', async () => {
    const { url, cache } = worlds.get(version)!
    const about = (...option: string[]) => ['collection-status', plain, '--archive-dir', cache, ...option, url]
    const beyond = about('--show-changes-in-set', '3')
    expect((await duplicity(version, beyond)).code).toBe(30)
    const refused = await coalmine(beyond)
    expect([refused.code, refused.stderr.toString()]).toEqual([
      23,
      expect.stringContaining('Cannot take "--show-changes-in-set 3": the newest chain has 0 to 2'),
    ])
    const spaced = about('--file-changed', 'a name that is long')
    expect((await duplicity(version, spaced)).code).toBe(version === '0.8.22' ? 0 : 30)
    const found = await coalmine(spaced)
    expect([found.code, found.stdout.toString()]).toEqual([0, expect.stringContaining('Total number of backup: 1\n')])
  })

  const renames: readonly (readonly string[])[] = [
    ['--rename', 'd', 'x', '--rename', 'a name that is long', 'short'],
    ['--rename', 'd/b', 'b', '--rename', './d', 'x/', '--rename', 'l', 'm', '--rename', 'l', 'n'],
    ['--path-to-restore', 'd', '--rename', 'b', 'z', '--rename', 'd/c', 'y'],
  ]
  itWith(needs, 'restore --rename', async () => {
    const { url, folder, source } = worlds.get(version)!
    const { mtimeMs } = statSync(join(source, 'd'))
    for (const [at, options] of renames.entries()) {
      const [theirs, ours] = [join(folder, `theirs-${at}`), join(folder, `ours-${at}`)]
      // The name of an option differs between them.
      const words = options.map((word) => (word === '--path-to-restore' ? '-r' : word))
      await duplicity(version, ['restore', plain, ...words, url, theirs], { check: true })
      const restored = await coalmine(['restore', ...options, url, ours])
      expect(restored.code, said(restored)).toBe(0)
      const tree = await snapshotTree(ours)
      expect(diffTrees(await snapshotTree(theirs), tree, { ignore: ['symlink-times', 'times'] })).toEqual([])
      // Folders keep their times, whatever was written in them afterwards.
      if (at < 2) expect(Math.floor(statSync(join(ours, 'x')).mtimeMs / 1000)).toBe(Math.floor(mtimeMs / 1000))
    }
    const outside = await coalmine(['restore', '--rename', 'd', '../x', url, join(folder, 'outside')])
    expect([outside.code, outside.stderr.toString()]).toEqual([23, expect.stringContaining('a path below the root')])
  })

  if (long || version === '0.8.22')
    itWith(needs, 'restore --ignore-errors brings all that theirs brings whole, and no broken file', async () => {
      const folder = await tempDir('damaged')
      const source = join(folder, 'source')
      mkdirSync(source)
      mkdirSync(join(folder, 'storage'))
      let state = 7
      for (const name of ['f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8']) {
        const noise = Buffer.alloc(400_000)
        for (let at = 0; at < noise.length; at++) noise[at] = (state = Math.imul(state, 1_103_515_245) + 12_345) >>> 24
        writeFileSync(join(source, name), noise)
      }
      const url = `file://${folder}/storage`
      await duplicity(version, ['full', plain, '--volsize', '1', source, url], { check: true })
      const volume = readdirSync(join(folder, 'storage')).find((name) => name.includes('vol2'))!
      const bytes = readFileSync(join(folder, 'storage', volume))
      bytes[5000]! ^= 1
      writeFileSync(join(folder, 'storage', volume), bytes)
      const wholeIn = (target: string) =>
        readdirSync(target).map((name) => [
          name,
          readFileSync(join(target, name)).equals(readFileSync(join(source, name))),
        ])
      const args = (target: string) => ['restore', plain, '--ignore-errors', '--num-retries', '1', url, target]
      const theirs = await duplicity(version, args(join(folder, 'theirs')))
      const ours = await coalmine(args(join(folder, 'ours')))
      // Theirs ends as if all were well.
      expect([theirs.code, ours.code], said(ours)).toEqual([0, 1])
      const warning = "Running in 'ignore errors' mode due to --ignore-errors"
      expect(theirs.stdout.toString()).toContain(warning)
      expect(ours.stdout.toString()).toContain(warning)
      const [whole, right] = [wholeIn(join(folder, 'theirs')), wholeIn(join(folder, 'ours'))]
      expect(whole.filter(([, isWhole]) => isWhole === true).length).toBeGreaterThan(3)
      expect(right).toEqual(whole.filter(([, isWhole]) => isWhole))
      expect(whole.length).toBeGreaterThan(right.length)
    })

  if (long || version === '3.0.4')
    itWith(needs, '--time-separator reads old names, and the chain goes on', async () => {
      const { folder, source, url } = worlds.get(version)!
      const old = join(folder, 'old')
      cpSync(join(folder, 'storage'), old, { recursive: true })
      for (const name of readdirSync(old)) {
        const renamed = name.replaceAll(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/g, '$1-$2-$3T$4_$5_$6Z')
        renameSync(join(old, name), join(old, renamed))
      }
      const about = { version, encryption: 'none', direction: 'duplicity-to-coalmine', name: 'old names' } as const
      const separator = ['--time-separator', '_']
      const status = (...words: string[]) => runBoth(version, () => ['collection-status', ...words, `file://${old}`])
      const without = await status()
      expect(without.ours.result.stdout.toString()).toContain('Last full backup date: none')
      expectSame({ kind: 'status', ...without }, about)
      const read = await status(...separator)
      expect(read.ours.result.stdout.toString()).toContain('Number of contained backup sets: 3')
      if (version === '3.0.4') expectSame({ kind: 'status', ...read }, about)
      writeFileSync(join(source, 'later'), version)
      const cache = ['--archive-dir', join(folder, 'old-cache')]
      const continued = await coalmine(['incremental', plain, ...separator, ...cache, source, `file://${old}`])
      expect(continued.code, said(continued)).toBe(0)
      const target = join(folder, 'old-restored')
      await duplicity(version, ['restore', plain, ...separator, `file://${old}`, target], { check: true })
      expect(readFileSync(join(target, 'later'), 'utf8')).toBe(version)
      const ours = await coalmine(['restore', ...separator, `file://${old}`, `${target}-ours`])
      expect(ours.code, said(ours)).toBe(0)
      const ignore = ['symlink-times'] as const
      expect(
        diffTrees(await snapshotTree(target), await snapshotTree(`${target}-ours`), { ignore: [...ignore] }),
      ).toEqual([])
      rmSync(join(source, 'later'))
      expect((await coalmine(['collection-status', '--time-separator', '__', url])).code).toBe(23)
    })
})
