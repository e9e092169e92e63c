import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { itWith, nastyTree, recordCase, run, tempDir } from '@coalmine/fixtures'
import { readTar } from '@coalmine/tar'
import { fromBytes } from '@coalmine/bytes'
import { beforeAll, describe, expect } from 'vitest'
import { duplicityEnv, duplicityPeer, type DuplicityVersion, duplicityVersions, inWorldOf } from '../src/index.ts'
import { compatOf } from './both.ts'
import { coalmine, said } from './coalmine.ts'

// Judge: the real duplicity, with one change: its tar headers are of GNU's dialect, which it wrote itself until Python
// 3.7 and which ours are of. Volume, signatures and manifest must be the same, byte by byte, each as one object,
// neither compressed nor encrypted; the manifest too, with nothing left out: both run on one machine at the same time of
// their clock, and are given the source in the same words. Sockets are in neither.

const gnu = fileURLToPath(new URL('../../../packages/volume-format/test/duplicity-gnu.py', import.meta.url))
const names = [
  'duplicity-full-signatures.20231114T221320Z.sigtar',
  'duplicity-full.20231114T221320Z.manifest',
  'duplicity-full.20231114T221320Z.vol1.difftar',
]

let folder = ''

beforeAll(async () => {
  folder = await tempDir('golden')
  await nastyTree(join(folder, 'source'), { big: true })
}, 60_000)

describe.each(Object.keys(duplicityVersions) as DuplicityVersion[])('golden: duplicity %s and ours', (version) => {
  itWith(
    [duplicityPeer(version), 'root'],
    'write the nasty tree byte by byte the same',
    async () => {
      const own = (name: string) => join(folder, `${version}-${name}`)
      const words = (name: string) => [
        ...['full', '--no-encryption', '--no-compression', '--current-time', '1700000000'],
        ...['--archive-dir', own(`${name}-cache`), 'source', `file://${own(name)}`],
      ]
      mkdirSync(own('home'))
      const argv = inWorldOf(version, [gnu, ...words('theirs')], { cwd: folder, see: [dirname(gnu)] })
      const [theirs, ours] = await Promise.all([
        run(argv, { env: duplicityEnv(own('home')) }),
        coalmine([...words('ours'), ...compatOf(version)], { cwd: folder }),
      ])
      expect(theirs.code, said(theirs)).toBe(0)
      expect(ours.code, said(ours)).toBe(0)

      const differences: string[] = []
      expect(readdirSync(own('theirs')).sort()).toEqual(names)
      expect(readdirSync(own('ours')).sort()).toEqual(names)
      for (const name of names) {
        const [golden, written] = [readFileSync(join(own('theirs'), name)), readFileSync(join(own('ours'), name))]
        if (!golden.equals(written)) differences.push(`${name}: ${await firstDifference(golden, written)}`)
      }
      recordCase({
        version,
        direction: 'coalmine-to-duplicity',
        encryption: 'none',
        volsize: 200,
        outcome: differences.length === 0 ? 'same' : 'different',
        name: 'golden',
      })
      expect(differences).toEqual([])
    },
    120_000,
  )
})

/** Where two objects begin to differ, by offset and, in an archive, by member. */
async function firstDifference(golden: Buffer, written: Buffer): Promise<string> {
  const lengths = `${golden.length} and ${written.length} bytes`
  const at = golden.findIndex((byte, index) => byte !== written[index])
  if (at < 0) return `${lengths}, ours goes on after the end of theirs`
  let member = ''
  try {
    for await (const { header, offset } of readTar(fromBytes(golden).open())) {
      if (offset > at) break
      member = ` in ${JSON.stringify(header.name)}`
    }
  } catch {
    // A manifest is no archive: the offset has to do.
  }
  return `${lengths}, the first other byte at ${at}${member}`
}
