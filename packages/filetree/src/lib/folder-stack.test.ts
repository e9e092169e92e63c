import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { closeSync, fstatSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeEffects } from './effects.ts'
import { type FolderPort, folderFlags, FolderStack } from './folder-stack.ts'

let folder: string
let descriptor: number
let held: Set<number>
let port: FolderPort

beforeEach(async () => {
  folder = await tempDir('stack')
  descriptor = openSync(folder, folderFlags)
  held = new Set()
  port = {
    ...nodeEffects,
    open: (path, flags) => {
      const opened = nodeEffects.open(path, flags)
      held.add(opened)
      return opened
    },
    close: (given) => {
      held.delete(given)
      nodeEffects.close(given)
    },
  }
})

afterEach(() => closeSync(descriptor))

function stackOf(window?: number): FolderStack {
  return new FolderStack(port, { path: folder, descriptor }, { window })
}

const ways = [
  { way: 'by descriptors', prefix: nodeEffects.descriptors() },
  { way: 'by paths', prefix: undefined },
]

describe.each(ways)('FolderStack $way', ({ way, prefix }) => {
  beforeEach(() => {
    port = { ...port, descriptors: () => prefix }
  })

  it('finds names in the current folder', () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true })
    const stack = stackOf()
    stack.enter('a')
    expect([stack.path, stack.depth]).toEqual(['a', 1])
    expect(lstatSync(stack.at('b')).ino).toBe(lstatSync(join(folder, 'a/b')).ino)
    stack.enter('b')
    expect(fstatSync(stack.descriptor()).ino).toBe(lstatSync(join(folder, 'a/b')).ino)
    stack.leave()
    stack.leave()
    stack.leave()
    expect([stack.path, stack.depth, held.size]).toEqual(['', 0, 0])
  })

  it('goTo() goes over the nearest common folder', () => {
    mkdirSync(join(folder, 'a/b/c'), { recursive: true })
    mkdirSync(join(folder, 'ab/c'), { recursive: true })
    const stack = stackOf()
    for (const path of ['a/b/c', 'a/b', 'ab/c', '', 'a/b/c', 'a']) {
      stack.goTo(path as RawPath)
      expect(stack.path).toBe(path)
      expect(fstatSync(stack.descriptor()).ino).toBe(lstatSync(join(folder, path)).ino)
    }
    expect(() => stack.goTo('a/b/none/x' as RawPath)).toThrow(/ENOENT/)
    expect(stack.path).toBe('a/b')
    stack.close()
    expect(held.size).toBe(0)
  })

  it('does not enter a symlink, a file or nothing', () => {
    symlinkSync(folder, join(folder, 'link'))
    const stack = stackOf()
    expect(() => stack.enter('link')).toThrow(/ENOTDIR|ELOOP/)
    expect(() => stack.enter('none')).toThrow(/ENOENT/)
    expect([stack.depth, held.size]).toEqual([0, 0])
  })

  it('holds no more descriptors than its window, and opens folders again on the way back', () => {
    const names = Array.from({ length: 20 }, (_, index) => `d${index}`)
    mkdirSync(join(folder, ...names), { recursive: true })
    const stack = stackOf(3)
    for (const name of names) {
      stack.enter(name)
      expect(held.size).toBeLessThanOrEqual(3)
    }
    for (let depth = names.length; depth > 0; depth--) {
      expect(fstatSync(stack.descriptor()).ino).toBe(lstatSync(join(folder, ...names.slice(0, depth))).ino)
      expect(held.size).toBeLessThanOrEqual(3)
      stack.leave()
    }
    expect(held.size).toBe(0)
  })

  it('refuses another folder in the place of the one it has to open again', () => {
    mkdirSync(join(folder, 'a/b/c/d/e'), { recursive: true })
    const stack = stackOf(2)
    stack.goTo('a/b/c/d/e' as RawPath)
    renameSync(join(folder, 'a/b'), join(folder, 'a/was'))
    mkdirSync(join(folder, 'a/b/c'), { recursive: true })
    for (let i = 0; i < 3; i++) stack.leave()
    expect(stack.path).toBe('a/b')
    expect(() => stack.at('x')).toThrow(/another folder is in its place/)
    expect(() => stack.descriptor()).toThrow(/another folder is in its place/)
    stack.leave()
    // Above it all is well.
    expect(lstatSync(stack.at('was')).isDirectory()).toBe(true)
    stack.close()
    expect(held.size).toBe(0)
  })

  it('refuses a symlink in the place of the folder it has to open again', () => {
    mkdirSync(join(folder, 'a/b/c/d'), { recursive: true })
    const stack = stackOf(1)
    stack.goTo('a/b/c/d' as RawPath)
    renameSync(join(folder, 'a'), join(folder, 'was'))
    symlinkSync('was', join(folder, 'a'))
    stack.leave()
    if (way === 'by descriptors') expect(() => stack.at('d')).toThrow(/ENOTDIR|ELOOP/)
    stack.close()
    expect(held.size).toBe(0)
  })

  it('stays in the folder it has open when that is moved', () => {
    mkdirSync(join(folder, 'a/x'), { recursive: true })
    const stack = stackOf()
    stack.enter('a')
    renameSync(join(folder, 'a'), join(folder, 'moved'))
    rmSync(join(folder, 'a'), { force: true })
    if (way === 'by descriptors') expect(lstatSync(stack.at('x')).isDirectory()).toBe(true)
    else expect(() => lstatSync(stack.at('x'))).toThrow(/ENOENT/)
    stack.close()
  })
})
