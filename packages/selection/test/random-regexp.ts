import * as fc from 'fast-check'

const letter = fc.constantFrom(
  'a',
  'b',
  'c',
  'A',
  'k',
  's',
  'i',
  '1',
  '_',
  '/',
  '.',
  ' ',
  '-',
  '\n',
  'ü',
  'ſ',
  'K',
  'ı',
  'İ',
  'ß',
  'é',
  '😀',
  '\udcff',
  '\u2028',
)

/** Names with what regular expressions care about: words, lines, cases. None is empty, no file has no name. */
export const name = fc.array(letter, { minLength: 1, maxLength: 9 }).map((letters) => letters.join(''))

const atom = fc.oneof(
  { weight: 8, arbitrary: letter.map((each) => each.replace(/[.\-/ ]/, '\\$&')) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...['.', '\\w', '\\W', '\\d', '\\D', '\\s', '\\S', '\\.', '\\/', '\\n', '\\x61', '\\u0061'],
      ...[
        '\\U0001F600',
        '\\0',
        '\\061',
        '\\141',
        '\\t',
        '\\-',
        '\\ ',
        '{',
        '}',
        ']',
        'a{2',
        'a{,',
        '{}',
        '#',
        '(?#no)',
        '()',
        '(?:)',
        '\\udcff',
      ],
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[
        '[ab]',
        '[^ab]',
        '[a-k]',
        '[]a]',
        '[^]a]',
        '[\\d_]',
        '[^\\w]',
        '[\\S ]',
        '[a-]',
        '[-a]',
        '[\\]a]',
        '[\\n-a]',
        '[^/]',
        '[A-Z]',
        '[ſ]',
        '[^ſK]',
      ],
      ...[
        '[\\b]',
        '[\\x41-\\x43]',
        '[\\141]',
        '[a\\-c]',
        '[^\\n]',
        '[😀-😂]',
        '[a-😀]',
        '[.*+?^${}()|]',
        '[[]',
        '[\\1]',
        '[ı-ĸ]',
      ],
    ),
  },
)

const place = fc.constantFrom('^', '$', '$', '\\A', '\\Z', '\\b', '\\B')

const odd = fc.constantFrom(
  '*',
  '**',
  '+*',
  '?+',
  '{2}{3}',
  '[',
  '[]',
  '[z-a]',
  '[\\w-a]',
  '(',
  ')',
  '(?',
  '(?P',
  '(?P<a',
  '(?P<1>a)',
  '(?P<a>b)(?P<a>c)',
  '\\',
  '\\q',
  '\\8',
  '\\x6',
  '\\u00',
  '\\400',
  '(?z)',
  '(?-i)',
  '(?i-i:a)',
  '(?L)',
  '{3,2}',
  'a{99999999999}',
  '(?#',
  '(?au)',
  '(?a-:b)',
  '(?-a:b)',
  '\\U00110000',
  '(?)',
  '(?:',
  '|*',
  '(?iu)',
  '(?ims',
  '\\e',
)

const unsupported = fc.constantFrom(
  '(?=a)',
  '(?!b)',
  '(?<=a)',
  '(?<!b)',
  '(a)\\1',
  '(?P<n>a)(?P=n)',
  '(a)(?(1)b|c)',
  '(?>a)',
  'a*+',
  'a{2}+',
  '\\N{BULLET}',
)

const count = fc.constantFrom(
  '',
  '',
  '',
  '*',
  '+',
  '?',
  '*?',
  '+?',
  '??',
  '{2}',
  '{1,}',
  '{,2}',
  '{0,3}',
  '{2}?',
  '{,}',
  '{0}',
)

const grown = fc.letrec<{ expression: string; sequence: string; item: string; group: string }>((tie) => ({
  expression: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((options) => options.join('|')),
  sequence: fc
    .array(fc.oneof({ weight: 5, arbitrary: tie('item') }, { weight: 1, arbitrary: place }), { maxLength: 4 })
    .map((items) => items.join('')),
  item: fc
    .tuple(fc.oneof({ maxDepth: 3 }, { weight: 4, arbitrary: atom }, { weight: 1, arbitrary: tie('group') }), count)
    .map((parts) => parts.join('')),
  group: fc
    .tuple(
      fc.constantFrom('(', '(?:', '(?i:', '(?-i:', '(?s:', '(?m:', '(?a:', '(?x: ', '(?si-m:', '(?P<n>', '(?u:'),
      tie('expression'),
    )
    .map(([open, inside]) => `${open}${inside})`),
})).expression

const begin = fc.constantFrom('', '', '', '', '(?i)', '(?m)', '(?s)', '(?x)', '(?a)', '(?im)', '(?ai)', '(?i)(?s)')

/** Regular expressions: most are right, some have something in them that Python refuses, or that we do. */
export const expression = fc
  .tuple(
    begin,
    grown,
    fc.oneof(
      { weight: 8, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: odd },
      { weight: 1, arbitrary: unsupported },
    ),
    grown,
  )
  .map(([begin, first, middle, last]) => (middle === '' ? begin + first : begin + first + middle + last))
