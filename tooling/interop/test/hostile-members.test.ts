import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { hostile } from './hostile-case.ts'
import { changed, deleted, delta, file, folder, member, part, pax, root, symlink } from './hostile-tar.ts'
import { set } from './hostile-world.ts'

const before = file('before', 'good')

describe('members that contradict each other', () => {
  hostile('an entry twice: the first one stays, the second is told', {
    sets: () => [
      set(
        root(),
        file('a', 'first'),
        file('a', 'second'),
        folder('d'),
        folder('d', { mode: 0o700 }),
        file('z', 'good'),
      ),
    ],
    problems: 1,
    warns: [/Cannot write "a": something is there already/],
    restored: { a: 'file first', d: 'dir', z: 'file good' },
  })

  hostile('an entry twice with --force: the second one stays', {
    options: ['--force'],
    sets: () => [set(root(), file('a', 'first'), file('a', 'second'))],
    restored: { a: 'file second' },
  })

  hostile('a file, then a folder of that name, and a file again', {
    sets: () => [set(root(), file('a', 'first'), folder('a'), file('a/x'), file('a', 'second'), file('z', 'good'))],
    problems: 3,
    restored: { a: 'file first', z: 'file good' },
  })

  hostile('a folder, then a file of that name, and a folder again', {
    options: ['--force'],
    sets: () => [
      set(root(), folder('a'), file('a/x', 'in'), file('a'), folder('a'), file('a/y', 'in'), file('z', 'good')),
    ],
    problems: 1,
    warns: [/Cannot write "a": directory not empty/],
    restored: { a: 'dir', 'a/x': 'file in', 'a/y': 'file in', z: 'file good' },
  })

  hostile('what a folder holds before the folder, and nothing in order: all of it is restored', {
    sets: () => [
      set(
        file('z', 'good'),
        file('b/x', '1'),
        folder('b', { mode: 0o711 }),
        file('a', '2'),
        file('b/c/d', '3'),
        folder('b/c'),
        root(),
      ),
    ],
    restored: { z: 'file good', b: 'dir', 'b/x': 'file 1', a: 'file 2', 'b/c': 'dir', 'b/c/d': 'file 3' },
  })

  for (const [name, members] of [
    ['twice', [file('a', 'one'), file('a', 'two')]],
    ['out of order', [file('b', 'one'), file('a', 'two')]],
  ] as const) {
    hostile(`an entry ${name} in a set of a chain is refused: what the sets say cannot be put together`, {
      sets: () => [set(root(), before), set(root(), ...members)],
      code: 30,
      says: /^Cannot restore "a": it comes after "[ab]" in the same set$/,
      restored(world) {
        expect(lstatSync(world.target).isDirectory()).toBe(true)
      },
      whoeverRestores: true,
    })
  }
})

describe('members that say what cannot be', () => {
  hostile('sizes beyond the end are refused', {
    sets: () => [set(root(), before, file('a', 'short', { size: 2 ** 45 }))],
    code: 30,
    says: /the archive ends "\d+" bytes before the member does$/,
    restored: { before: 'file good' },
  })

  hostile('sizes below nothing are refused', {
    sets: () => [set(root(), before, file('a', 'x', { size: -1 }))],
    code: 30,
    says: /its size "-1" is negative$/,
    restored: { before: 'file good' },
    whoeverRestores: true,
  })

  hostile('a size in a header ahead that is not that of the member is believed, as everywhere', {
    sets: () => [set(root(), before, pax('x', { size: '99999999999999999999' }), file('a', 'x'))],
    code: 30,
    restored: { before: 'file good' },
    whoeverRestores: true,
  })

  hostile('times before 1970, and beyond what dates reach', {
    sets: () => [
      set(
        root(),
        file('a', '1', { mtime: -1 }),
        file('b', '2', { mtime: -(2 ** 31) }),
        file('c', '3', { mtime: 2 ** 40 }),
      ),
    ],
    restored(world) {
      expect(['a', 'b'].map((name) => lstatSync(join(world.target, name)).mtimeMs)).toEqual([-1000, -(2 ** 31) * 1000])
      return { a: 'file 1', b: 'file 2', c: 'file 3' }
    },
  })

  hostile('a header whose sum is wrong is refused', {
    sets: () => {
      const wrong = Buffer.from(file('a', 'x'))
      wrong[0]! ^= 1
      return [set(root(), before, wrong)]
    },
    code: 30,
    says: /its checksum does not match$/,
    restored: { before: 'file good' },
    whoeverRestores: true,
  })

  hostile('a folder or link with a body is restored without it', {
    sets: () => [
      set(root(), member('snapshot/d/', { type: '5', mode: 0o755, size: 0 }), symlink('l', 'x'), file('z', 'good')),
    ],
    restored: { d: 'dir', l: 'link x', z: 'file good' },
  })
})

describe('changes of nothing', () => {
  hostile('in a full set: changes are told, what was deleted is passed over', {
    sets: () => [set(root(), before, changed('m', delta('ours')), deleted('n'), file('z', 'good'))],
    problems: 1,
    warns: [/Error restoring m, left out: what its changes build on is missing/],
    restored: { before: 'file good', z: 'file good' },
  })

  hostile('in an increment: what is missing, was deleted, or is no file', {
    sets: () => [
      set(root(), file('a', 'x'), folder('d'), symlink('l', '../../outside/secret'), file('z', 'good')),
      set(root(), deleted('a'), changed('d', delta('ours')), changed('l', delta('ours')), changed('m', delta('ours'))),
      set(root(), changed('a', delta('ours'))),
    ],
    problems: 4,
    warns: [/a, left out: it was changed after it was deleted/, /l, left out: its changes build on a symlink/],
    restored: { z: 'file good' },
  })

  hostile('with deltas that copy from beyond the file, or are none', {
    sets: () => [
      set(root(), file('a', 'x'), file('b', 'x'), file('c', 'x'), file('z', 'good')),
      set(
        root(),
        changed('a', Buffer.from('7273023648ffffffffffff00', 'hex')),
        changed('b', Buffer.from('no delta at all')),
        changed('c', Buffer.alloc(0)),
      ),
    ],
    problems: 3,
    warns: [/a, left out: a change of it cannot be applied/],
    restored: { z: 'file good' },
  })
})

describe('pieces of large files', () => {
  hostile('without the first', {
    sets: () => [set(root(), before, part('m', 2, 'two'), part('m', 3, 'three'), file('z', 'good'))],
    problems: 1,
    warns: [/Error restoring m, left out: its first 1 blocks are missing/],
    restored: { before: 'file good', z: 'file good' },
  })

  for (const [name, parts, problems] of [
    ['with a gap', [part('m', 1, 'one'), part('m', 3, 'three')], 0],
    // That the first is missing is told before it comes.
    ['out of order', [part('m', 2, 'two'), part('m', 1, 'one')], 1],
    ['twice', [part('m', 1, 'one'), part('m', 1, 'one')], 0],
  ] as const) {
    hostile(`${name} are refused, and nothing of the file is left`, {
      sets: () => [set(root(), before, ...parts, file('z', 'good'))],
      code: 30,
      says: /Cannot read chunk \d of "m": after chunk \d comes \d$/,
      problems,
      restored: { before: 'file good' },
      whoeverRestores: true,
    })
  }

  hostile('numbered beyond all numbers are refused', {
    sets: () => [set(root(), before, member('multivol_snapshot/m/99999999999999999999'))],
    code: 30,
    restored: { before: 'file good' },
    whoeverRestores: true,
  })

  hostile('in another volume than the one before, which lacks it', {
    sets: () => [
      {
        volumes: [
          [root(), before, part('m', 1, 'one')],
          [part('m', 3, 'three'), file('z', 'good')],
        ],
      },
    ],
    code: 30,
    says: /vol2\.difftar\.gz": Cannot read chunk 3 of "m": after chunk 1 comes 2$/,
    restored: { before: 'file good' },
    whoeverRestores: true,
  })
})
