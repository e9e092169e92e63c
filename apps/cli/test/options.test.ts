import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { itWith } from '@coalmine/fixtures'
import { afterAll, describe, expect, it } from 'vitest'
import { optionTable } from '../src/lib/option-table.ts'
import { endShared, said, type World, world } from './coalmine.ts'
import { selectionCases } from './selection-cases.ts'

afterAll(endShared)

/** A small tree: a file, a folder with a file of three blocks of noise, a link. */
function plant(folder: string): string {
  const source = join(folder, 'source')
  mkdirSync(join(source, 'd'), { recursive: true })
  writeFileSync(join(source, 'a'), 'hello\n')
  const noise = Buffer.alloc(200_000)
  let state = 1
  for (let at = 0; at < noise.length; at++) noise[at] = (state = Math.imul(state, 1_103_515_245) + 12_345) >>> 24
  writeFileSync(join(source, 'd', 'noise'), noise)
  writeFileSync(join(source, 'd', 'zeros'), Buffer.alloc(300_000))
  symlinkSync('a', join(source, 'l'))
  for (const name of ['a', 'd/noise', 'd/zeros', 'd', '.']) utimesSync(join(source, name), 1_600_000_000, 1_600_000_000)
  return source
}

async function planted() {
  const place = await world({ shared: true })
  return { ...place, source: plant(place.folder) }
}

async function backedUp(...options: string[]) {
  const place = await planted()
  const outcome = await place.run(['full', place.source, place.url, ...options])
  expect(outcome.code, said(outcome)).toBe(0)
  return { ...place, outcome }
}

const stored = (place: World) => readdirSync(join(place.folder, 'storage')).sort()
const sizeOf = (place: World, part: string) => {
  const name = stored(place).find((one) => one.includes(part))!
  return statSync(join(place.folder, 'storage', name)).size
}

/** By option: a test in which it changes the outcome. The last test of this file holds them against the table; those that choose files are in selection.test.ts, what --openpgp-profile changes is in profile.test.ts. */
const tested = new Set<string>([...selectionCases.map(({ option }) => option), 'sizes', 'print0', 'openpgp-profile'])
function option(names: string | string[], what: string, fn: () => Promise<void>): void {
  for (const name of [names].flat()) tested.add(name)
  it(`--${[names].flat().join(', --')}: ${what}`, fn, 60_000)
}

describe('options of telling', () => {
  option('json', 'answers in JSON alone, and says the rest on standard error', async () => {
    const place = await backedUp('--no-encryption', '--current-time', '1700000000')
    writeFileSync(join(place.source, 'a'), 'changed\n')
    const odd = Buffer.from('odd \xff\x1b[31m', 'latin1')
    writeFileSync(Buffer.concat([Buffer.from(`${place.source}/`), odd]), '')
    const later = ['incremental', '--no-encryption', '--current-time', '1700001000', place.source, place.url]
    expect((await place.run(later)).code).toBe(0)
    const told = async (...words: string[]) => {
      const outcome = await place.run([...words, place.url, '--json'])
      expect(outcome.code, said(outcome)).toBe(0)
      expect(outcome.err).toContain('Last full backup date: Tue Nov 14 22:13:20 2023')
      return outcome.out
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    }
    const listed = await told('list-current-files')
    expect(listed.map(({ path }) => path)).toEqual(['', 'a', 'd', 'd/noise', 'd/zeros', 'l', 'odd \ufffd\x1b[31m'])
    expect(listed.at(-1)!['pathBase64']).toBe(odd.toString('base64'))
    expect(listed[5]).toMatchObject({ kind: 'symlink', linkTarget: 'a' })
    expect(await told('find', 'a')).toMatchObject([
      {
        path: 'a',
        versions: [
          { setSeconds: 1_700_000_000, change: 'new', kind: 'file', mtimeSeconds: 1_600_000_000 },
          { setSeconds: 1_700_001_000, change: 'changed', aspects: ['data', 'mtime'] },
        ],
      },
    ])
    expect(await told('versions', 'd/zeros')).toMatchObject([{ path: 'd/zeros', versions: [{ change: 'new' }] }])
    expect((await told('diff', '1700000000', 'now')).map(({ path, change }) => [path, change])).toEqual([
      ['', 'changed'],
      ['a', 'changed'],
      ['odd \ufffd\x1b[31m', 'new'],
    ])
    const [status] = await told('collection-status')
    expect(status).toMatchObject({
      chains: [
        {
          primary: true,
          sets: [
            { type: 'full', endSeconds: 1_700_000_000, volumes: 1, signatures: true, encrypted: false },
            { type: 'incremental', endSeconds: 1_700_001_000 },
          ],
        },
      ],
      incompleteSets: [],
    })
  })
})

describe('options of telling about files', () => {
  /** A full set, an increment with one file changed and one gone, and one without any change. */
  async function threeSets() {
    const place = await backedUp('--no-encryption', '--current-time', '1700000000')
    const more = async (time: number) => {
      const words = ['incremental', '--no-encryption', '--current-time', String(time), place.source, place.url]
      expect((await place.run(words)).code).toBe(0)
    }
    writeFileSync(join(place.source, 'a'), 'changed\n')
    unlinkSync(join(place.source, 'd', 'zeros'))
    await more(1_700_001_000)
    await more(1_700_002_000)
    return place
  }

  option(['file-changed', 'show-changes-in-set'], 'tell of one file in all sets, or of all in one', async () => {
    const place = await threeSets()
    const told = async (...options: string[]) => (await place.run(['collection-status', ...options, place.url])).out
    const rule = '-'.repeat(25)
    expect(await told('--file-changed', '/d/zeros')).toContain(
      [
        rule,
        'File: d/zeros',
        'Total number of backup: 2',
        ' Type of backup set:                            Time:  Type of file change:',
        '                Full         Tue Nov 14 22:13:20 2023                   New',
        '         Incremental         Tue Nov 14 22:30:00 2023               Deleted',
        rule,
      ].join('\n'),
    )
    expect(await told('--show-changes-in-set', '1')).toContain(
      [
        rule,
        ' Backup set time: Tue Nov 14 22:30:00 2023',
        'Total number of changes: 2',
        'File:    Type of file change:',
        'a                     changed',
        'd/zeros               deleted',
        rule,
      ].join('\n'),
    )
    expect(await told('--show-changes-in-set', '0')).toContain('Total number of changes: 0\n')
    expect(
      (await told('--show-changes-in-set', '2', '--json'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(
      ['a', 'd/noise', 'd/zeros'].map((path) => ({ setSeconds: 1_700_000_000, type: 'full', path, change: 'new' })),
    )
    expect(JSON.parse((await told('--file-changed', 'd/noise', '--json')).trim())).toMatchObject({ change: 'new' })
    const none = await place.run(['collection-status', '--show-changes-in-set', '0', `${place.url}-none`])
    expect([none.code, none.err]).toEqual([23, expect.stringContaining('there is no backup')])
  })

  option(['jsonstat', 'file-prefix-jsonstat'], 'print statistics for programs, store and tell them', async () => {
    const clock = ['--current-time', '1700000000']
    const place = await backedUp('--jsonstat', '--no-print-statistics', ...clock)
    const json = (out: string) => JSON.parse(out.slice(out.indexOf('{'))) as Record<string, unknown>
    const first = json(place.outcome.out)
    expect(first).toMatchObject({ SourceFiles: 6, NewFiles: 6, backup_meta: { action: 'full', no_of_inc: 0 } })
    const name = 'duplicity-full.20231114T221320Z.jsonstat'
    expect(stored(place)).toContain(`${name}.gpg`)
    writeFileSync(join(place.source, 'a'), 'changed\n')
    const words = ['incremental', '--jsonstat', '--file-prefix-jsonstat', 'j-', '--no-print-statistics']
    const second = await place.run([...words, '--current-time', '1700001000', place.source, place.url])
    expect(second.code, said(second)).toBe(0)
    expect(stored(place)).toContain('j-duplicity-inc.20231114T221320Z.to.20231114T223000Z.jsonstat.gpg')
    const told = async (...options: string[]) => {
      return json((await place.run(['collection-status', '--jsonstat', ...options, place.url])).out)
    }
    expect(await told('--show-changes-in-set', '1')).toEqual({
      'full-20231114T221320Z': {
        json_stat: first,
        files_changed: { a: 'new', 'd/noise': 'new', 'd/zeros': 'new' },
      },
    })
    // Those of the increment have another name.
    const inc = (statistics: unknown) => ({
      'inc-20231114T223000Z': { json_stat: statistics, files_changed: { a: 'changed' } },
    })
    expect(await told('--show-changes-in-set', '0')).toEqual(inc({}))
    expect(await told('--show-changes-in-set', '0', '--file-prefix-jsonstat', 'j-')).toEqual(inc(json(second.out)))
    // A lost or damaged copy in the archive dir is read from the storage, and what is no JSON is none.
    const copy = join(place.archiveRoot, readdirSync(place.archiveRoot)[0]!, `${name}.gz`)
    for (const spoil of [() => unlinkSync(copy), () => writeFileSync(copy, 'damaged')]) {
      spoil()
      expect(Object.values(await told('--show-changes-in-set', '1'))[0]).toMatchObject({ json_stat: first })
    }
    writeFileSync(copy, gzipSync('no JSON'))
    expect(Object.values(await told('--show-changes-in-set', '1'))[0]).toMatchObject({ json_stat: {} })
    const alone = await place.run(['collection-status', '--jsonstat', place.url])
    expect([alone.code, alone.err]).toEqual([23, expect.stringContaining('say "--show-changes-in-set" too')])
    const check = await place.run(['check', place.url])
    expect(check.code, said(check)).toBe(0)
  })

  option('time-separator', 'reads names as old versions wrote them', async () => {
    const place = await threeSets()
    const folder = join(place.folder, 'storage')
    for (const name of stored(place)) {
      const old = name.replaceAll(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/g, '$1-$2-$3T$4.$5.$6Z')
      renameSync(join(folder, name), join(folder, old))
    }
    const status = async (...options: string[]) => (await place.run(['collection-status', ...options, place.url])).out
    expect(await status()).toContain('Last full backup date: none')
    expect(await status('--time-separator', '.')).toContain('Number of contained backup sets: 3')
    for (const wrong of ['', '..', '5', '-']) {
      const refused = await place.run(['collection-status', `--time-separator=${wrong}`, place.url])
      expect([refused.code, refused.err]).toEqual([23, expect.stringContaining('it must be one character')])
    }
  })
})

describe('options of check', () => {
  /** A full set, and an increment that has lost its volume. */
  async function harmed() {
    const place = await backedUp('--current-time', '1700000000')
    writeFileSync(join(place.source, 'a'), 'changed\n')
    const later = ['incremental', '--current-time', '1700001000', place.source, place.url]
    expect((await place.run(later)).code).toBe(0)
    const volume = stored(place).find((name) => name.includes('inc.') && name.includes('vol1'))!
    return { ...place, volume, path: join(place.folder, 'storage', volume) }
  }

  option(
    'read-data',
    'reads volumes, names what is damaged and what it costs; a sample chooses the same again',
    async () => {
      const place = await harmed()
      const good = await place.run(['check', '--read-data', place.url])
      expect([good.code, good.out]).toEqual([0, expect.stringContaining('Read 2 volumes of ')])
      const bytes = readFileSync(place.path)
      bytes[bytes.length - 40]! ^= 1
      writeFileSync(place.path, bytes)
      expect((await place.run(['check', place.url])).code).toBe(0)
      const { code, out } = await place.run(['check', '--read-data', place.url])
      expect(code).toBe(1)
      expect(out).toContain(`Damaged: ${place.volume}: Cannot read`)
      expect(out).toMatch(/Lost: a, in 1 backup from .* on \(its state of Tue Nov 14 22:13:20 2023 can be restored\)/)
      expect(out).toContain('Backups that can be restored whole:\n\tTue Nov 14 22:13:20 2023\n')
      const json = await place.run(['check', '--read-data', '--json', place.url])
      const lines = json.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      expect(lines).toContainEqual(expect.objectContaining({ type: 'object', key: place.volume }))
      expect(lines).toContainEqual(
        expect.objectContaining({
          type: 'path',
          path: 'a',
          lostSeconds: [1_700_001_000],
          intactSeconds: [1_700_000_000],
        }),
      )
      expect(lines.at(-1)).toMatchObject({ type: 'data', intactSeconds: [1_700_000_000], volumes: 1 })
      const sample = await place.run(['check', '--read-data=50%', place.url])
      const again = /"--read-data=(50%@\w+)" reads the same ones again/.exec(sample.out)![1]!
      const second = await place.run(['check', `--read-data=${again}`, place.url])
      expect([second.code, second.out]).toEqual([sample.code, sample.out])
      const refused = await place.run(['check', '--read-data=0%', place.url])
      expect([refused.code, refused.err]).toEqual([23, expect.stringContaining('it may be a share')])
    },
  )

  option('keep-going', 'restores what does not build on what is lost, and ends with 1', async () => {
    const place = await harmed()
    unlinkSync(place.path)
    const strict = await place.run(['restore', place.url, place.target])
    expect(strict.code).not.toBe(0)
    expect(strict.err).toContain('\n"restore --keep-going" gets everything else')
    expect(existsSync(join(place.target, 'a'))).toBe(false)
    const kept = await place.run(['restore', '--force', '--keep-going', place.url, place.target])
    expect(kept.code, said(kept)).toBe(1)
    expect(kept.out).toMatch(
      /Error restoring a, left out: what it was then lies in "volume 1 of .*", which cannot be read/,
    )
    expect(kept.out).toContain('\n1 object of the backup could not be read; see above\n')
    expect(kept.out).toContain('\n1 entry could not be restored as it was; see above\n')
    expect(readdirSync(place.target).sort()).toEqual(['d', 'l'])
    const noise = readFileSync(join(place.source, 'd', 'noise'))
    expect(readFileSync(join(place.target, 'd', 'noise')).equals(noise)).toBe(true)
    const before = await place.run(['restore', '--keep-going', '-t', '1700000000', place.url, `${place.target}-2`])
    expect([before.code, readFileSync(join(`${place.target}-2`, 'a'), 'utf8')]).toEqual([0, 'hello\n'])
  })

  option('ignore-errors', 'does the same, and says so', async () => {
    const place = await harmed()
    unlinkSync(place.path)
    const kept = await place.run(['restore', '--ignore-errors', place.url, place.target])
    expect(kept.code, said(kept)).toBe(1)
    expect(kept.out).toContain("Running in 'ignore errors' mode due to --ignore-errors")
    expect(readdirSync(place.target).sort()).toEqual(['d', 'l'])
  })

  option('accept', 'ends the warnings about what the storage has lost', async () => {
    const place = await backedUp('--current-time', '1700000000')
    const later = ['incremental', '--current-time', '1700001000', place.source, place.url]
    expect((await place.run(later)).code).toBe(0)
    const whole = await place.run(['check', place.url])
    expect([whole.code, whole.out]).toEqual([0, expect.stringContaining('2 backups, 2 of them as they were stored')])
    const volume = join(
      place.folder,
      'storage',
      stored(place).find((name) => /inc.*vol1/.test(name))!,
    )
    renameSync(volume, join(place.folder, 'aside'))
    const broken = await place.run(['check', place.url])
    expect([broken.code, broken.out]).toEqual([1, expect.stringContaining('2 backups, 1 of them as they were stored')])
    renameSync(join(place.folder, 'aside'), volume)
    const lost = stored(place).filter((name) => name.includes('20231114T223000Z'))
    expect(lost).toHaveLength(3)
    for (const name of lost) unlinkSync(join(place.folder, 'storage', name))
    for (let run = 0; run < 2; run++) {
      const status = await place.run(['collection-status', place.url])
      expect([status.code, status.out]).toEqual([0, expect.stringContaining('has lost or changed what this machine')])
    }
    const checked = await place.run(['check', place.url])
    expect(checked.code).toBe(1)
    for (const name of lost) expect(checked.out).toContain(`Damaged: "${name}" is no longer on the storage`)
    const json = await place.run(['check', '--json', place.url])
    const lines = json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.filter(({ type }) => type === 'finding').map(({ kind }) => kind)).toEqual(['lost', 'lost', 'lost'])
    expect(lines.filter(({ type }) => type === 'set')).toMatchObject([{ known: 'ledger', seconds: 1_700_000_000 }])
    const accepted = await place.run(['check', '--accept', place.url])
    expect(accepted.code, said(accepted)).toBe(0)
    const after = await place.run(['check', place.url])
    expect([after.code, after.out]).toEqual([0, expect.not.stringContaining('Damaged')])
    expect((await place.run(['collection-status', place.url])).out).not.toContain('has lost or changed')
  })
})

describe('options of writing', () => {
  option('no-encryption', 'writes gzip and plain text instead of OpenPGP, and needs no passphrase', async () => {
    const place = await planted()
    const outcome = await place.run(['full', place.source, place.url, '--no-encryption'], {
      env: { PASSPHRASE: undefined },
    })
    expect(outcome.code, said(outcome)).toBe(0)
    expect(stored(place).map((name) => name.replace(/\d{8}T\d{6}Z/, 'T'))).toEqual([
      'duplicity-full-signatures.T.sigtar.gz',
      'duplicity-full.T.manifest',
      'duplicity-full.T.vol1.difftar.gz',
    ])
    const encrypted = await backedUp()
    expect(stored(encrypted).every((name) => name.endsWith('.gpg'))).toBe(true)
  })

  option('no-compression', 'stores content as it is', async () => {
    const packed = await backedUp()
    const loose = await backedUp('--no-compression')
    expect(sizeOf(packed, 'vol1')).toBeLessThan(250_000)
    expect(sizeOf(loose, 'vol1')).toBeGreaterThan(500_000)
    const plain = await backedUp('--no-compression', '--no-encryption')
    expect(stored(plain).some((name) => name.endsWith('.vol1.difftar'))).toBe(true)
  })

  option('compression-level', '9 is smaller than 1', async () => {
    const place = await planted()
    writeFileSync(join(place.source, 'text'), readFileSync(process.execPath).subarray(0, 1_500_000))
    const sizes: number[] = []
    for (const level of ['1', '9']) {
      const outcome = await place.run(['full', place.source, `${place.url}${level}`, '--compression-level', level])
      expect(outcome.code, said(outcome)).toBe(0)
      const folder = join(place.folder, `storage${level}`)
      sizes.push(
        statSync(
          join(
            folder,
            readdirSync(folder).find((name) => name.includes('vol1'))!,
          ),
        ).size,
      )
    }
    expect(sizes[1]!).toBeLessThan(sizes[0]! * 0.98)
    expect((await place.run(['full', place.source, place.url, '--compression-level', '10'])).code).toBe(23)
  })

  option('volsize', 'cuts volumes at so many MiB', async () => {
    const place = await planted()
    const noise = readFileSync(join(place.source, 'd', 'noise'))
    for (let at = 0; at < 12; at++) writeFileSync(join(place.source, `noise${at}`), noise)
    const outcome = await place.run([
      'full',
      place.source,
      place.url,
      '--volsize',
      '1',
      '--no-encryption',
      '--no-compression',
    ])
    expect(outcome.code, said(outcome)).toBe(0)
    const volumes = stored(place).filter((name) => name.includes('.vol'))
    expect(volumes.length).toBe(3)
    for (const name of volumes)
      expect(statSync(join(place.folder, 'storage', name)).size).toBeLessThanOrEqual(1_048_576)
  })

  option('max-blocksize', 'bounds the blocks of signatures', async () => {
    const place = await planted()
    writeFileSync(join(place.source, 'large'), Buffer.alloc(4_000_000, 7))
    const sizes: number[] = []
    for (const blocks of ['0', '512']) {
      const outcome = await place.run([
        'full',
        place.source,
        `${place.url}${blocks}`,
        '--max-blocksize',
        blocks,
        '--no-encryption',
        '--no-compression',
      ])
      expect(outcome.code, said(outcome)).toBe(0)
      const folder = join(place.folder, `storage${blocks}`)
      sizes.push(
        statSync(
          join(
            folder,
            readdirSync(folder).find((name) => name.includes('sigtar'))!,
          ),
        ).size,
      )
    }
    expect(sizes[1]! - sizes[0]!).toBeGreaterThan(50_000)
  })

  option('no-files-changed', 'leaves the list of files out of the manifest', async () => {
    const manifestOf = (place: World) =>
      readFileSync(
        join(
          place.folder,
          'storage',
          stored(place).find((name) => name.endsWith('.manifest'))!,
        ),
        'utf8',
      )
    expect(manifestOf(await backedUp('--no-encryption'))).toContain('Filelist 3\n    new      a\n')
    expect(manifestOf(await backedUp('--no-encryption', '--no-files-changed'))).toContain('Filelist 0\n')
  })

  option('no-print-statistics', 'prints none', async () => {
    expect((await backedUp()).outcome.out).toContain('[ Backup Statistics ]')
    expect((await backedUp('--no-print-statistics')).outcome.out).not.toContain('Statistics')
  })

  option('concurrency', 'so many uploads overlap', async () => {
    const place = await planted()
    const noise = readFileSync(join(place.source, 'd', 'noise'))
    for (let at = 0; at < 30; at++) writeFileSync(join(place.source, `noise${at}`), noise)
    const order = async (concurrency: string) => {
      const { code, out } = await place.run([
        ...[
          'full',
          place.source,
          `${place.url}${concurrency}`,
          '--volsize',
          '1',
          '--no-compression',
          '--no-encryption',
        ],
        ...['--concurrency', concurrency, '-v', 'info'],
      ])
      expect(code).toBe(0)
      let most = 0
      let now = 0
      for (const line of out.split('\n')) {
        if (/^Writing .*\.vol/.test(line)) most = Math.max(most, ++now)
        if (/^Wrote .*\.vol/.test(line)) now -= 1
      }
      return most
    }
    expect(await order('1')).toBe(1)
    expect(await order('4')).toBeGreaterThan(1)
  })

  option('dry-run', 'says what would be done and changes nothing', async () => {
    const place = await planted()
    const outcome = await place.run(['full', place.source, place.url, '--dry-run'])
    expect(outcome.code, said(outcome)).toBe(0)
    expect(outcome.out).toContain('SourceFiles 6\n')
    expect(outcome.out).toContain('TotalDestinationSizeChange 0 (0 bytes)\n')
    expect(existsSync(join(place.folder, 'storage'))).toBe(false)
  })

  option('compat', '0.8 takes its block rule, its words and its codes', async () => {
    const place = await planted()
    writeFileSync(join(place.source, 'large'), Buffer.alloc(10_000_000, 7))
    const sizes: number[] = []
    for (const compat of ['3', '0.8']) {
      const outcome = await place.run([
        'full',
        place.source,
        `${place.url}${compat}`,
        '--compat',
        compat,
        '--no-encryption',
        '--no-compression',
      ])
      expect(outcome.code, said(outcome)).toBe(0)
      const folder = join(place.folder, `storage${compat}`)
      const name = readdirSync(folder).find((one) => one.includes('sigtar'))!
      const bytes = readFileSync(join(folder, name))
      const at = bytes.indexOf('signature/large') + 512
      sizes.push(bytes.readUInt32BE(at + 4))
    }
    expect(sizes).toEqual([3584, 2048])
    expect((await place.run(['--nonsense', '--compat', '0.8'])).code).toBe(2)
    expect((await place.run(['--nonsense'])).code).toBe(23)
    expect((await place.run(['full', '--compat', '0.8'])).code).toBe(2)
    expect((await place.run(['full'])).code).toBe(23)
    expect((await place.run(['collection-status', place.url, '--compat', '0.8'])).out).toContain(
      'secondary backup chains.',
    )
    expect((await place.run(['collection-status', place.url])).out).toContain('secondary backup chain(s).')
    expect((await place.run(['collection-status', place.url, '--compat', '9'])).code).toBe(23)
  })

  option(
    ['file-prefix', 'file-prefix-archive', 'file-prefix-manifest', 'file-prefix-signature'],
    'stand before the names, and only with them the backup is seen',
    async () => {
      const prefixes = [
        '--file-prefix',
        'P',
        '--file-prefix-archive',
        'a_',
        '--file-prefix-manifest',
        'm-',
        '--file-prefix-signature',
        's',
      ]
      const place = await backedUp(...prefixes)
      expect(stored(place).map((name) => name.slice(0, 12))).toEqual(['Pa_duplicity', 'Pm-duplicity', 'Psduplicity-'])
      expect((await place.run(['restore', place.url, place.target, ...prefixes])).code).toBe(0)
      expect((await place.run(['restore', place.url, `${place.target}2`])).code).toBe(30)
      expect((await place.run(['restore', place.url, `${place.target}3`, '--file-prefix', 'a/b'])).code).toBe(23)
    },
  )
})

describe('options of increments', () => {
  const fulls = (place: World) =>
    stored(place).filter((name) => name.startsWith('duplicity-full.') && name.includes('manifest')).length
  /** A backup of a world whose clock is set. */
  const at = async (place: Awaited<ReturnType<typeof planted>>, seconds: number, ...words: string[]) => {
    const outcome = await place.run([...words, place.source, place.url, '--current-time', String(seconds)])
    expect(outcome.code, said(outcome)).toBe(0)
    return outcome
  }

  option('full-if-older-than', 'makes a full backup when the last one is older', async () => {
    const place = await planted()
    await at(place, 1_700_000_000, 'full')
    const young = await at(place, 1_700_000_000 + 3 * 86_400, 'inc', '--full-if-older-than', '3D')
    expect([young.out.includes('too old'), fulls(place)]).toEqual([false, 1])
    const old = await at(place, 1_700_000_000 + 3 * 86_400 + 1, 'inc', '--full-if-older-than', '3D')
    expect(old.out).toContain('Last full backup is too old, forcing full backup\n')
    expect(fulls(place)).toBe(2)
    await at(place, 1_700_900_000, '--full-if-older-than=1D')
    expect(fulls(place)).toBe(3)
    const bad = await place.run(['inc', place.source, place.url, '--full-if-older-than', 'soon'])
    expect(bad.code).toBe(23)
    expect((await place.run(['full', place.source, place.url, '--full-if-older-than', '3D'])).code).toBe(23)
  })

  option('full-if-n-inc', 'makes a full backup when the last one has so many increments', async () => {
    const place = await planted()
    const counts: number[] = []
    for (let set = 0; set < 7; set++) {
      await at(place, 1_700_000_000 + set, 'backup', '--full-if-n-inc', '2')
      counts.push(fulls(place))
    }
    expect(counts).toEqual([1, 1, 1, 2, 2, 2, 3])
    const outcome = await at(place, 1_700_001_000, 'inc', '--full-if-n-inc', '1')
    expect([outcome.out.includes('forcing full backup'), fulls(place)]).toEqual([false, 3])
  })

  option('skip-if-no-change', 'writes no set when nothing has changed', async () => {
    const place = await planted()
    await at(place, 1_700_000_000, 'full')
    const before = stored(place)
    const skipped = await at(place, 1_700_000_100, 'inc', '--skip-if-no-change')
    expect(skipped.out).toContain('Skipped volume upload, as effectivly nothing has changed\n')
    expect(skipped.out).toContain('\nDeltaEntries 0\n')
    expect(stored(place)).toEqual(before)
    await at(place, 1_700_000_200, 'inc')
    expect(stored(place)).toHaveLength(before.length + 3)
    writeFileSync(join(place.source, 'new'), '')
    const written = await at(place, 1_700_000_300, 'inc', '--skip-if-no-change')
    expect(written.out).not.toContain('Skipped')
    expect(stored(place)).toHaveLength(before.length + 6)
  })

  option('allow-source-mismatch', 'continues a chain of another folder', async () => {
    const place = await planted()
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    const other = `${place.source}2`
    mkdirSync(other)
    writeFileSync(join(other, 'else'), '')
    const log = join(place.folder, 'log')
    for (const action of ['inc', 'backup']) {
      const refused = await place.run([action, other, place.url, '--log-file', log])
      expect(refused.code).toBe(42)
      expect(refused.err).toContain(`Current directory: ${other}\nPrevious directory: ${place.source}\n`)
      expect(readFileSync(log, 'utf8')).toContain(`ERROR 42 '${other}' '${place.source}'\n`)
    }
    const allowed = await place.run(['inc', other, place.url, '--allow-source-mismatch'])
    expect(allowed.code, said(allowed)).toBe(0)
    expect((await place.run(['restore', place.url, place.target])).code).toBe(0)
    expect(readdirSync(place.target)).toEqual(['else'])
  })

  tested.add('numeric-owner')
  itWith(['root'], '--numeric-owner: which owners count as changed', async () => {
    const place = await planted()
    const { chownSync } = await import('node:fs')
    // The name says 0, the number says 4242: as on a machine that gave the name another number.
    chownSync(join(place.source, 'a'), 4242, 0)
    const archived = await place.run(['full', place.source, place.url, '--no-encryption'])
    expect(archived.code, said(archived)).toBe(0)
    const name = stored(place).find((one) => one.includes('full-signatures'))!
    const path = join(place.folder, 'storage', name)
    const sigtar = gunzipSync(readFileSync(path))
    rename(sigtar, 'signature/a', 'root')
    chmodSync(path, 0o600)
    writeFileSync(path, gzipSync(sigtar))
    const options = ['--no-encryption', '--skip-if-no-change', '--archive-dir', join(place.folder, 'other')]
    const numeric = await place.run(['inc', place.source, place.url, ...options, '--numeric-owner'])
    expect(numeric.out).toContain('\nChangedFiles 0\n')
    const named = await place.run(['inc', place.source, place.url, ...options])
    expect(named.out).toContain('\nChangedFiles 1\n')
  })
})

/** Gives a member of a tar another user's name, in place. */
function rename(tar: Buffer, member: string, user: string): void {
  const at = tar.indexOf(`${member}\0`)
  tar.fill(0, at + 265, at + 297).write(user, at + 265, 'latin1')
  tar.write('        ', at + 148, 'latin1')
  const sum = tar.subarray(at, at + 512).reduce((all, byte) => all + byte, 0)
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
}

describe('options of reading', () => {
  option('restore-time', 'chooses the state; before the first there is none', async () => {
    const place = await planted()
    for (const [time, text] of [
      ['1700000000', 'first'],
      ['1700000100', 'second'],
    ] as const) {
      writeFileSync(join(place.source, 'a'), text)
      expect((await place.run(['full', place.source, place.url, '--current-time', time])).code).toBe(0)
    }
    for (const [index, [time, text]] of (
      [
        ['1700000050', 'first'],
        ['2023-11-14T22:15:00Z', 'second'],
        ['now', 'second'],
      ] as const
    ).entries()) {
      const target = `${place.target}${index}`
      const outcome = await place.run(['restore', place.url, target, index === 0 ? '-t' : '--time', time])
      expect(outcome.code, said(outcome)).toBe(0)
      expect(readFileSync(join(target, 'a'), 'utf8')).toBe(text)
    }
    const early = await place.run(['restore', place.url, `${place.target}9`, '-t1699999999'])
    expect(early.code).toBe(20)
    expect(early.err).toContain('the first backup is of Tue Nov 14 22:13:20 2023')
    expect((await place.run(['list-current-files', place.url, '-t', '1699999999'])).code).toBe(20)
    expect((await place.run(['restore', place.url, `${place.target}9`, '-t', 'yesterday'])).code).toBe(23)
  })

  option('path-to-restore', 'restores a file or a folder; slashes at its ends do not matter', async () => {
    const place = await backedUp()
    const one = await place.run(['restore', '--path-to-restore', 'd/noise', place.url, place.target])
    expect(one.code, said(one)).toBe(0)
    expect(readFileSync(place.target).equals(readFileSync(join(place.source, 'd/noise')))).toBe(true)
    expect((await place.run(['restore', '--file-to-restore=/d/', place.url, `${place.target}d`])).code).toBe(0)
    expect(readdirSync(`${place.target}d`).sort()).toEqual(['noise', 'zeros'])
    const missing = await place.run(['restore', '-r', 'd/nois', place.url, `${place.target}n`])
    expect(missing.code).toBe(19)
    expect(missing.err).toContain('Cannot restore "d/nois": it is not in the backup')
    expect(existsSync(`${place.target}n`)).toBe(false)
  })

  option('rename', 'restores something under another name', async () => {
    const place = await backedUp()
    const words = ['--rename', 'd', 'folder', '--rename', 'd/noise', 'top', '--rename', 'a', 'folder/zeros']
    const restored = await place.run(['restore', ...words, '--rename', 'none', 'x', place.url, place.target])
    // Two things cannot have one name: the first one has it.
    expect(restored.code, said(restored)).toBe(1)
    expect(restored.out).toContain('Error restoring folder/zeros')
    expect(restored.out).toContain('Nothing was renamed by --rename none: nothing of that name is restored')
    expect(readdirSync(place.target).sort()).toEqual(['folder', 'l', 'top'])
    expect(readFileSync(join(place.target, 'folder', 'zeros'), 'utf8')).toBe('hello\n')
    expect(statSync(join(place.target, 'folder')).mtimeMs).toBe(1_600_000_000_000)
    for (const wrong of [
      ['a', '..'],
      ['', 'b'],
      ['a', 'b/../..'],
    ]) {
      const refused = await place.run(['restore', '--rename', ...wrong, place.url, place.target])
      expect([refused.code, refused.err]).toEqual([23, expect.stringContaining('a path below the root')])
    }
  })

  option('force', 'restores over what is there', async () => {
    const place = await backedUp()
    mkdirSync(place.target)
    writeFileSync(join(place.target, 'a'), 'mine')
    writeFileSync(join(place.target, 'other'), 'stays')
    const refused = await place.run(['restore', place.url, place.target])
    expect(refused.code).toBe(11)
    expect(readFileSync(join(place.target, 'a'), 'utf8')).toBe('mine')
    const forced = await place.run(['restore', '--force', place.url, place.target])
    expect(forced.code, said(forced)).toBe(0)
    expect(readFileSync(join(place.target, 'a'), 'utf8')).toBe('hello\n')
    expect(readFileSync(join(place.target, 'other'), 'utf8')).toBe('stays')
  })

  tested.add('numeric-owner').add('no-restore-ownership')
  itWith(['root'], '--numeric-owner and --no-restore-ownership: whom restored files belong to', async () => {
    const place = await planted()
    const { chownSync } = await import('node:fs')
    chownSync(join(place.source, 'a'), 4242, 4242)
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    expect((await place.run(['restore', place.url, place.target, '--numeric-owner'])).code).toBe(0)
    expect(statSync(join(place.target, 'a')).uid).toBe(4242)
    expect((await place.run(['restore', place.url, `${place.target}2`, '--no-restore-ownership'])).code).toBe(0)
    expect(statSync(join(`${place.target}2`, 'a')).uid).toBe(process.getuid!())
    expect((await place.run(['restore', place.url, `${place.target}3`, '--do-not-restore-ownership'])).code).toBe(0)
  })

  tested.add('no-special-files')
  itWith(['mkfifo'], '--no-special-files restores no pipes, which are restored otherwise', async () => {
    const place = await planted()
    execFileSync('mkfifo', [join(place.source, 'pipe')])
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    const whole = await place.run(['restore', place.url, place.target])
    expect(whole.code, said(whole)).toBe(0)
    expect(statSync(join(place.target, 'pipe')).isFIFO()).toBe(true)
    const without = await place.run(['restore', place.url, `${place.target}2`, '--no-special-files', '-v5'])
    expect(without.code, said(without)).toBe(0)
    expect(without.out).toContain('Leaving out pipe of type fifo\n')
    expect(existsSync(join(`${place.target}2`, 'pipe'))).toBe(false)
    expect(existsSync(join(`${place.target}2`, 'a'))).toBe(true)
  })

  option('dry-run', 'of a restore names the volumes', async () => {
    const place = await backedUp()
    const outcome = await place.run(['restore', '--dry-run', place.url, place.target])
    expect(outcome.out).toMatch(/Required volumes to restore:\n\tduplicity-full\.\d{8}T\d{6}Z\.vol1\.difftar\.gpg\n/)
    expect(existsSync(place.target)).toBe(false)
  })

  option('num-retries', 'says how often a damaged volume is fetched', async () => {
    const place = await backedUp('--no-encryption')
    const path = join(
      place.folder,
      'storage',
      stored(place).find((name) => name.includes('vol1'))!,
    )
    const bytes = readFileSync(path)
    bytes[1000]! ^= 1
    chmodSync(path, 0o600)
    writeFileSync(path, bytes)
    for (const tries of [1, 3]) {
      const outcome = await place.run(['restore', place.url, `${place.target}${tries}`, '--num-retries', String(tries)])
      expect(outcome.code).toBe(21)
      expect(outcome.out.split('reading it again').length - 1).toBe(tries - 1)
    }
  })
})

describe('options of verifying', () => {
  option('compare-data', 'finds what only the content shows', async () => {
    const place = await backedUp()
    const changed = join(place.source, 'd', 'zeros')
    const { atime, mtime } = statSync(changed)
    writeFileSync(changed, Buffer.alloc(300_000, 1))
    utimesSync(changed, atime, mtime)
    expect((await place.run(['verify', place.url, place.source])).code).toBe(0)
    const compared = await place.run(['verify', '--compare-data', place.url, place.source])
    expect([compared.code, compared.out]).toEqual([1, expect.stringContaining('Data for file d/zeros is different')])
    const part = await place.run([
      'verify',
      '--compare-data',
      '--path-to-restore',
      'd',
      place.url,
      join(place.source, 'd'),
    ])
    expect([part.code, part.out]).toEqual([1, expect.stringContaining('Data for file zeros is different')])
  })
})

describe('options of removing', () => {
  option(['force', 'older-than', 'dry-run'], 'decide whether and what is deleted', async () => {
    const place = await backedUp()
    const [manifest] = stored(place).filter((name) => name.includes('manifest'))
    unlinkSync(join(place.folder, 'storage', manifest!))
    const left = stored(place)
    for (const args of [
      [],
      ['--force'],
      ['--force', '--older-than', '1h'],
      ['--force', '--older-than', 'now', '--dry-run'],
    ]) {
      // The second in which it was written is over for the last of these.
      const run = await place.run([
        'cleanup',
        place.url,
        ...args,
        '--current-time',
        String(Math.floor(Date.now() / 1000) + 5),
      ])
      expect([run.code, stored(place)], said(run)).toEqual([0, left])
    }
    const later = String(Math.floor(Date.now() / 1000) + 90_000)
    const removed = await place.run(['cleanup', place.url, '--force', '--current-time', later])
    expect([removed.code, stored(place)], said(removed)).toEqual([0, []])
  })
})

describe('options of every run', () => {
  option(['passphrase-file', 'passphrase-command'], 'give the passphrase', async () => {
    const place = await planted()
    const file = join(place.folder, 'passphrase')
    writeFileSync(file, 'from a file\nsecond line\n')
    const none = { env: { PASSPHRASE: undefined } }
    expect((await place.run(['full', place.source, place.url, '--passphrase-file', file], none)).code).toBe(0)
    const command = ['--passphrase-command', `sed -n '1p' "${file}"`]
    const restored = await place.run(['restore', place.url, place.target, ...command], none)
    expect(restored.code, said(restored)).toBe(0)
    const variable = { env: { PASSPHRASE: undefined, COALMINE_PASSPHRASE_FILE: file } }
    expect((await place.run(['restore', place.url, `${place.target}2`], variable)).code).toBe(0)
    const byCommand = { env: { PASSPHRASE: undefined, COALMINE_PASSPHRASE_COMMAND: `head -1 ${file}` } }
    expect((await place.run(['restore', place.url, `${place.target}3`], byCommand)).code).toBe(0)
    const wrong = await place.run([
      'restore',
      place.url,
      `${place.target}4`,
      '--archive-dir',
      join(place.folder, 'other'),
    ])
    expect(wrong.code).toBe(31)
    const both = await place.run(['restore', place.url, `${place.target}5`, '--passphrase-file', file, ...command])
    expect(both.code).toBe(23)
    const failing = await place.run(['restore', place.url, `${place.target}6`, '--passphrase-command', 'false'], none)
    expect(failing.code).toBe(23)
    expect(failing.err).toContain('it ended with code 1')
  })

  // With a keyring that is there: keyring.test.ts.
  option('keyring', 'asks the keyring and nothing else', async () => {
    const place = await planted()
    const asked = await place.run(['full', place.source, place.url, '--keyring'])
    expect(asked.code).toBe(23)
    expect(asked.err).toContain('Cannot take the passphrase from the keyring')
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
  })

  option('html', 'makes the recovery card a page', async () => {
    const place = await backedUp()
    expect((await place.run(['recovery-card', place.url])).out).toMatch(/^RECOVERY CARD\n/)
    expect((await place.run(['recovery-card', place.url, '--html'])).out).toMatch(/^<!doctype html>\n[^]*<\/html>\n$/)
    expect((await place.run(['collection-status', place.url, '--html'])).code).toBe(23)
  })

  option('words', 'says how many words a generated passphrase has', async () => {
    const place = await world({ shared: true })
    for (const words of [4, 9, 32]) {
      const { out, err } = await place.run(['passphrase', '--words', String(words)])
      expect(out.trim().split(' ')).toHaveLength(words)
      expect(err).toContain(`${words} words, each drawn from 7776: ${(words * Math.log2(7776)).toFixed(1)} bits`)
    }
    expect((await place.run(['passphrase', '--words', '3'])).code).toBe(23)
    expect((await place.run(['passphrase', '--words', '33'])).code).toBe(23)
    expect((await place.run(['full', place.folder, place.url, '--words', '5'])).code).toBe(23)
  })

  option(['archive-dir', 'name'], 'say where the archive dir is', async () => {
    const usual = await backedUp()
    expect(readdirSync(usual.archiveRoot)).toHaveLength(1)
    expect(readdirSync(usual.archiveRoot)[0]).toMatch(/^[0-9a-f]{32}$/)
    const place = await planted()
    const root = join(place.folder, 'elsewhere')
    expect((await place.run(['full', place.source, place.url, '--archive-dir', root, '--name', 'docs'])).code).toBe(0)
    expect(readdirSync(join(root, 'docs')).some((name) => name.endsWith('.manifest'))).toBe(true)
  })

  option('tempdir', 'says where volumes are on their way', async () => {
    const place = await planted()
    const missing = await place.run(['full', place.source, place.url, '--tempdir', join(place.folder, 'nowhere')])
    expect(missing.code).not.toBe(0)
    expect(missing.err).toContain('nowhere')
    const temp = join(place.folder, 'temp')
    mkdirSync(temp)
    expect((await place.run(['full', place.source, place.url, '--tempdir', temp])).code).toBe(0)
    expect(readdirSync(temp)).toEqual([])
  })

  option('verbosity', 'says how much is told', async () => {
    expect((await backedUp('-v', 'info')).outcome.out).toContain('\nA d/noise\n')
    expect((await backedUp()).outcome.out).not.toContain('A d/noise')
    expect((await backedUp('-v0')).outcome.out).not.toContain('Last full backup date')
    expect((await backedUp('--verbosity=8')).outcome.out).toContain('A d/noise')
    expect((await (await planted()).run(['collection-status', 'file:///x', '-vloud'])).code).toBe(23)
  })

  option(['log-fd', 'log-file'], 'write records for programs', async () => {
    const place = await planted()
    const log = join(place.folder, 'log')
    expect((await place.run(['full', place.source, place.url, '--log-file', log, '-v5'])).code).toBe(0)
    const records = readFileSync(log, 'utf8')
    expect(records).toContain("\n\nINFO 4 'd/noise'\n. A d/noise\n\n")
    expect(records).toContain('NOTICE 1\n. Last full backup date: none\n\n')
    // What goes to a descriptor is seen of a process of its own only.
    const listed = await place.run(['list-current-files', place.url, '--log-fd', '2'], { input: Buffer.alloc(0) })
    expect(listed.err).toContain("INFO 10 20200913T122640Z 'a' reg\n. Sun Sep 13 12:26:40 2020 a\n\n")
    expect(
      (await place.run(['list-current-files', place.url, '--log-fd', '77'], { input: Buffer.alloc(0) })).code,
    ).not.toBe(0)
  })

  option('log-timestamp', 'puts time and level before each line', async () => {
    const { outcome } = await backedUp('--log-timestamp')
    expect(outcome.out).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} NOTICE Last full backup date: none$/m)
  })

  option(['progress', 'progress-rate'], 'tell how far it is', async () => {
    const { outcome } = await backedUp('--progress', '--progress-rate', '1')
    expect(outcome.err).toMatch(/\[=+>?\] 100% ETA 0sec/)
    const place = await backedUp()
    expect(place.outcome.err).toBe('')
    const restored = await place.run(['restore', place.url, place.target, '--progress'])
    expect(restored.err).toMatch(/^488 KB \d\d:\d\d:\d\d \[.*\/s\]$/m)
  })

  option(['gpg-options', 'gpg-binary'], 'change what gpg is asked for, and refuse what means nothing', async () => {
    const place = await backedUp('--gpg-options', '--compress-algo none', '--gpg-options', '--s2k-count 1024')
    expect(sizeOf(place, 'vol1')).toBeGreaterThan(500_000)
    const other = await planted()
    const refused = await other.run(['full', other.source, other.url, '--gpg-options', '--cipher-algo AES --foo'])
    expect(refused.err).toContain('Cannot take "--gpg-options --foo"')
    expect(refused.code).toBe(33)
    const wrong = await other.run(['full', other.source, other.url, '--gpg-options', '--cipher-algo ROT13'])
    expect([wrong.code, wrong.err]).toEqual([23, 'Cannot use the cipher "ROT13": it is not written here\n'])
    const nowhere = ['--encrypt-key', 'a@example.org', '--gpg-binary', '/nowhere/gpg']
    const missing = await other.run(['full', other.source, other.url, ...nowhere])
    expect(missing.err).toContain('with "/nowhere/gpg": there is no such program')
    expect(missing.code).toBe(31)
  })

  option(['help', 'version'], 'answer and do nothing', async () => {
    const place = await world({ shared: true })
    const help = await place.run(['full', '--help'])
    expect(help.code).toBe(0)
    for (const { name, hidden } of optionTable) if (hidden !== true) expect(help.out).toContain(`--${name}`)
    expect((await place.run(['--version'])).out).toMatch(/^coalmine \d+\.\d+\.\d+\n$/)
    expect((await place.run(['full', '-V'])).out).toMatch(/^coalmine /)
  })

  // With keys, which take a gpg: keys.test.ts.
  for (const name of ['encrypt-key', 'hidden-encrypt-key', 'sign-key', 'encrypt-sign-key']) tested.add(name)
  for (const name of ['encrypt-secret-keyring', 'use-agent']) tested.add(name)

  // Of signing in: login.test.ts.
  for (const name of ['credential-command', 'store', 'sign-in']) tested.add(name)
  // Of `mf`, where each is tested with each verb: mf.test.ts.
  for (const name of ['existing', 'recursive', 'purge', 'one-time']) tested.add(name)

  it('every option in the help has a test here', () => {
    const untested = optionTable
      .filter(({ name, hidden }) => hidden !== true && !tested.has(name))
      .map(({ name }) => name)
    expect(untested).toEqual([])
  })
})
