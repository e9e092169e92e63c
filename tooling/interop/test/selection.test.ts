import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { fromBytes } from '@coalmine/bytes'
import { itWith, nastyTree, peer, recordCase, run, tempDir } from '@coalmine/fixtures'
import { readSigTar } from '@coalmine/volume-format'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import {
  duplicityHome,
  duplicityEnv,
  duplicityPeer,
  type DuplicityVersion,
  duplicityVersions,
  inWorldOf,
} from '../src/index.ts'
import { compatOf } from './both.ts'
import { coalmine, said } from './coalmine.ts'

// Judge: the real duplicity with the same options on the same tree. Each set of options is backed up by both; what the
// signatures of both archives list, from which listings are made, must be equal in every name and attribute, and where
// one refuses, both must, with the same exit code. In the long run the real program itself lists both, too.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]

interface Row {
  /** `$R` is the source, `$L` the folder of the lists. */
  readonly args: readonly string[]
  /** The content of `$L/list`. */
  readonly list?: string
  /** The version that has it. */
  readonly only?: DuplicityVersion
  /** The real program's exit code; 0 when nothing is said. */
  readonly code?: number | Readonly<Record<DuplicityVersion, number>>
  /** Needs devices and a mount in the tree. */
  readonly root?: boolean
}

const usage = { '0.8.22': 2, '3.0.4': 23 } as const

const rows: readonly Row[] = [
  { args: ['--exclude', '$R/names'] },
  { args: ['--exclude', '$R/names/'] },
  { args: ['--exclude', '**/a'] },
  { args: ['--exclude', '$R/*'] },
  { args: ['--exclude', '**'] },
  { args: ['--exclude', '$R/?'] },
  { args: ['--exclude', '$R/[a-f]*'] },
  { args: ['--exclude', '$R/[!a-f]*'] },
  { args: ['--exclude', '$R/names/?'] },
  { args: ['--exclude', '**\\**'] },
  { args: ['--exclude', '$R/**/inside'] },
  { args: ['--exclude', '$R/modes/folder*/'] },
  { args: ['--include', '$R/deep/**/bottom', '--exclude', '**'] },
  { args: ['--include', '$R/sizes/1*', '--include', '$R/hard', '--exclude', '**'] },
  { args: ['--include', '$R/links/1', '--exclude', '$R/links', '--exclude', '$R/times'] },
  { args: ['--exclude', '$R/sizes/6*', '--include', '$R/sizes', '--exclude', '**'] },
  { args: ['--include', '**.py', '--exclude', '$R/project/s', '--exclude', '$R/names'] },
  { args: ['--include', '$R/*/', '--exclude', '**'] },
  { args: ['--include', '$R/**/', '--exclude', '**'] },
  {
    args: ['--include', '$R/project/s/c.py', '--exclude', '$R/project/s', '--include', '$R/project', '--exclude', '**'],
  },
  { args: ['--exclude', 'ignorecase:**/PROJECT'] },
  { args: ['--include', 'ignorecase:**/C.PY', '--exclude', '**'] },
  { args: ['--exclude-regexp', '\\.py$'] },
  { args: ['--exclude-regexp', '/(sizes|times|links)/[0-9]'] },
  { args: ['--include-regexp', '/project(/s(/.*)?)?$', '--exclude', '**'] },
  { args: ['--exclude-regexp', '(?i)/NAMES/|^nowhere'] },
  { args: ['--include-filelist', '$L/list'], list: '$R/project/s\n$R/hard\n$R/links/self\n- **\n' },
  {
    args: ['--include-filelist', '$L/list'],
    list: '# the whitelist style\n\n- **/inside\n   $R/modes  \n"$R/ "\n$R/sizes/1\n$R/names/*\n- **\n',
  },
  { args: ['--exclude-filelist', '$L/list'], list: '+ $R/project/s\n$R/project\n**.x\n$R/names/\n' },
  {
    args: ['--exclude-filelist', '$L/list'],
    list: "'$R/a b'\r\n$R/a.b\r\n\t$R/snapshot\t\r\n$R/empty # no comment\r\n",
  },
  { args: ['--null-separator', '--exclude-filelist', '$L/list'], list: '$R/names/new\nline\0$R/folders\0' },
  { args: ['--exclude-globbing-filelist', '$L/list'], list: '$R/*/1\n', only: '0.8.22' },
  { args: ['--include-globbing-filelist', '$L/list', '--exclude', '**'], list: '$R/project/*.py\n', only: '0.8.22' },
  { args: ['--exclude-if-present', '.nobackup'] },
  { args: ['--include', '$R/marked/x', '--exclude-if-present', '.nobackup', '--exclude', '**'] },
  { args: ['--exclude-if-present', 'inside', '--exclude-if-present', '1'] },
  { args: ['--exclude-older-than', '2010-01-01'] },
  { args: ['--include', '$R/times', '--exclude-older-than', '2020-06-01T00:00:00Z', '--exclude', '$R/names'] },
  { args: ['--exclude-device-files'], root: true },
  { args: ['--include', '$R/nodes', '--exclude-device-files', '--exclude', '**'], root: true },
  { args: ['--exclude-other-filesystems'], root: true },
  { args: ['--include', '$R/mounted/file', '--exclude-other-filesystems'], root: true },
  { args: ['--copy-links', '--exclude', '$R/links'] },
  { args: ['--copy-links', '--exclude', '$R/links', '--include', '$R/linked/to-s/c.py', '--exclude', '$R/linked'] },
  {
    args: ['--files-from', '$L/list'],
    list: 'project/s/c.py\nhard\nnowhere\nlinks/self\nempty/also empty\n',
    only: '3.0.4',
  },
  {
    args: ['--files-from', '$L/list', '--exclude', '**.py'],
    list: 'project/b.py\nproject/a.txt\nhard/one\n',
    only: '3.0.4',
  },
  { args: ['--null-separator', '--files-from', '$L/list'], list: 'hard/two\0project\0', only: '3.0.4' },
  { args: ['--filter-regexp', '--exclude', '/names/.*e', '--filter-globbing', '--exclude', '$R/sizes'], only: '3.0.4' },
  { args: ['--filter-literal', '--exclude', '$R/project', '--exclude', '$R/*'], only: '3.0.4' },
  {
    args: ['--filter-ignorecase', '--exclude', '**/PROJECT/**', '--filter-strictcase', '--exclude', '**/HARD'],
    only: '3.0.4',
  },
  { args: ['--filter-ignorecase', '--filter-literal', '--include', '$R/PROJECT/S', '--exclude', '$R'], only: '3.0.4' },
  // What is refused.
  { args: ['--exclude', 'foo'], code: 14 },
  { args: ['--exclude', './a'], code: 14 },
  { args: ['--exclude', '$R//a'], code: 15 },
  { args: ['--include', '$R/a'], code: 16 },
  { args: ['--exclude', '$R/a', '--include', '**'], code: 16 },
  { args: ['--exclude-filelist', '$L/list'], list: '$R/a\n/elsewhere\n', code: 14 },
  { args: ['--exclude-filelist', '$L/list'], list: '- $R/a\n+ $R/b\n', code: 16 },
  { args: ['--exclude-filelist', '$L/none'], code: { '0.8.22': 7, '3.0.4': 23 } },
  { args: ['--exclude', '$R/[z-a]'], code: 30 },
  { args: ['--exclude-regexp', '['], code: 30 },
  { args: ['--exclude', ''], code: { '0.8.22': 30, '3.0.4': 23 } },
  { args: ['--exclude-older-than', 'yesterday'], code: usage },
  { args: ['--files-from', '$L/list'], list: '/absolute\n', code: { '0.8.22': 2, '3.0.4': 72 } },
  { args: ['--files-from', '$L/list'], list: '\n', code: { '0.8.22': 2, '3.0.4': 73 } },
  { args: ['--filter-globbing', '--exclude', '$R/a'], code: { '0.8.22': 2, '3.0.4': 70 } },
  { args: ['--exclude', '$R/a', '--filter-regexp'], code: { '0.8.22': 2, '3.0.4': 71 } },
  { args: ['--exclude-device'], code: 0, root: true },
  { args: ['--include-if-present', 'x'], code: usage },
]

// In the long run every set of options is tried with both versions; in the short run a sample, another with each.
const all = Boolean(process.env['COALMINE_LONG'])
const mayMount = process.getuid?.() === 0 && peer('mount').available && peer('mknod').available

let folder = ''
let source = ''
let mounted = ''

beforeAll(async () => {
  folder = await tempDir('chosen')
  source = join(folder, 'source')
  // Times before 1970 and modes that nobody may read are other tests' concern.
  await nastyTree(source, { without: ['times-before-1970'] })
  for (const name of ['project/s', 'marked/deep', 'linked', 'mounted'])
    mkdirSync(join(source, name), { recursive: true })
  for (const name of [
    'project/a.txt',
    'project/b.py',
    'project/s/c.py',
    'marked/.nobackup',
    'marked/x',
    'marked/deep/y',
  ])
    writeFileSync(join(source, name), name)
  symlinkSync('../project/s', join(source, 'linked/to-s'))
  symlinkSync('../project/b.py', join(source, 'linked/to-file'))
  symlinkSync('nowhere', join(source, 'linked/dangling'))
  utimesSync(join(source, 'project/b.py'), 1_000_000_000, 1_000_000_000)
  if (!mayMount) return
  mounted = join(source, 'mounted')
  await run(['mount', '-t', 'tmpfs', 'tmpfs', mounted], { check: true })
  writeFileSync(join(mounted, 'file'), 'on another file system')
})

afterAll(async () => {
  if (mounted !== '') await run(['umount', mounted], { check: true })
})

/** A program and its runs, one after the other: of the real one many in one start of its world. */
interface Done {
  readonly code: number
  readonly said: string
}

const fill = (words: readonly string[], lists: string) =>
  words.map((word) => word.replaceAll('$R', source).replaceAll('$L', lists))

/** Runs the real program once for each line of arguments, in one world; an exit code and what was said for each. */
async function theirs(version: DuplicityVersion, runs: readonly (readonly string[])[], own: string): Promise<Done[]> {
  const home = await duplicityHome()
  mkdirSync(own, { recursive: true })
  const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`
  const script = runs.map(
    (words, at) => `duplicity ${words.map(quote).join(' ')} >${own}/${at}.out 2>${own}/${at}.err; echo $?`,
  )
  const file = join(own, 'script')
  writeFileSync(file, `${script.join('\n')}\n`)
  const { stdout } = await run(inWorldOf(version, ['sh', file], { see: mounted === '' ? [] : [mounted] }), {
    env: duplicityEnv(home),
    check: true,
    timeoutMs: 900_000,
  })
  const codes = stdout.toString().trim().split('\n')
  return runs.map((_, at) => ({
    code: Number(codes[at]),
    said: ['out', 'err']
      .map((name) => readFileSync(join(own, `${at}.${name}`), 'latin1'))
      .join('')
      .slice(-1500),
  }))
}

/** What an archive holds, with all that is known of it. */
async function held(storage: string): Promise<string[]> {
  const name = readdirSync(storage).find((one) => one.endsWith('.sigtar.gz'))
  const lines: string[] = []
  if (name === undefined) return lines
  const bytes = gunzipSync(readFileSync(join(storage, name)))
  for await (const entries of readSigTar(fromBytes(bytes).open(), { signatures: false })) {
    for (const { path, meta, action } of entries) lines.push(JSON.stringify([path, action, meta]))
  }
  return lines
}

/** What the real program lists of an archive, without the lines before. */
function listing(own: string, at: number): string {
  const text = readFileSync(join(own, `${at}.out`), 'latin1')
  return text.slice(text.indexOf('\n', text.indexOf('Last full backup date: ')) + 1)
}

describe.each(versions)('duplicity %s and ours choose the same:', (version) => {
  const chosen = rows.filter(
    ({ only, root }, at) =>
      (only ?? version) === version && (root !== true || mayMount) && (all || at % 8 === 4 * versions.indexOf(version)),
  )

  itWith(
    [duplicityPeer(version)],
    `${chosen.length} sets of options, and what is refused`,
    async () => {
      const world = join(folder, version)
      const cases = chosen.map(({ args, list, code = 0 }, at) => {
        const lists = join(world, `lists${at}`)
        mkdirSync(lists, { recursive: true })
        if (list !== undefined) writeFileSync(join(lists, 'list'), list.replaceAll('$R', source))
        const wanted = typeof code === 'number' ? code : code[version]
        return { words: fill(args, lists), code: wanted, name: args.join(' ') }
      })
      const storageOf = (by: string, at: number) => join(world, by, String(at))
      for (const by of ['theirs', 'ours'])
        for (const at of cases.keys()) mkdirSync(storageOf(by, at), { recursive: true })
      const full = ({ words }: { words: readonly string[] }, by: string, at: number) => [
        ...['full', '--no-encryption', '--no-print-statistics', '--current-time', '1700000000', '-v0'],
        ...['--archive-dir', join(world, `cache-${by}`), '--name', String(at)],
        ...words,
        ...[source, `file://${storageOf(by, at)}`],
      ]
      const real = theirs(
        version,
        cases.map((one, at) => full(one, 'theirs', at)),
        join(world, 'runs'),
      )
      const mine: Done[] = []
      for (const [at, one] of cases.entries()) {
        const result = await coalmine([...full(one, 'ours', at), ...compatOf(version)])
        mine.push({ code: result.code ?? -1, said: said(result) })
      }
      const wrong: string[] = []
      const outcomes = new Set<string>()
      for (const [at, { code, name }] of cases.entries()) {
        const [a, b] = [(await real)[at]!, mine[at]!]
        const lines = [await held(storageOf('theirs', at)), await held(storageOf('ours', at))] as const
        const same = a.code === code && b.code === code && lines[0].join('\n') === lines[1].join('\n')
        const outcome = same ? 'same' : 'different'
        const direction = 'coalmine-to-duplicity'
        recordCase({ version, direction, encryption: 'none', volsize: 200, outcome, name: `chosen by ${name}` })
        outcomes.add(lines[0].join('\n'))
        if ((code === 0) !== lines[0].length > 0)
          wrong.push(`${name}: nothing was written, or something in spite of it`)
        if (same) continue
        const at0 = lines[0].findIndex((line, index) => line !== lines[1][index])
        const differing = `theirs ${lines[0][at0]}, ours ${lines[1][at0 < 0 ? lines[0].length : at0]}`
        wrong.push(
          `${name}: expected ${code}, theirs ${a.code}, ours ${b.code}; first: ${differing}\n${a.said}\n${b.said}`,
        )
      }
      expect(wrong.join('\n')).toBe('')
      // They are not all alike.
      expect(outcomes.size).toBeGreaterThan(cases.length / 2)
      if (!all) return
      const listings: string[][] = []
      for (const by of ['theirs', 'ours']) {
        const taken = [...cases.keys()].filter((at) => cases[at]!.code === 0)
        const words = (at: number) => [
          ...[
            'list-current-files',
            '--no-encryption',
            '--archive-dir',
            join(world, `again-${by}`),
            '--name',
            String(at),
          ],
          `file://${storageOf(by, at)}`,
        ]
        const own = join(world, `list-${by}`)
        await theirs(version, taken.map(words), own)
        listings.push(taken.map((_, at) => listing(own, at)))
      }
      expect(listings[1]).toEqual(listings[0])
    },
    1_800_000,
  )
})
