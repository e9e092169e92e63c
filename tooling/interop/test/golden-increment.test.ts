import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collect, fromBytes } from '@coalmine/bytes'
import {
  createRandom,
  itWith,
  nastyTree,
  recordCase,
  run,
  type RunResult,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { readTar } from '@coalmine/tar'
import { beforeAll, describe, expect } from 'vitest'
import { duplicityEnv, duplicityPeer, type DuplicityVersion, duplicityVersions, inWorldOf } from '../src/index.ts'
import { compatOf } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { NastyChanges } from './nasty-changes.ts'

// Judge: the real duplicity with GNU's tar headers, as in golden.test.ts, after nasty changes. Signatures and manifest (but
// for the volume's digest) are the same byte by byte; of the volume every member is, but for the bytes of some deltas: ours
// cuts literals at 32 KiB, a command of three bytes each, and may find more of the basis than librsync does.

const gnu = fileURLToPath(new URL('../../../packages/volume-format/test/duplicity-gnu.py', import.meta.url))
const versions = (Object.keys(duplicityVersions) as DuplicityVersion[]).filter((one) => duplicityPeer(one).available)
const isRoot = process.getuid?.() === 0

let folder = ''

function both(version: DuplicityVersion, action: string, seconds: number): Promise<RunResult>[] {
  const own = (name: string) => join(folder, `${version}-${name}`)
  const words = (name: string) => [
    ...[action, '--no-encryption', '--no-compression', '--current-time', String(seconds)],
    ...['--archive-dir', own(`${name}-cache`), 'source', `file://${own(name)}`],
  ]
  const argv = inWorldOf(version, [gnu, ...words('theirs')], { cwd: folder, see: [dirname(gnu)] })
  return [
    run(argv, { env: duplicityEnv(own('home')) }),
    coalmine([...words('ours'), ...compatOf(version)], { cwd: folder }),
  ]
}

beforeAll(async () => {
  if (!isRoot || versions.length === 0) return
  folder = await tempDir('golden')
  const { seed } = await nastyTree(join(folder, 'source'))
  const random = createRandom(`golden ${seed}`)
  const changes = new NastyChanges(join(folder, 'source'), random)
  for (const version of versions) {
    mkdirSync(join(folder, `${version}-home`))
    for (const outcome of await Promise.all(both(version, 'full', 1_700_000_000)))
      expect(outcome.code, said(outcome)).toBe(0)
  }
  changes.change(await snapshotTree(join(folder, 'source')), random.fork('set 1'), 1)
}, 600_000)

interface Member {
  readonly header: string
  readonly body: Buffer
}

async function membersOf(volume: Buffer): Promise<Map<string, Member>> {
  const members = new Map<string, Member>()
  for await (const { header, body } of readTar(fromBytes(volume).open())) {
    const { size: _, ...rest } = header
    members.set(header.name, { header: JSON.stringify(rest), body: Buffer.from(await collect(body())) })
  }
  return members
}

describe.each(Object.keys(duplicityVersions) as DuplicityVersion[])(
  'golden increment: duplicity %s and ours',
  (version) => {
    itWith(
      [duplicityPeer(version), 'root'],
      'write nasty changes the same, but for the commands of some deltas',
      async () => {
        for (const outcome of await Promise.all(both(version, 'incremental', 1_700_010_000))) {
          expect(outcome.code, said(outcome)).toBe(0)
        }
        const read = (whose: string, pattern: RegExp) => {
          const place = join(folder, `${version}-${whose}`)
          return readFileSync(
            join(
              place,
              readdirSync(place).find((name) => pattern.test(name))!,
            ),
          )
        }
        const same = (pattern: RegExp) => read('theirs', pattern).equals(read('ours', pattern))
        const textOf = (whose: string) =>
          read(whose, /inc.*manifest/)
            .toString('latin1')
            .replace(/Hash SHA1 \w+/, 'Hash')
        const [theirs, ours] = [
          await membersOf(read('theirs', /inc.*vol1/)),
          await membersOf(read('ours', /inc.*vol1/)),
        ]
        const deltas = [...theirs.keys()].filter((name) => name.startsWith('diff/'))
        const others = [...theirs.keys()].filter((name) => !/^(multivol_)?diff\//.test(name))
        const differing = others.filter((name) => {
          const mine = ours.get(name)
          return (
            mine === undefined || mine.header !== theirs.get(name)!.header || !mine.body.equals(theirs.get(name)!.body)
          )
        })
        const isSame = same(/new-signatures/) && textOf('theirs') === textOf('ours') && differing.length === 0
        recordCase({
          version,
          direction: 'coalmine-to-duplicity',
          encryption: 'none',
          volsize: 200,
          outcome: isSame ? 'same' : 'different',
          name: 'golden increment',
        })
        expect(differing).toEqual([])
        expect([...ours.keys()].filter((name) => !name.startsWith('multivol_diff/'))).toEqual(
          [...theirs.keys()].filter((name) => !name.startsWith('multivol_diff/')),
        )
        expect(textOf('ours')).toBe(textOf('theirs'))
        expect(same(/new-signatures/)).toBe(true)
        // Nearly all deltas are the same to the byte; none is longer but by the commands of cut literals.
        const other = deltas.filter((name) => !ours.get(name)!.body.equals(theirs.get(name)!.body))
        for (const name of other) {
          const { length } = theirs.get(name)!.body
          expect(ours.get(name)!.body.length, name).toBeLessThanOrEqual(length + 3 * Math.ceil(length / 32_768))
        }
        expect(deltas.length).toBeGreaterThan(20)
        expect(other.length).toBeLessThan(deltas.length / 4)
      },
      600_000,
    )
  },
)
