import * as fc from 'fast-check'
import type { SelectionOption } from '../src/index.ts'
import type { Case, Entry } from './model.ts'

/** Bytes of text, one char each. */
function bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 's', 'ab', 'a.txt', 'b.py', 'A', '.h', 'c d', 'aa', 'ba') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'a\n',
      '\nb',
      'x[1]',
      '*',
      '?',
      '-',
      'a-b',
      '^',
      '!',
      ']',
      '[',
      'back\\a',
      '#a',
      "'a'",
      ' a',
      'a ',
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('ü', 'Ü', 'ß', 'SS', 'ſ', 'İ', 'ı', 'Σ', 'ς', '😀', 'ﬅ', '\u00e4x', 'K', '\u{10400}', '\u{10428}')
      .map(bytes),
  },
  { weight: 1, arbitrary: fc.constantFrom('\xff', 'a\xffb', '\xc3', '\xed\xa0\x80', '\xf0\x9f') },
)

const kind = fc.oneof(
  { weight: 12, arbitrary: fc.constant('file' as const) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'symlink' as const,
      'fifo' as const,
      'socket' as const,
      'character-device' as const,
      'block-device' as const,
    ),
  },
)

/** Paths to their entries; folders are what has something in it, and a few that are empty. */
const tree: fc.Arbitrary<Entry[]> = fc
  .array(fc.tuple(fc.array(name, { minLength: 1, maxLength: 4 }), kind, fc.nat(9), fc.boolean(), fc.boolean()), {
    minLength: 2,
    maxLength: 14,
  })
  .map((leaves) => {
    const entries = new Map<string, Entry>()
    for (const [components, leaf, chance, old, away] of leaves) {
      for (let depth = 1; depth <= components.length; depth++) {
        const path = components.slice(0, depth).join('/')
        const isLeaf = depth === components.length
        const known = entries.get(path)
        const device = away && chance === 0 ? 2 : 1
        const mtimeSeconds = old ? 900 : 1100
        if (!isLeaf) entries.set(path, { path, kind: 'directory', device, mtimeSeconds })
        else if (known === undefined)
          entries.set(path, { path, kind: chance === 1 ? 'directory' : leaf, device, mtimeSeconds })
      }
    }
    return [...entries.values()]
  })

const root = fc.oneof(
  { weight: 5, arbitrary: fc.constant('/r') },
  { weight: 2, arbitrary: fc.constantFrom('/a/b', '.', 'a', '/', '/R/Aa', './a//b/', '/a/..') },
  { weight: 1, arbitrary: fc.constantFrom('/r\n', '/[x]', '/ü', '/\xff', 'a*', '/r.', '//r') },
)

/** How a component of a pattern is made of one of a path. */
const blur = fc.constantFrom(
  ...[
    'same',
    'same',
    'same',
    'same',
    '*',
    '**',
    '?',
    'first?',
    'tail*',
    'tail**',
    '*tail',
    '**tail',
    'class',
    'not',
    'range',
    'open',
  ],
  ...['cut', 'upper', '', '.', 'class/', '***', 'first*last', 'caret', 'brackets', 'minus'],
)

/** The letters of ASCII in upper case: bytes stay bytes. */
function upper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

function blurred(component: string, how: string): string {
  const [first = 'a', ...rest] = component
  const tail = rest.join('')
  switch (how) {
    case 'same':
      return component
    case 'first?':
      return `?${tail}`
    case 'tail*':
      return `${first}*`
    case 'tail**':
      return `${first}**`
    case '*tail':
      return `*${component.at(-1)}`
    case '**tail':
      return `**${component.at(-1)}`
    case 'first*last':
      return `${first}*${component.at(-1)}`
    case 'class':
      return `[${first}x]${tail}`
    case 'not':
      return `[!${first}]${tail}`
    case 'caret':
      return `[^x${first}]${tail}`
    case 'range':
      return `[a-c]${tail}`
    case 'minus':
      return `[+--a-]${tail}`
    case 'open':
      return `${component}[`
    case 'brackets':
      return `[]${first}]${tail}`
    case 'class/':
      return `[${first}/b]${tail}`
    case 'cut':
      return first
    case 'upper':
      return upper(component)
    default:
      return how
  }
}

const soup = fc
  .array(
    fc.constantFrom(
      '/',
      'a',
      'b',
      '*',
      '**',
      '?',
      '[',
      ']',
      '!',
      '^',
      '-',
      '\\',
      '.',
      's',
      '\n',
      '[ab]',
      '/r',
      '\xff',
      '{',
      ' ',
    ),
    {
      maxLength: 9,
    },
  )
  .map((parts) => parts.join(''))

function canonical(typed: string): string {
  const joined = typed
    .split('/')
    .filter((each) => each !== '' && each !== '.')
    .join('/')
  return typed.startsWith('/') ? `/${joined}` : joined || '.'
}

/** What the options of one case have in common. */
interface Setting {
  root: string
  paths: readonly string[]
  nul: boolean
  compat: '0.8' | '3'
  /** Nothing that stops the real program, and few rules that take everything: so that rules meet each other. */
  tame: boolean
}

/** One of them, each as likely as its number says. */
function weighted<T>(...choices: readonly [weight: number, ...values: T[]][]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, ...values]) => ({ weight, arbitrary: fc.constantFrom(...values) })))
}

/** A glob that has something to do with the tree. */
function glob({ root, paths, tame }: Setting): fc.Arbitrary<string> {
  const start = canonical(root)
  const prefix = start === '/' ? '/' : `${start}/`
  const how = tame
    ? fc.oneof(
        fc.constant('same'),
        blur.filter((each) => each !== ''),
      )
    : blur
  const inside = fc
    .tuple(fc.constantFrom(...paths), fc.array(how, { minLength: 4, maxLength: 4 }), fc.nat(4))
    .map(([path, hows, cut]) => {
      const components = path.split('/').map((component, i) => blurred(component, hows[i] ?? 'same'))
      return components.slice(0, cut === 0 ? 1 : components.length).join('/')
    })
  const odd = ['', '/', './', '*', '/*', '/*/', `${prefix}/`, `${start}*`, upper(prefix)]
  const begin = weighted(
    [16, prefix],
    [4, '**', '**/'],
    [1, `${prefix}**/`, `${prefix}**`, `${prefix}*/`],
    ...(tame ? [] : [[1, ...odd] as [number, ...string[]]]),
  )
  const end = tame
    ? weighted([8, ''], [2, '/'], [1, '/**', '/*', '*'])
    : weighted([8, ''], [2, '/'], [1, '/**', '//', '/*', '*', '\n'])
  const whole = fc.tuple(begin, inside, end).map((parts) => parts.join(''))
  const mixed = fc.oneof(
    { weight: 20, arbitrary: whole },
    {
      weight: tame ? 1 : 3,
      arbitrary: fc.constantFrom('**', start, prefix, `${prefix}*`, `${prefix}**`, '**/', `${prefix}**/`),
    },
    { weight: tame ? 0 : 1, arbitrary: fc.oneof(soup, fc.constantFrom('/', '*')) },
    {
      weight: 1,
      arbitrary: soup
        .filter((each) => !tame || !(each.startsWith('/') || each.includes('//')))
        .map((each) => `${prefix}${each}`),
    },
  )
  // 0.8 finds globs without letter case under a lower case root only.
  const spelling = weighted([12, ''], [1, 'ignorecase:', 'IgnoreCase:'])
  return fc
    .tuple(spelling, mixed, fc.boolean())
    .map(([spelling, text, shout]) => spelling + (spelling !== '' && shout && !tame ? upper(text) : text))
}

const piece = fc.constantFrom(
  'a',
  'b',
  '\\.',
  'txt',
  '/',
  '.',
  '.*',
  '$',
  '^',
  '(?:a|b)',
  '[ab]',
  '[^/]+',
  's',
  '\\w',
  '\\b',
  'py$',
  'a?',
  '/[^/]$',
)
const wildPiece = fc.constantFrom('+', '(?i)', '|', '/r/', '(', '\\1')

function regexp(tame: boolean): fc.Arbitrary<string> {
  const pieces = tame ? piece : fc.oneof({ weight: 5, arbitrary: piece }, { weight: 1, arbitrary: wildPiece })
  return fc.array(pieces, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''))
}

/** What some people write into lists. */
function filelist(pattern: fc.Arbitrary<string>, { nul, tame }: Setting): fc.Arbitrary<string> {
  const sign = weighted([3, ''], [4, '+ ', '- '], ...(tame ? [] : [[1, '-', '+  ', ' - '] as [number, ...string[]]]))
  const dress = weighted<(text: string) => string>(
    [8, (text) => text],
    [1, (text) => `"${text}"`, (text) => `'${text}'`, () => '', () => "'", (text) => `# ${text}`],
    ...(tame
      ? []
      : [
          [1, (text: string) => ` ${text}\t`, (text: string) => `${text}\xc2\xa0`] as [
            number,
            ...((text: string) => string)[],
          ],
        ]),
  )
  const record = fc
    .tuple(sign, pattern, dress)
    .map(([sign, text, dress]) => (dress === undefined ? '' : sign + dress(nul ? text : text.replaceAll('\n', ''))))
  const ending = nul ? fc.constant('\0') : weighted([3, '\n'], [1, '\r\n', '\r'])
  return fc
    .array(fc.tuple(record, ending), { maxLength: 5 })
    .map((lines) => lines.flat().join(''))
    .chain((text) => fc.constantFrom(text, text.slice(0, -1)))
}

const simple = [
  'exclude-device-files',
  'exclude-other-filesystems',
  'exclude-if-present',
  'exclude-older-than',
] as const
const filters = [
  'filter-globbing',
  'filter-literal',
  'filter-regexp',
  'filter-ignorecase',
  'filter-strictcase',
] as const
const lists = ['filelist', 'filelist', 'globbing-filelist', 'filelist-stdin'].flatMap((each) => [
  `include-${each}`,
  `exclude-${each}`,
])

function option(setting: Setting): fc.Arbitrary<SelectionOption> {
  const { paths, nul, compat, tame } = setting
  const pattern = glob(setting)
  const choices: fc.WeightedArbitrary<SelectionOption>[] = [
    {
      weight: 24,
      arbitrary: fc.tuple(fc.constantFrom('include', 'exclude'), pattern).map(([option, value]) => ({ option, value })),
    },
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.constantFrom('include-regexp', 'exclude-regexp'), regexp(tame))
        .map(([option, value]) => ({ option, value })),
    },
    {
      weight: 12,
      arbitrary: fc
        .tuple(fc.constantFrom(...lists), filelist(pattern, setting))
        .map(([option, content]) => ({ option, value: 'list', content })),
    },
    {
      weight: 6,
      arbitrary: fc
        .constantFrom(...simple)
        .chain((option) =>
          option === 'exclude-if-present'
            ? fc.constantFrom('a', 's', 'a.txt', 'b').map((value): SelectionOption => ({ option, value }))
            : fc.constant<SelectionOption>(option === 'exclude-older-than' ? { option, value: '1000' } : { option }),
        ),
    },
  ]
  if (compat === '3') {
    choices.push({ weight: 8, arbitrary: fc.constantFrom(...filters).map((option) => ({ option })) })
    const line = weighted([8, ...paths], [1, 'nowhere', 'a/b', 'a/b/a', 'ab/s', '', '#a', ...(tame ? [] : ['/a'])])
    const content = fc.array(line, { minLength: 1, maxLength: 6 }).map((lines) => lines.join(nul ? '\0' : '\n'))
    choices.push({ weight: 3, arbitrary: content.map((content) => ({ option: 'files-from', value: 'list', content })) })
  }
  return fc.oneof(...choices)
}

/** Trees and the options with which they are walked; two thirds of them without anything that stops the real program. */
export function cases(compat: '0.8' | '3'): fc.Arbitrary<Case> {
  return fc.tuple(root, tree, fc.nat(9), fc.nat(2)).chain(([root, tree, chance, wildness]) => {
    const tame = wildness > 0
    const setting: Setting = { root, nul: chance === 0, paths: tree.map(({ path }) => path), compat, tame }
    const all: SelectionOption[] = [{ option: 'exclude', value: `${canonical(root)}/*`.replace('//', '/') }]
    const everything: SelectionOption[] = [{ option: 'exclude', value: '**' }]
    // So that the last rule is no include, and no filter is the last option or alone.
    const last: SelectionOption[] = [{ option: 'exclude-other-filesystems' }]
    const filter: SelectionOption[] =
      compat === '3' ? [{ option: 'filter-ignorecase' }, { option: 'filter-strictcase' }] : []
    const end = tame
      ? fc.constantFrom(last, last, [...last, ...all], everything)
      : fc.constantFrom([], [], everything, all)
    return fc.tuple(fc.array(option(setting), { minLength: 1, maxLength: 6 }), end).map(([options, last]) => {
      const filtered = options.some(({ option }) => option.startsWith('filter-'))
      const start: SelectionOption[] = setting.nul ? [{ option: 'null-separator' }] : []
      return { root, tree, options: [...start, ...(tame && filtered ? filter : []), ...options, ...last] }
    })
  })
}
