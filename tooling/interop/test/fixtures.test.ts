import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { run, type SnapshotEntry, snapshotTree, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect, it } from 'vitest'
import { coalmine, said } from './coalmine.ts'

// Two storages that duplicity 0.8.22 wrote once and for all: a full set of 2023-11-14 and an increment of 2023-11-15, the
// same source without encryption and with the passphrase "test". Judges: the MD5 sums that were taken of the sources, and
// of what duplicity 0.6.24, 0.8.22 and 3.0.4 restore from them. No program is needed: also a machine without duplicity
// tries these.

const fixtures = fileURLToPath(new URL('../../../packages/volume-format/test/fixtures/', import.meta.url))

/** What the source was at the two times. `l` points to `a`; its time is that of the full set in both. */
const states = [
  {
    time: '2023-11-15T00:00:00Z',
    files: {
      a: 'b1946ac92492d2347c6235b4d2611184',
      'd/b': 'c23931624f640fd74fabb47deac2aeb5',
      z: '814fa5ca98406a903e22b43d9b610105',
    },
    listing: [
      'Sun Sep 13 12:26:40 2020 .',
      'Sun Sep 13 12:26:40 2020 a',
      'Sun Sep 13 12:26:40 2020 d',
      'Sun Sep 13 12:26:40 2020 d/b',
      'Sun Sep 13 12:26:40 2020 l',
      'Sun Sep 13 12:26:40 2020 z',
    ],
  },
  {
    time: 'now',
    files: {
      a: '0f723ae7f9bf07744445e93ac5595156',
      'd/b': '298d8fd9e172eea3b8f7b73ed79fdbb4',
      n: '9cd599a3523898e6a12e13ec787da50a',
    },
    listing: [
      'Sun Sep 13 12:43:20 2020 .',
      'Sun Sep 13 12:43:20 2020 a',
      'Sun Sep 13 12:43:20 2020 d',
      'Sun Sep 13 12:43:20 2020 d/b',
      'Sun Sep 13 12:26:40 2020 l',
      'Sun Sep 13 12:43:20 2020 n',
    ],
  },
] as const

const kinds: readonly { fixture: string; env?: Record<string, string> }[] = [
  { fixture: 'plain' },
  { fixture: 'symmetric', env: { PASSPHRASE: 'test' } },
]

describe.each(kinds)('the $fixture fixture', ({ fixture, env }) => {
  let folder = ''
  let url = ''

  beforeAll(async () => {
    folder = await tempDir('fixture')
    mkdirSync(join(folder, 'storage'))
    const base64 = readFileSync(join(fixtures, `${fixture}.tar.gz.b64`), 'latin1')
    await run(['tar', '-xf', '-', '-C', join(folder, 'storage')], {
      input: gunzipSync(Buffer.from(base64, 'base64')),
      check: true,
    })
    const found = await run(['find', join(folder, 'storage'), '-name', '*.manifest*', '-printf', '%h\n'])
    url = `file://${found.stdout.toString().split('\n')[0]!}`
  })

  for (const { time, files, listing } of states) {
    it(`is restored as it was at ${time}`, async () => {
      const target = join(folder, `restored ${time}`)
      const restored = await coalmine(['restore', '--time', time, url, target], { env })
      expect(restored.code, said(restored)).toBe(0)
      const tree = await snapshotTree(target)
      expect([...tree].map(([path, entry]) => describeEntry(path, entry))).toEqual(
        ['', ...Object.keys({ ...files, d: '', l: '' })].sort().map((path) => wanted(path, time)),
      )
      const sums = Object.keys(files).map((path) => [path, md5(join(target, path))])
      expect(Object.fromEntries(sums)).toEqual(files)
    })

    it(`is listed as it was at ${time}`, async () => {
      const listed = await coalmine(['list-current-files', '--time', time, url], { env })
      expect(listed.code, said(listed)).toBe(0)
      const [, ...lines] = listed.stdout.toString().trimEnd().split('\n')
      expect(lines).toEqual(listing)
    })
  }
})

function describeEntry(path: string, { kind, mode, mtimeSeconds, link }: SnapshotEntry): string {
  return [path, kind, kind === 'symlink' ? link : mode.toString(8), mtimeSeconds].join(' ')
}

function wanted(path: string, time: string): string {
  const later = time === 'now'
  if (path === 'l') return 'l symlink a 1600000000'
  const what = path === '' || path === 'd' ? 'directory 755' : 'file 644'
  return `${path} ${what} ${later ? 1_600_001_000 : 1_600_000_000}`
}

function md5(path: string): string {
  return createHash('md5').update(readFileSync(path)).digest('hex')
}
