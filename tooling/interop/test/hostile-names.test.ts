import { run } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { hostile } from './hostile-case.ts'
import { set } from './hostile-world.ts'
import { deleted, file, folder, member, part, pax, pythonTar, root } from './hostile-tar.ts'

// Names that lead elsewhere, or that no file can have. The real program refuses the first kind too, and dies of it.

const before = file('before', 'good')
const refused = {
  whoeverRestores: true,
  code: 30,
  says: /its name leads out of the tree$/,
  restored: { before: 'file good' },
}

describe('a name that leads out', () => {
  for (const [name, stored] of [
    ['../outside/new', 'gzip'],
    ['../../outside/secret', 'plain'],
    ['sub/../../../outside/new', 'gzip'],
    ['sub/..', 'gzip'],
    ['..', 'gzip'],
    ['sub/../../../outside/sub', 'gpg'],
    ['/etc/coalmine-was-here', 'gzip'],
    ['sub//new', 'gzip'],
    ['./new', 'gzip'],
    ['sub/./new', 'gzip'],
  ] as const) {
    hostile(`"${name}" is refused, with all that comes after it`, {
      sets: () => [set(root(), before, member(`snapshot/${name}`, { data: 'ours', mode: 0o777 }), file('z'))],
      stored,
      ...refused,
      whoeverRestores: name !== '../outside/new',
    })
  }

  hostile('of a folder, a link, a pipe or a device is refused as that of a file', {
    sets: () => [set(root(), before, folder('../../outside', { mode: 0o777 }))],
    ...refused,
  })

  hostile('in what was deleted is refused', {
    sets: () => [set(root(), file('before', 'good')), set(root(), before, deleted('../../outside/secret'))],
    ...refused,
    says: /out of the tree$/,
  })

  hostile('in what was changed is refused', {
    sets: () => [set(root(), file('before', 'good')), set(root(), before, member('diff/../../outside/secret'))],
    ...refused,
  })

  hostile('in a piece of a large file is refused', {
    sets: () => [set(root(), before, part('../../outside/new', 1, 'ours'), part('../../outside/new', 2, 'ours'))],
    ...refused,
  })

  hostile("that is absolute and in nobody's care is refused", {
    sets: ({ outside }) => [set(root(), before, member(`${outside}/new`, { data: 'ours' }))],
    code: 30,
    says: /no member of type "0" is called that$/,
    whoeverRestores: true,
    restored: { before: 'file good' },
  })

  hostile('in the long form of GNU is refused', {
    sets: () => [set(root(), before, member(`snapshot/${'sub/'.repeat(40)}${'../'.repeat(42)}outside/new`))],
    ...refused,
    says: /its name leads out of the tree$/,
  })

  hostile('in the prefix field of POSIX is refused', {
    sets: () => [set(root(), before, member('outside/new', { prefix: 'snapshot/../..', data: 'ours' }))],
    ...refused,
  })

  hostile('in a header ahead of a harmless one is refused', {
    sets: () => [set(root(), before, pax('x', { path: 'snapshot/../../outside/new' }), file('harmless'))],
    ...refused,
  })

  hostile('in a header for all that follows is refused', {
    sets: () => [set(root(), before, pax('g', { path: 'snapshot/../../outside/new' }), file('harmless'))],
    ...refused,
  })

  hostile('cut short by a NUL is refused', {
    sets: () => [set(root(), before, pax('x', { path: 'snapshot/new\0/../../outside' }), file('harmless'))],
    ...refused,
    says: /its pax path holds a NUL$/,
  })

  for (const format of ['GNU', 'PAX', 'USTAR'] as const) {
    hostile(`that the library of the real program wrote is refused, as ${format}`, {
      needs: ['python3'],
      sets: async () => [
        set(
          await pythonTar(format, [
            { name: 'snapshot/./', type: '5', mode: 0o755 },
            { name: 'snapshot/before', data: 'good' },
            { name: 'snapshot/sub/../../outside/\xfcnew', data: 'ours' },
          ]),
        ),
      ],
      ...refused,
    })
  }
})

describe('a name that no file can have', () => {
  const long = 'n'.repeat(256)

  hostile('because a part of it is too long is left out, and the rest restored', {
    sets: () => [set(root(), before, file(long), folder(`${long}/x`), file(`${long}/x/y`), file('z', 'good'))],
    problems: 3,
    warns: [/name too long/],
    restored: { before: 'file good', z: 'file good' },
  })

  hostile('in full, though all its parts can, is one all the same', {
    sets: () => [set(root(), before, file(`${`${'d'.repeat(200)}/`.repeat(30)}f`, 'deep'), file('z', 'good'))],
    async restored(world) {
      const { stdout } = await run(['find', world.target, '-type', 'f', '-printf', '%d %s\n'], { check: true })
      expect(stdout.toString().split('\n').sort()).toEqual(['', '1 4', '1 4', '31 4'])
      await run(['rm', '-rf', world.target], { check: true })
    },
  })

  hostile('ten thousand folders deep costs no more than its length', {
    sets: () => [
      set(
        root(),
        before,
        file(`${'d/'.repeat(10_000)}f`, 'deep'),
        file(`${'d/'.repeat(5000)}g`, 'less'),
        file(`${'d/'.repeat(9000)}h`, 'more'),
        file('z', 'good'),
      ),
    ],
    async restored(world) {
      const { stdout } = await run(['find', world.target, '-type', 'f', '-printf', '%d %f\n'], { check: true })
      expect(stdout.toString().split('\n').sort()).toEqual(['', '1 before', '1 z', '10001 f', '5001 g', '9001 h'])
      await run(['rm', '-rf', world.target], { check: true })
    },
  })

  hostile('longer than any header may be is refused', {
    sets: () => [set(root(), before, file(`${'d/'.repeat(600_000)}f`), file('z'))],
    code: 30,
    says: /over the limit of 1048576$/,
    whoeverRestores: true,
    restored: { before: 'file good' },
  })
})

describe('a name that only looks odd', () => {
  const odd = [
    '\x01\x1b[31mred\x07',
    ' ',
    '#',
    '-rf',
    '...',
    '.coalmine-0123456789abcdef-1',
    '~',
    'a\nb',
    'a\\b',
    'a\rb',
    'lpt1:',
    '\x80\xfe\xff',
    '\xc3',
    '\xe2\x80\xae gpj.exe',
    '\xef\xbb\xbf',
  ]

  hostile('is restored byte by byte', {
    sets: () => [set(root(), ...odd.map((name) => file(name, name)))],
    restored: Object.fromEntries(odd.map((name) => [name, `file ${name}`])),
  })

  // On a file system that folds case, or writes letters its own way, the second of two would be told as in the way, and
  // nothing of the first be lost. Linux's keep both.
  hostile('as another but for its case, or the way its letters are put together, is another', {
    sets: () => [
      set(
        root(),
        file('A', '1'),
        file('a', '2'),
        file('e\xcc\x81', '3'),
        file('\xc3\x84', '4'),
        file('\xc3\xa4', '5'),
        file('\xc3\xa9', '6'),
      ),
    ],
    restored: {
      A: 'file 1',
      a: 'file 2',
      'e\xcc\x81': 'file 3',
      '\xc3\x84': 'file 4',
      '\xc3\xa4': 'file 5',
      '\xc3\xa9': 'file 6',
    },
  })
})
