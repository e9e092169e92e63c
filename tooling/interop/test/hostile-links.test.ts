import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { hostile } from './hostile-case.ts'
import { changed, deleted, delta, fifo, file, folder, member, pax, root, symlink } from './hostile-tar.ts'
import { set } from './hostile-world.ts'

// Links that an archive brings along, and then writes beneath. Borg's CVE-2026-62268 and its kin.

const secret = (path: string) => file(path, 'ours', { mode: 0o777, uid: 1234 })
/** Where links lead: from the folder that the link is in, or as whole paths. */
const ways = [
  { way: 'relative', to: () => '../outside', stored: 'gzip' },
  { way: 'absolute', to: ({ outside }: { outside: string }) => outside, stored: 'gpg' },
] as const

describe('a link out of the target, and then something beneath it', () => {
  for (const { way, to: fromAbove, stored } of ways) {
    const to = (world: { outside: string }) => (way === 'relative' ? '../../outside' : fromAbove(world))
    hostile(`in one archive (${way}): the link is restored and the rest is in its way`, {
      stored,
      needs: stored === 'gpg' ? ['gpg'] : [],
      sets: (world) => [
        set(
          root(),
          symlink('a', to(world)),
          secret('a/secret'),
          secret('a/new'),
          folder('a/sub', { mode: 0o777 }),
          secret('a/sub/secret'),
          symlink('a/link', 'x'),
          fifo('a/pipe'),
          file('z', 'good'),
        ),
      ],
      problems: 6,
      warns: [/Cannot write "a\/secret": "a" is no folder/],
      restored: (world) => ({ a: `link ${to(world)}`, z: 'file good' }),
    })
  }

  hostile('a file through the link itself: what comes second is in the way', {
    sets: () => [
      set(root(), symlink('f', '../../outside/secret'), secret('f'), symlink('g', '../../outside/new'), secret('g')),
    ],
    problems: 2,
    restored: { f: 'link ../../outside/secret', g: 'link ../../outside/new' },
  })

  hostile('by a chain of links', {
    sets: () => [
      set(
        root(),
        symlink('a', 'b'),
        symlink('b', 'c/../../outside'),
        symlink('c', '.'),
        secret('a/secret'),
        secret('b/secret'),
        secret('c/secret'),
      ),
    ],
    problems: 3,
    restored: { a: 'link b', b: 'link c/../../outside', c: 'link .' },
  })

  hostile('a folder takes the place of the link, and nothing goes through it', {
    sets: () => [set(root(), symlink('a', '../../outside'), folder('a', { mode: 0o777 }), secret('a/secret'))],
    problems: 2,
    restored: { a: 'link ../../outside' },
  })

  hostile('with --force what comes later counts: a folder of our own takes the place of the link', {
    options: ['--force'],
    sets: () => [
      set(
        root(),
        symlink('a', '../../outside'),
        secret('a/secret'),
        folder('a', { mode: 0o777 }),
        folder('a/sub'),
        symlink('a', 'x'),
      ),
    ],
    problems: 1,
    warns: [/Cannot write "a": directory not empty/],
    restored: { a: 'dir', 'a/secret': 'file ours', 'a/sub': 'dir' },
  })
})

describe('a link out of the target in one set of a chain, and something beneath it in another', () => {
  const before = set(root(), folder('d'), file('d/secret', 'first'), file('d/x', 'first'), file('z', 'good'))

  hostile('a folder becomes a link and what was in it is not deleted', {
    sets: () => [before, set(root(), symlink('d', '../../outside'))],
    problems: 2,
    restored: { d: 'link ../../outside', z: 'file good' },
  })

  hostile('a folder becomes a link and what was in it changes', {
    sets: () => [
      before,
      set(root(), symlink('d', '../../outside'), deleted('d/x')),
      set(root(), changed('d/secret', delta('ours'), { mode: 0o777 })),
    ],
    problems: 1,
    restored: { d: 'link ../../outside', z: 'file good' },
  })

  hostile('a link becomes a folder and a link again: the last one counts', {
    sets: () => [
      set(root(), symlink('d', '../../outside'), file('z', 'good')),
      set(root(), folder('d', { mode: 0o777 }), secret('d/secret')),
      set(root(), symlink('d', '../../outside'), deleted('d/secret')),
    ],
    restored: { d: 'link ../../outside', z: 'file good' },
  })

  hostile('a link becomes a folder: the folder is a real one', {
    sets: () => [
      set(root(), symlink('d', '../../outside'), file('z', 'good')),
      set(root(), folder('d'), file('d/secret', 'ours')),
    ],
    restored: { d: 'dir', 'd/secret': 'file ours', z: 'file good' },
  })

  hostile('something beneath a link is changed that is only there outside', {
    sets: () => [
      set(root(), symlink('d', '../../outside'), file('z', 'good')),
      set(root(), changed('d/secret', delta('ours'))),
    ],
    problems: 1,
    warns: [/Error restoring d\/secret, left out: what its changes build on is missing/],
    restored: { d: 'link ../../outside', z: 'file good' },
  })

  hostile('something beneath a link is deleted', {
    sets: () => [
      set(root(), symlink('d', '../../outside'), file('z', 'good')),
      set(root(), deleted('d'), deleted('d/secret')),
      set(root(), symlink('d', '../../outside'), deleted('d/sub'), deleted('d/sub/secret')),
    ],
    restored: { d: 'link ../../outside', z: 'file good' },
  })
})

describe('the root of the backup is a link out of the target', () => {
  for (const { way, to } of ways) {
    for (const force of [false, true]) {
      const options = force ? ['--force'] : []
      const fares = force
        ? { restored: { secret: 'file ours', sub: 'dir', 'sub/secret': 'file ours' } }
        : { code: 1, says: /^Cannot write to ".*\/target": it is no folder$/ }
      hostile(`that is ${way}, and comes into being${force ? ' by --force' : ''}`, {
        target: 'missing',
        options,
        sets: (world) => [
          set(member('snapshot/./', { type: '2', link: to(world) }), secret('secret'), secret('sub/secret')),
        ],
        restored: (world) => ({ '': `link ${to(world)}` }),
        ...fares,
      })
    }
  }

  hostile('in place of an empty folder', {
    options: ['--force'],
    sets: () => [set(member('snapshot/./', { type: '2', link: '../outside' }), secret('secret'))],
    restored: { secret: 'file ours' },
    target: 'missing',
  })

  hostile('when a link of the backup is asked for, and there is something beneath it', {
    target: 'missing',
    options: ['--path-to-restore', 'a'],
    sets: () => [set(root(), symlink('a', '../outside'), secret('a/secret'), folder('a/sub', { mode: 0o777 }))],
    code: 1,
    says: /it is no folder$/,
    restored: { '': 'link ../outside' },
  })

  hostile('and nothing else comes: the target is that link', {
    target: 'missing',
    sets: () => [set(member('snapshot/./', { type: '2', link: '../outside' }))],
    restored: { '': 'link ../outside' },
  })
})

describe('links that were in the target before', () => {
  const links = (target: string) => {
    symlinkSync('../../outside', join(target, 'd'))
    symlinkSync('../../outside/secret', join(target, 'f'))
    symlinkSync('../../outside/new', join(target, 'g'))
    mkdirSync(join(target, 'real'))
    symlinkSync('../../../outside/sub', join(target, 'real/d'))
  }

  hostile('are replaced and not followed', {
    options: ['--force'],
    before: ({ target }) => links(target),
    sets: () => [
      set(
        root(),
        folder('d', { mode: 0o777 }),
        secret('d/secret'),
        secret('f'),
        secret('g'),
        folder('real'),
        secret('real/d/secret'),
      ),
    ],
    restored: {
      d: 'dir',
      'd/secret': 'file ours',
      f: 'file ours',
      g: 'file ours',
      real: 'dir',
      'real/d': 'dir',
      'real/d/secret': 'file ours',
    },
  })

  hostile('that are hard take nothing of the file with them', {
    options: ['--force'],
    before({ target, outside }) {
      linkSync(join(outside, 'secret'), join(target, 'f'))
      linkSync(join(outside, 'sub/secret'), join(target, 'g'))
    },
    sets: () => [set(root(), secret('f'), file('g', 'ours', { mode: 0o4777 }))],
    // They have one name less, which is told by when they were changed; their owner, mode, time and content are the same.
    meant: /^\/outside\/(?:sub\/)?secret: was (\d+ \d+ \d+ \d+) 2 (\d+) \d+ (\w+), is \1 1 \2 \d+ \3$/,
    restored: { f: 'file ours', g: 'file ours' },
  })

  hostile("the target itself may be a link of the user's own: that one is followed", {
    target: 'missing',
    before({ place, target }) {
      mkdirSync(join(place, 'real'))
      writeFileSync(join(place, 'real', 'there'), 'theirs')
      symlinkSync('real', target)
    },
    options: ['--force'],
    sets: () => [set(root(), file('a', 'good'))],
    meant: /^\/place\/real(?:\/a)?: /,
    restored: { '': 'link real' },
  })
})

describe('a hard link', () => {
  for (const link of ['../../outside/secret', 'snapshot/before', '/etc/passwd']) {
    hostile(`to ${link} is refused, as the real program does`, {
      sets: () => [set(root(), file('before', 'good'), member('snapshot/h', { type: '1', link }), file('z'))],
      code: 30,
      says: /it is a hard link$/,
      restored: { before: 'file good' },
      whoeverRestores: true,
    })
  }
})

describe('where a link leads', () => {
  hostile('may be as long as the system allows, and no longer', {
    sets: () => [
      set(
        root(),
        symlink('a', 'x'.repeat(4095)),
        symlink('b', 'x'.repeat(4096)),
        symlink('c', 'y'.repeat(500_000)),
        file('z', 'good'),
      ),
    ],
    problems: 2,
    warns: [/Cannot create "b": name too long/],
    restored: { a: `link ${'x'.repeat(4095)}`, z: 'file good' },
  })

  hostile('may be anything but nothing', {
    sets: () => [set(root(), symlink('a', '\x1b[31m\n\xff'), symlink('b', ''), symlink('c', 'c'), file('z', 'good'))],
    problems: 1,
    warns: [/Cannot write "b": its link target is no path/],
    restored: { a: 'link \x1b[31m\n\xff', c: 'link c', z: 'file good' },
  })

  hostile('cannot be said for all that follows in one header: only links have it', {
    sets: () => [
      set(
        root(),
        pax('g', { linkpath: '../../outside/secret' }),
        symlink('a', 'x'),
        file('f', 'good'),
        secret('a/x'),
        file('z', 'good'),
      ),
    ],
    problems: 1,
    restored: { a: 'link ../../outside/secret', f: 'file good', z: 'file good' },
  })
})
