import { lstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { peer } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { hostile } from './hostile-case.ts'
import { fifo, file, folder, member, root, symlink } from './hostile-tar.ts'
import { set, type World } from './hostile-world.ts'

const isRoot = peer('root').available
const device = (path: string, type: '3' | '4', major: number, minor: number) =>
  member(`snapshot/${path}`, { type, mode: 0o666, major, minor })
const modesIn = ({ target }: World, names: readonly string[]) =>
  names.map((name) => `${name} ${(lstatSync(join(target, name)).mode & 0o7777).toString(8)}`)

describe('special files', () => {
  const archive = () => [
    set(root(), device('block', '4', 7, 200), device('null', '3', 1, 3), fifo('pipe'), file('z', 'good')),
  ]
  const withoutDevices = {
    problems: 2,
    warns: [/Cannot create "block": operation not permitted/i],
    restored: { pipe: 'fifo', z: 'file good' },
  }

  hostile('are restored by root, as the real program does, and told of by others', {
    sets: archive,
    ...(isRoot
      ? { restored: { block: 'block device 7,200', null: 'character device 1,3', pipe: 'fifo', z: 'file good' } }
      : withoutDevices),
    asNobody: withoutDevices,
  })

  hostile('are left out when that is asked for', {
    sets: archive,
    options: ['--no-special-files'],
    restored: { z: 'file good' },
  })

  hostile('with numbers that no device has are left out', {
    sets: () => [set(root(), device('a', '3', 2 ** 33, 0), device('b', '4', 0, -1), file('z', 'good'))],
    problems: 2,
    warns: [/Cannot create "a": the system has no device/],
    restored: { z: 'file good' },
  })

  hostile('in place of a folder let nobody wait, and nothing through', {
    sets: () => [
      set(
        root(),
        fifo('d'),
        folder('d', { mode: 0o777 }),
        file('d/x'),
        folder('d/e'),
        symlink('d/l', 'x'),
        file('z', 'good'),
      ),
    ],
    problems: 4,
    restored: { d: 'fifo', z: 'file good' },
  })

  hostile('of kinds that the format has not are refused', {
    sets: () => [set(root(), file('before', 'good'), member('snapshot/s', { type: 'S', data: 'x'.repeat(512) }))],
    code: 30,
    says: /it is of type "S"$/,
    restored: { before: 'file good' },
    whoeverRestores: true,
  })
})

describe('rights that an archive lends', () => {
  const names = ['a', 'b', 'c', 'd']
  const archive = () => [
    set(
      root(),
      file('a', 'x', { mode: 0o4755, uid: 1234, gid: 1234, user: 'nobody-has-this-name', group: 'nor-this' }),
      file('b', 'x', { mode: 0o6755, uid: 2 ** 32 - 1, gid: 1 }),
      file('c', 'x', { mode: 0o6755, uid: 0, gid: 0, user: 'root', group: 'root' }),
      folder('d', { mode: 0o7777, uid: 0, gid: 0 }),
    ),
  ]

  hostile('are kept with the owner that they speak of, and only if that one was set', {
    sets: archive,
    options: [],
    ...(isRoot
      ? { problems: 1, warns: [/Cannot set the owner of "b": nobody can have the id 4294967295/] }
      : { problems: 5 }),
    restored(world) {
      // "b" has no owner that can be: its bits would speak of whoever restores.
      const kept = isRoot ? ['a 4755', 'b 755', 'c 6755', 'd 7777'] : ['a 755', 'b 755', 'c 755', 'd 1777']
      expect(modesIn(world, names)).toEqual(kept)
      if (isRoot) expect(names.map((name) => statSync(join(world.target, name)).uid)).toEqual([1234, 0, 0, 0])
    },
    asNobody: {
      options: [],
      problems: 5,
      warns: [/Cannot set the owner of "a": operation not permitted/],
      restored(world) {
        expect(modesIn(world, names)).toEqual(['a 755', 'b 755', 'c 755', 'd 1777'])
      },
    },
  })

  hostile('are not kept when files stay with whoever restores', {
    sets: archive,
    options: ['--no-restore-ownership'],
    restored(world) {
      expect(modesIn(world, names)).toEqual(['a 755', 'b 755', 'c 755', 'd 1777'])
    },
  })

  hostile('to the target itself are those of the root of the backup', {
    sets: () => [set(root({ mode: 0o2750 }), file('a', 'x'))],
    options: ['--no-restore-ownership'],
    restored(world) {
      expect((lstatSync(world.target).mode & 0o7777).toString(8)).toBe('750')
    },
  })
})
