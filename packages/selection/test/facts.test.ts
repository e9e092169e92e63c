import { readFileSync } from 'node:fs'
import { itWith } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import type { SelectionErrorCode, SelectionOption } from '../src/index.ts'
import { type Case, type Entry, select } from './model.ts'
import { askReal, selectionPeer, type Version } from './oracle/duplicity.ts'

// facts.jsonl: what was seen when the real programs were run with these options: number, tree, source, options (name, argument,
// content of the list), what was selected (0.8 and 3.x), what 3.x selects where it differs.
type Row = [
  id: string,
  tree: string,
  source: string | null,
  options: [option: string, value?: string | null, content?: string][],
  expected: string | { exit: number },
  expected3?: string | { exit: number },
]

const rows = readFileSync(new URL('facts.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

const bytes = (text: string): string =>
  Buffer.from(text.replaceAll('\\xff', '\u{fffff}'), 'utf8')
    .toString('latin1')
    .replaceAll('\u00f3\u00bf\u00bf\u00bf', '\u00ff')

const entries = (kind: Entry['kind'], ...paths: string[]): Entry[] => paths.map((path) => ({ path: bytes(path), kind }))
const folders = (...paths: string[]): Entry[] => entries('directory', ...paths)
const files = (...paths: string[]): Entry[] => entries('file', ...paths)

const trees: Record<string, Entry[]> = {
  T1: [
    ...folders('a', 'a/s', 'b', 'b/x', 'b/x/y', 'e'),
    ...files('a/a.txt', 'a/b.py', 'a/s/a.txt', 'a/s/c.py', 'b/a.txt', 'b/x/y/z.txt', 'c.txt', 'd.py'),
  ],
  T2: [
    ...folders('.hid', 'CaseDir', 'c d', 'foo.d'),
    ...files(
      ' lead',
      '#hash',
      '+ plus',
      '-dash',
      '.dot',
      '.hid/h',
      'CaseDir/File.TXT',
      'back\\slash',
      'c d/e f.txt',
      'foo',
    ),
    ...files(
      'foo.d/bar',
      'foo.d/foo',
      'foobar',
      'nl\n',
      'nl\nx',
      'non\\xff',
      'star*name',
      'starXname',
      'tilde~',
      'x1.txt',
    ),
    ...files('x[1].txt', '{a,b}', 'ünï.txt'),
  ],
  T3: [
    ...entries('block-device', 'blk'),
    ...entries('character-device', 'chr'),
    ...entries('fifo', 'fifo'),
    ...entries('socket', 'sock'),
    ...entries('symlink', 'ldang', 'ldir', 'lfile'),
    ...['mnt', 'mnt/md'].map((path): Entry => ({ path, kind: 'directory', device: 2 })),
    ...['mnt/m', 'mnt/md/x'].map((path): Entry => ({ path, kind: 'file', device: 2 })),
    ...folders('nob', 'nob/deep', 'part', 'real'),
    ...files('nob/.nobackup', 'nob/n1', 'nob/deep/n2', 'olddir/newf', 'part/p', 'real/r.txt'),
    { path: 'old.txt', kind: 'file', mtimeSeconds: 1_000_000_000 },
    { path: 'olddir', kind: 'directory', mtimeSeconds: 1_000_000_000 },
  ],
  T4: [...folders('Sub'), ...files('Sub/F', 'g')],
}

/** Names are separated by commas, quoted where they have blanks, and the odd characters are written as in C. */
function names(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|((?:[^ ,]|,(?! ))+)/g)].map(([, quoted, plain]) =>
    bytes((quoted ?? plain ?? '').replaceAll(/\\n(?=x?$)/g, '\n')),
  )
}

function caseOf([id, tree, source, options]: Row): Case {
  // C02 wants a root with "data" in it, and only that of T4 has a capital.
  const root = tree === 'T4' ? '/data/T4' : `/data/${tree.toLowerCase()}`
  const filled = (text: string): string => bytes(text.replaceAll('$R', root).replaceAll('PARENT', '/data'))
  const isFile = id === 'F36' || id === 'F38'
  return {
    root: filled(source ?? '$R'),
    tree: isFile || id === 'F37' ? [] : (trees[tree] ?? []),
    options: options.map(([option, value, content]): SelectionOption => {
      const time = option === 'exclude-older-than' ? String(value === '3D' ? 1_600_000_000 : 1_262_304_000) : undefined
      return {
        option,
        value: time ?? filled(value ?? ''),
        content: content === undefined ? undefined : filled(content),
      }
    }),
  }
}

function selected(given: Case, expected: string): string[] {
  const all = given.tree.filter(({ kind }) => kind !== 'socket').map(({ path }) => path)
  if (expected === 'root only') return []
  if (expected === 'ALL') return all
  if (!expected.startsWith('ALL − ')) return names(expected)
  const without = new Set(names(expected.slice('ALL − '.length)))
  return all.filter((path) => !without.has(path))
}

const codes: Record<number, SelectionErrorCode[]> = {
  14: ['not-under-root'],
  15: ['double-slash'],
  16: ['redundant-include'],
  23: ['empty-pattern'],
  30: ['empty-pattern', 'bad-range', 'bad-regexp'],
  70: ['redundant-filter'],
  71: ['trailing-filter'],
  72: ['absolute-files-from'],
  73: ['empty-files-from'],
}

// What is done better than the real program: lists that are not UTF-8 are read, the old names of lists are still known, and
// names from --files-from are tidied.
const better: Record<string, string> = {
  E41: 'ALL − non\\xff',
  D35: 'ALL − c.txt',
  D36: 'a, a/a.txt, a/b.py, a/s, a/s/a.txt, a/s/c.py',
  D37: 'ALL − a, a/a.txt, a/b.py, a/s, a/s/a.txt, a/s/c.py',
  G30: 'c.txt',
  G31: 'a',
}

const is3 = ([id]: Row): boolean => id.startsWith('G')
const sorted = (paths: readonly string[]): string[] => [...paths].sort()

describe.each(['0.8', '3'] as const)('compileSelection() with the rules of %s selects what was seen', (compat) => {
  for (const row of rows) {
    if (compat === '0.8' && is3(row)) continue
    const [id, , , options, expected08, expected3 = expected08] = row
    const expected = better[id] ?? (compat === '3' ? expected3 : expected08)
    it(`${id}: ${options.map((words) => `--${words.filter((word) => word != null).join(' ')}`).join(' ')}`, () => {
      const given = caseOf(row)
      const answer = select(given, { compat })
      if (typeof expected === 'string') {
        expect('paths' in answer ? sorted(answer.paths) : answer).toEqual(sorted(['', ...selected(given, expected)]))
      } else {
        expect(codes[expected.exit]).toContain('error' in answer ? answer.error : answer)
      }
    })
  }
})

// That the table is right, and the way of asking the real program in bulk, too.
describe.each(['0.8.22', '3.0.4'] as const)('duplicity %s itself', (version: Version) => {
  itWith(selectionPeer(version), 'gives the same answers when it is asked in bulk', async () => {
    const asked = rows.filter((row) => {
      const [id, , , options] = row
      const isGone = version === '3.0.4' && options.some(([option]) => /globbing|stdin/.test(option))
      return !isGone && !(version === '0.8.22' && is3(row)) && !['A43', 'F36', 'F38'].includes(id)
    })
    const answers = await askReal(version, asked.map(caseOf))
    for (const [i, row] of asked.entries()) {
      const [id, , , , expected08, expected3 = expected08] = row
      const expected = version === '3.0.4' ? expected3 : expected08
      const answer = answers[i]
      const want =
        typeof expected !== 'string'
          ? expected.exit === 30
            ? { crash: expect.any(String) as string }
            : expected
          : { paths: sorted(['', ...selected(caseOf(row), expected)]) }
      expect(
        answer !== undefined && 'paths' in answer
          ? { paths: sorted(answer.paths.filter((path) => path !== '.')) }
          : answer,
        id,
      ).toEqual(want)
    }
  })
})
