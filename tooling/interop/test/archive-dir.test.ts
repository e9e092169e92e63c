import { appendFileSync, cpSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffTrees, type Ignored, itWith, type RunResult, snapshotTree, tempDir } from '@coalmine/fixtures'
import { expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { long } from './turns.ts'

// One archive dir for both programs, harmed in between. Judges: the real program, which says whether it finds the archive
// dir as it would have made it, and what the tree was.

const ignored: readonly Ignored[] = [
  'fractions',
  'symlink-times',
  ...(process.getuid?.() === 0 ? [] : (['ownership'] as const)),
]
const isInSync = 'Local and Remote metadata are synchronized, no sync needed.'

for (const [at, version] of (Object.keys(duplicityVersions) as DuplicityVersion[]).entries()) {
  const isPlain = at === 0 && !long
  itWith(
    [duplicityPeer(version)],
    `duplicity ${version} and we share an archive dir (${isPlain ? 'plain' : 'encrypted'}): as it was, without it, stale, damaged`,
    async () => {
      const folder = await tempDir('archive-dir')
      const [source, storage, home, target] = ['source', 'storage', 'home', 'target'].map((name) => join(folder, name))
      for (const one of [source!, storage!, home!]) mkdirSync(one)
      for (let file = 0; file < 20; file++)
        writeFileSync(join(source!, `f${file}`), `file ${file}\n`.repeat(file * 100))
      const archive = join(folder, 'cache', 'shared')
      const url = `file://${storage}`
      const common = [
        '--archive-dir',
        join(folder, 'cache'),
        '--name',
        'shared',
        ...(isPlain ? ['--no-encryption'] : []),
      ]
      const env: Record<string, string> = isPlain ? {} : { PASSPHRASE: 'shared' }
      let seconds = 1_700_000_000
      // Each change gets a second of its own: the real program, and a chain it shares, tell changes by whole seconds.
      const changed = () => {
        appendFileSync(join(source!, 'f7'), `at ${seconds}\n`)
        utimesSync(join(source!, 'f7'), seconds, seconds)
        writeFileSync(join(source!, `new ${seconds}`), String(seconds))
        changes += 1
        return ['--current-time', String((seconds += 1000))]
      }
      let changes = 0
      const ours = async (action: string) =>
        done(await coalmine([action, source!, url, ...common, ...changed()], { env }))
      const theirs = async () => {
        const argv = ['incremental', ...common, ...changed(), source!, url]
        return done(await duplicity(version, argv, { env, home: home! })).stdout.toString()
      }
      await ours('full')
      expect(await theirs()).toContain(isInSync)
      cpSync(archive, join(folder, 'stale'), { recursive: true })

      rmSync(archive, { recursive: true })
      await ours('incremental')
      if (long) expect(await theirs()).toContain(isInSync)

      rmSync(archive, { recursive: true })
      cpSync(join(folder, 'stale'), archive, { recursive: true })
      await ours('incremental')
      if (long) expect(await theirs()).toContain(isInSync)

      const copies = readdirSync(archive)
        .filter((name) => name.startsWith('duplicity-'))
        .sort()
      const sigtars = copies.filter((name) => name.endsWith('.sigtar.gz'))
      writeFileSync(join(archive, sigtars[1]!), 'no gzip')
      cpSync(join(archive, sigtars[0]!), join(archive, sigtars[3]!))
      writeFileSync(
        join(
          archive,
          copies.find((name) => /inc.*manifest$/.test(name))!,
        ),
        'no manifest',
      )
      writeFileSync(join(archive, 'of somebody else'), '')
      await ours('incremental')
      expect(readdirSync(archive)).toContain('of somebody else')
      if (long) expect(await theirs()).toContain(isInSync)

      // A listing and a restore by us from an empty archive dir leave what they needed, and the real program agrees.
      const state = await snapshotTree(source!)
      rmSync(archive, { recursive: true })
      done(await coalmine(['restore', url, target!, ...common], { env }))
      expect(diffTrees(state, await snapshotTree(target!), { ignore: ignored })).toEqual([])
      expect(readdirSync(archive).filter((name) => name.includes('sigtar'))).toEqual([])
      const listed = done(await coalmine(['list-current-files', url, ...common], { env })).stdout.toString()
      expect(listed.split('\n').filter((line) => line.includes(' new '))).toHaveLength(changes)
      expect(await theirs()).toContain(isInSync)
      const all = await snapshotTree(source!)
      rmSync(target!, { recursive: true })
      done(await duplicity(version, ['restore', ...common, url, target!], { env, home: home! }))
      expect(diffTrees(all, await snapshotTree(target!), { ignore: ignored })).toEqual([])
    },
    120_000,
  )
}

function done(outcome: RunResult): RunResult {
  expect(outcome.code, said(outcome)).toBe(0)
  return outcome
}
