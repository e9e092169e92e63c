import { mkdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom, diffTrees, itWith, snapshotTree, tempDir } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { long } from './turns.ts'

// What ours knows of files beside what archives hold: edits that times in whole seconds do not show. Judge: what the real
// program restores.

const random = createRandom('known files')
const plain = '--no-encryption'

/** Writes a file anew, in place, and gives it the time that it had. */
function edit(path: string, content: Uint8Array | string): void {
  const { atimeMs, mtimeMs } = statSync(path)
  writeFileSync(path, content)
  utimesSync(path, atimeMs / 1000, Math.floor(mtimeMs / 1000))
}

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]

// It takes its time: only ages of seconds tell files apart.
describe.each(long ? versions : versions.slice(-1))('taking turns with duplicity %s', (version) => {
  itWith(
    [duplicityPeer(version)],
    'edits with the same size and time are stored; the archive dir is shared',
    async () => {
      const folder = await tempDir('known')
      const source = join(folder, 'source')
      const url = `file://${folder}/storage`
      mkdirSync(source)
      mkdirSync(join(folder, 'storage'))
      const large = random.bytes(300_000)
      writeFileSync(join(source, 'large'), large)
      for (const name of ['edited', 'moved', 'same', 'touched']) writeFileSync(join(source, name), `${name} 1`)
      for (const name of ['large', 'edited', 'moved', 'same', 'touched', '.']) {
        utimesSync(join(source, name), 1_600_000_000, 1_600_000_000)
      }
      const cache = ['--archive-dir', join(folder, 'cache'), '--name', 'here']
      let second = 1_700_000_000
      const clock = () => ['--current-time', String((second += 1000))]
      const ours = async (action: string) => {
        const ran = await coalmine([action, plain, ...cache, ...clock(), '-v5', source, url])
        expect(ran.code, said(ran)).toBe(0)
        return ran.stdout.toString()
      }
      const restored = async (by: DuplicityVersion) => {
        const target = join(folder, `restored-${second}`)
        const ran = await duplicity(by, ['restore', plain, ...cache, url, target], { check: true })
        expect(ran.stdout.toString()).toContain('Local and Remote metadata are synchronized, no sync needed.')
        return diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ['fractions'] })
      }
      await ours('full')
      // Right after they were made nobody vouches for them; from here on they are known.
      const first = await ours('incremental')
      expect(first).toContain('DeltaEntries 0\n')
      await sleep(2100)
      expect(await ours('incremental')).toContain('DeltaEntries 0\n')

      edit(join(source, 'edited'), 'edited 2')
      writeFileSync(join(folder, 'aside'), 'moved 2')
      utimesSync(join(folder, 'aside'), 1_600_000_000, 1_600_000_000)
      renameSync(join(folder, 'aside'), join(source, 'moved'))
      utimesSync(source, 1_600_000_000, 1_600_000_000)
      edit(
        join(source, 'large'),
        Buffer.concat([large.subarray(0, 150_000), Buffer.from('!'), large.subarray(150_001)]),
      )
      edit(join(source, 'touched'), 'touched 1')
      const told = await ours('incremental')
      expect(told).toContain('DeltaEntries 3\n')
      for (const name of ['edited', 'moved', 'large']) expect(told).toContain(`M ${name}\n`)
      expect(told).not.toContain('touched')
      expect(await restored(version)).toEqual([])

      writeFileSync(join(source, 'edited'), 'theirs')
      await duplicity(version, ['incremental', plain, ...cache, ...clock(), source, url], { check: true })
      // After their turn nothing is known; what is found then is known after ours.
      expect(await ours('incremental')).toContain('DeltaEntries 0\n')
      expect(await restored(version)).toEqual([])
      await sleep(2100)
      expect(await ours('incremental')).toContain('DeltaEntries 0\n')
      // An index that cannot be read stops nothing, and nothing is stored because of it.
      writeFileSync(join(folder, 'cache', 'here', 'coalmine', 'files'), 'damaged')
      expect(await ours('incremental')).toContain('DeltaEntries 0\n')
      edit(join(source, 'edited'), 'theirz')
      expect(await ours('incremental')).toContain('DeltaEntries 1\n')
      expect(await restored(version)).toEqual([])
    },
  )
})
