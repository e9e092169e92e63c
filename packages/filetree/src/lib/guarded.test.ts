import { tempDir } from '@coalmine/fixtures'
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { folderFlags } from './folder-stack.ts'
import { guardedBelow, guardedPath, isKept } from './guarded.ts'

const open: number[] = []

function opened(path: string): number {
  const descriptor = openSync(path, folderFlags)
  open.push(descriptor)
  return descriptor
}

afterEach(() => {
  for (const descriptor of open.splice(0)) closeSync(descriptor)
})

it('isKept() is true for folders that only root and ourselves can write to', () => {
  for (const uid of [0, 1000]) {
    for (const mode of [0o755, 0o700, 0o555, 0]) expect(isKept({ uid, mode }, 1000)).toBe(true)
    for (const mode of [0o775, 0o757, 0o1777, 0o720, 0o702]) expect(isKept({ uid, mode }, 1000)).toBe(false)
  }
  expect(isKept({ uid: 1001, mode: 0o700 }, 1000)).toBe(false)
  expect(isKept({ uid: 1000, mode: 0o700 }, undefined)).toBe(false)
})

it('guardedPath() is the path without symlinks of a folder below kept ones', () => {
  const kept = isKept(lstatSync('/')) && isKept(lstatSync('/usr'))
  expect(guardedPath('/', opened('/'))).toBe('/')
  expect(guardedPath('/usr//./share/..', opened('/usr'))).toBe(kept ? '/usr/' : undefined)
  expect(guardedPath('/usr/share', opened('/usr/share'))).toBe(kept ? '/usr/share/' : undefined)
})

it('guardedPath() gives none below a folder that others can write to', async () => {
  const folder = join(await tempDir('guarded'), 'open')
  mkdirSync(join(folder, 'sub'), { recursive: true })
  chmodSync(folder, 0o1777)
  symlinkSync('/usr', join(folder, 'link'))
  expect(guardedPath(join(folder, 'sub'), opened(join(folder, 'sub')))).toBe(undefined)
  // A link through such a folder leads to a path that is guarded all the same, and that is what is used from then on.
  expect(guardedPath(join(folder, 'link'), opened('/usr'))).toBe(guardedPath('/usr', opened('/usr')))
})

it('guardedPath() gives none when the path leads to another folder than the one that is open', () => {
  expect(guardedPath('/usr', opened('/etc'))).toBe(undefined)
  expect(guardedPath('/nonexistent', opened('/etc'))).toBe(undefined)
})

it('guardedBelow() ends before paths get too long for names, and with names that are not ASCII', () => {
  expect(guardedBelow('/', 'a')).toBe('/a/')
  const long = '/' + 'a'.repeat(3830) + '/'
  expect(guardedBelow(long, 'b'.repeat(7))).toBe(long + 'b'.repeat(7) + '/')
  expect(guardedBelow(long, 'b'.repeat(8))).toBe(undefined)
  expect(guardedBelow('/', '\xff')).toBe(undefined)
})
