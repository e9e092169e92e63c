import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffTrees, snapshotTree } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { said, type World, world } from './coalmine.ts'

// The signature file of a set is another one, of the same names and lengths: its manifest does not tell, the ledger does.
// Judges: the trees that were backed up, and what is on the storage.

/** A full backup of `source`, and the signature file of other content of the same names in the place of its own. */
async function swapped(words: readonly string[]): Promise<{ place: World; source: string; copy: string; key: string }> {
  const place = await world()
  const source = join(place.folder, 'source')
  mkdirSync(source)
  const full = async (text: string, url: string, name: string) => {
    writeFileSync(join(source, 'a'), text)
    utimesSync(join(source, 'a'), 1_600_000_000, 1_600_000_000)
    utimesSync(source, 1_600_000_000, 1_600_000_000)
    const args = ['full', ...words, '--name', name, '--current-time', '1700000000', source, url]
    const outcome = await place.run(args)
    expect(outcome.code, said(outcome)).toBe(0)
  }
  await full('other', `file://${place.folder}/other`, 'other')
  await full('right', place.url, 'here')
  const key = readdirSync(join(place.folder, 'storage')).find((one) => one.includes('full-signatures'))!
  copyFileSync(join(place.folder, 'other', key), join(place.folder, 'storage', key))
  const copy = join(place.archiveRoot, 'here', 'duplicity-full-signatures.20231114T221320Z.sigtar.gz')
  return { place, source, copy, key }
}

const rows = [
  ['sealed', []],
  ['plain', ['--no-encryption', '--no-compression']],
] as const

describe.each(process.env['COALMINE_LONG'] ? rows : rows.slice(0, 1))(
  'signatures that are not those of the ledger: %s',
  (_, words) => {
    it('are not built on, are not copied, and cost no data', async () => {
      const { place, source, copy, key } = await swapped(words)
      rmSync(copy)
      // The very case that a manifest cannot tell: unchanged by its signature, though its content is another.
      writeFileSync(join(source, 'a'), 'other')
      const inc = ['incremental', ...words, '--name', 'here', '--current-time', '1700001000', source, place.url]
      for (let run = 0; run < 2; run++) {
        const refused = await place.run(inc)
        expect([refused.code, refused.err], said(refused)).toEqual([
          17,
          expect.stringMatching(
            /^Cannot build on the signatures ".*": its SHA-1 is [0-9a-f]{40}, but the ledger says [0-9a-f]{40}\n.*"full" begins a new chain.*\n$/,
          ),
        ])
        expect(readdirSync(join(place.folder, 'storage')).filter((one) => one.includes('inc'))).toEqual([])
        expect(existsSync(copy)).toBe(false)
      }
      // A listing is no reason to end.
      const list = await place.run(['list-current-files', '--name', 'here', place.url])
      expect([list.code, existsSync(copy)], said(list)).toEqual([0, false])
      const implied = await place.run(['backup', ...inc.slice(1)])
      expect(implied.code, said(implied)).toBe(0)
      expect(implied.out).toContain(`Cannot build on the signatures "${key}"`)
      expect(implied.out).toContain('Switching to full backup')
      const restored = await place.run(['restore', '--name', 'here', place.url, place.target])
      expect(restored.code, said(restored)).toBe(0)
      expect(
        diffTrees(await snapshotTree(source), await snapshotTree(place.target), { ignore: ['fractions'] }),
      ).toEqual([])
    })

    it('matter not where this machine has its own copy', async () => {
      const { place, source } = await swapped(words)
      writeFileSync(join(source, 'a'), 'other')
      const outcome = await place.run([
        ...['incremental', ...words, '--name', 'here', '--current-time', '1700001000', source, place.url],
      ])
      expect(outcome.code, said(outcome)).toBe(0)
      const restored = await place.run(['restore', '--name', 'here', place.url, place.target])
      expect(restored.code, said(restored)).toBe(0)
      expect(
        diffTrees(await snapshotTree(source), await snapshotTree(place.target), { ignore: ['fractions'] }),
      ).toEqual([])
    })
  },
)
