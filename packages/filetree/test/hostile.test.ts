import type { RawPath } from '@coalmine/bytes'
import { diffTrees, itWith, run, type Snapshot, snapshotTree, tempDir } from '@coalmine/fixtures'
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTreeWriter, type FileEffects, nodeEffects, type TreeWriter, type WriteProblem } from '../src/index.ts'
import { entry } from './trees.ts'

let folder: string
let target: string
let outside: string
let before: Snapshot
let problems: WriteProblem[]

beforeEach(async () => {
  folder = await tempDir('hostile')
  target = join(folder, 'target')
  outside = join(folder, 'outside')
  mkdirSync(join(outside, 'sub'), { recursive: true })
  for (const name of ['secret', 'sub/secret']) writeFileSync(join(outside, name), 'theirs', { mode: 0o640 })
  symlinkSync('secret', join(outside, 'link'))
  for (const name of ['secret', 'sub/secret', 'sub', '.']) utimesSync(join(outside, name), 1000, 1000)
  before = await snapshotTree(outside)
  problems = []
})

afterEach(async () => {
  // Whatever was tried: nothing outside was made, changed or removed.
  expect(diffTrees(before, await snapshotTree(outside))).toEqual([])
  expect(readdirSync(folder).filter((name) => name.startsWith('.coalmine'))).toEqual([])
})

function writerFor(options: { overwrite?: boolean; effects?: FileEffects } = {}): TreeWriter {
  return createTreeWriter(target, { ownership: 'numeric', onProblem: (problem) => problems.push(problem), ...options })
}

const text = (content: string): Buffer => Buffer.from(content)
const codes = (): string[] => problems.map(({ path, code }) => `${path}: ${code}`)

/** Real effects, with something done by somebody else right before the nth call of one of them. */
function interrupted(name: keyof FileEffects, nth: number, meanwhile: (...args: unknown[]) => void): FileEffects {
  let calls = 0
  const real = nodeEffects[name] as (...args: unknown[]) => unknown
  const call = (...args: unknown[]) => {
    calls += 1
    if (calls === nth) meanwhile(...args)
    return real(...args)
  }
  return { ...nodeEffects, [name]: call }
}

describe.each([
  { way: 'by descriptors', base: nodeEffects },
  { way: 'by paths', base: { ...nodeEffects, descriptors: () => undefined } },
])('names and links that lead outside, $way', ({ base }) => {
  it('refuses every name that is not plain', () => {
    const names = [
      '..',
      '../outside/secret',
      'a/../../outside/secret',
      'a/..',
      '/etc/coalmine-was-here',
      `${outside}/secret`,
      './x',
      '.',
      'a/./x',
      'a//x',
      'x/',
      '/',
      '//',
      'a\0b',
      '\0',
      // Chars that would become ".." and "/" as bytes.
      '\u012e\u012e/outside/secret',
      '..\u012foutside\u012fsecret',
    ]
    const writer = writerFor({ overwrite: true, effects: base })
    writer.directory(entry('', 'directory'))
    for (const name of names) {
      writer.file(entry(name, 'file'), text('ours'))
      writer.openFile(entry(name, 'file')).commit()
      writer.directory(entry(name, 'directory'))
      writer.symlink(entry(name, 'symlink', { linkTarget: 'x' as RawPath }))
      writer.fifo(entry(name, 'fifo'))
      writer.device(entry(name, 'character-device'))
    }
    writer.finish()
    expect(new Set(problems.map((problem) => problem.code))).toEqual(new Set(['unsafe-name']))
    expect(problems.length).toBe(names.length * 6)
    expect(readdirSync(target)).toEqual([])
  })

  it('refuses link targets that cannot be', () => {
    const writer = writerFor({ effects: base })
    for (const linkTarget of [undefined, '', 'a\0b', '\u012e\u012e']) {
      writer.symlink(entry('l', 'symlink', { linkTarget: linkTarget as RawPath | undefined }))
    }
    writer.finish()
    expect(codes()).toEqual(['l: unsafe-name', 'l: unsafe-name', 'l: unsafe-name', 'l: unsafe-name'])
  })

  it.each([false, true])('writes nothing through a symlink of the archive, overwrite %s', (overwrite) => {
    const writer = writerFor({ overwrite, effects: base })
    writer.symlink(entry('a', 'symlink', { linkTarget: '../outside' as RawPath }))
    writer.file(entry('a/secret', 'file', { mode: 0o777 }), text('ours'))
    writer.file(entry('a/sub/secret', 'file'), text('ours'))
    writer.symlink(entry('b', 'symlink', { linkTarget: outside as RawPath }))
    writer.directory(entry('b', 'directory', { mode: 0o777, mtimeSeconds: 5 }))
    writer.directory(entry('b/sub', 'directory', { mode: 0o777, mtimeSeconds: 5 }))
    writer.symlink(entry('b/link', 'symlink', { linkTarget: 'x' as RawPath }))
    writer.fifo(entry('b/pipe', 'fifo'))
    writer.finish()
    if (!overwrite) {
      expect(problems.length).toBe(6)
      expect(readlinkSync(join(target, 'a'))).toBe('../outside')
    } else {
      // The later entry wins: the link has become a folder of our own.
      expect(problems).toEqual([])
      expect(readFileSync(join(target, 'a/secret'), 'utf8')).toBe('ours')
      expect(lstatSync(join(target, 'b')).isDirectory()).toBe(true)
    }
  })

  it.each([false, true])('writes nothing through a symlink that was there, overwrite %s', (overwrite) => {
    mkdirSync(join(target, 'real'), { recursive: true })
    symlinkSync('../outside', join(target, 'd'))
    symlinkSync('../../outside/sub', join(target, 'real/d'))
    symlinkSync('../outside/secret', join(target, 'f'))
    symlinkSync('../outside/new', join(target, 'g'))
    const writer = writerFor({ overwrite, effects: base })
    writer.directory(entry('d', 'directory', { mode: 0o777, mtimeSeconds: 5 }))
    writer.file(entry('d/secret', 'file', { mode: 0o777 }), text('ours'))
    writer.file(entry('f', 'file', { mode: 0o777 }), text('ours'))
    writer.file(entry('g', 'file', { mode: 0o777 }), text('ours'))
    writer.file(entry('real/d/secret', 'file'), text('ours'))
    writer.finish()
    expect(problems.length).toBe(overwrite ? 0 : 5)
    expect(existsSync(join(outside, 'new'))).toBe(false)
  })

  it('writes nothing through a chain of links, nor by one that leads into itself', () => {
    const writer = writerFor({ effects: base })
    writer.symlink(entry('a', 'symlink', { linkTarget: 'b' as RawPath }))
    writer.symlink(entry('b', 'symlink', { linkTarget: 'c/../../outside' as RawPath }))
    writer.symlink(entry('c', 'symlink', { linkTarget: 'c' as RawPath }))
    for (const name of ['a', 'b', 'c']) writer.file(entry(`${name}/x`, 'file'), text('ours'))
    writer.finish()
    expect(codes()).toEqual(['a/x: EEXIST', 'b/x: EEXIST', 'c/x: EEXIST'])
  })

  it.each([false, true])('writes nothing through a link that the target itself became, overwrite %s', (overwrite) => {
    for (const linkTarget of ['outside', outside] as RawPath[]) {
      rmSync(target, { recursive: true, force: true })
      const writer = writerFor({ overwrite, effects: base })
      writer.symlink(entry('', 'symlink', { linkTarget }))
      expect(readlinkSync(target)).toBe(linkTarget)
      const write = () => {
        writer.file(entry('secret', 'file', { mode: 0o777 }), text('ours'))
        writer.directory(entry('sub', 'directory', { mode: 0o777, mtimeSeconds: 5 }))
        writer.directory(entry('', 'directory', { mode: 0o777, mtimeSeconds: 5 }))
        writer.finish()
      }
      if (overwrite) write()
      else expect(write).toThrow(`Cannot write to "${target}": it is no folder`)
      writer.close()
      expect(lstatSync(target).isSymbolicLink()).toBe(!overwrite)
    }
    // Nor where a link was in place of the target and was to be replaced by a file.
    rmSync(target, { recursive: true, force: true })
    symlinkSync('outside', target)
    const writer = writerFor({ overwrite, effects: base })
    writer.file(entry('', 'file'), text('ours'))
    const write = () => writer.file(entry('secret', 'file'), text('ours'))
    if (overwrite) write()
    else expect(write).toThrow('it is no folder')
    writer.close()
  })

  it('does not change the file behind a symlink or hard link that it replaces', () => {
    mkdirSync(target)
    linkSync(join(outside, 'secret'), join(target, 'hard'))
    symlinkSync('../outside/secret', join(target, 'soft'))
    const writer = writerFor({ overwrite: true, effects: base })
    for (const name of ['hard', 'soft']) writer.file(entry(name, 'file', { mode: 0o777, uid: 1234 }), text('ours'))
    writer.finish()
    // Only root may give files away.
    expect(problems.filter((problem) => !problem.written)).toEqual([])
  })

  it('is not led by the names of temporary files that others make', () => {
    const writer = writerFor({
      effects: interrupted('open', 2, (path) => symlinkSync(join(outside, 'secret'), path as string)),
    })
    const sink = writer.openFile(entry('f', 'file'))
    sink.write(text('ours'))
    sink.commit()
    writer.finish()
    expect(codes()).toEqual(['f: EEXIST'])
  })

  it('refuses a root that is the folder above', () => {
    target = join(target, '..')
    const writer = writerFor({ overwrite: true, effects: base })
    writer.file(entry('', 'file'), text('ours'))
    writer.symlink(entry('', 'symlink', { linkTarget: 'outside' as RawPath }))
    writer.close()
    expect(problems.map((problem) => problem.operation)).toEqual(['place', 'place'])
  })
})

// With paths only the last component is sure; this is what descriptors add.
describe.runIf(nodeEffects.descriptors() !== undefined)('somebody else at work in the target', () => {
  it('writes into the folder that it has opened when a symlink takes its place', () => {
    const writer = writerFor()
    writer.directory(entry('a', 'directory', { mode: 0o711, mtimeSeconds: 77 }))
    writer.file(entry('a/first', 'file'), text('ours'))
    renameSync(join(target, 'a'), join(target, 'moved'))
    symlinkSync('../outside', join(target, 'a'))
    writer.file(entry('a/secret', 'file'), text('ours'))
    writer.directory(entry('a/sub', 'directory', { mode: 0o777 }))
    writer.file(entry('a/sub/secret', 'file'), text('ours'))
    writer.fifo(entry('a/sub/u', 'fifo'))
    writer.finish()
    expect(problems).toEqual([])
    expect(readdirSync(join(target, 'moved'))).toEqual(['first', 'secret', 'sub'])
    expect(lstatSync(join(target, 'moved')).mode & 0o777).toBe(0o711)
  })

  it('writes a file that is open into its folder, and renames it there, wherever that is', () => {
    const writer = writerFor()
    const sink = writer.openFile(entry('a/b/secret', 'file'))
    sink.write(text('ours'))
    renameSync(join(target, 'a/b'), join(target, 'moved'))
    symlinkSync('../../outside', join(target, 'a/b'))
    sink.write(text('!'))
    sink.commit()
    writer.finish()
    expect(readFileSync(join(target, 'moved/secret'), 'utf8')).toBe('ours!')
  })

  it('does not enter a folder that is swapped between looking and opening', () => {
    mkdirSync(join(target, 'a'), { recursive: true })
    const swap = () => {
      rmSync(join(target, 'a'), { recursive: true })
      symlinkSync('../outside', join(target, 'a'))
    }
    // The first folder that is opened is the target, the second one is "a".
    const writer = writerFor({ effects: interrupted('open', 2, swap) })
    writer.directory(entry('a', 'directory', { mode: 0o777 }))
    writer.file(entry('a/secret', 'file'), text('ours'))
    writer.finish()
    expect(problems.length).toBe(2)
    expect(problems[0]!.code).toMatch(/ENOTDIR|ELOOP/)
  })

  it('does not enter a folder that is swapped between making and opening', () => {
    const swap = () => {
      rmSync(join(target, 'a'), { recursive: true })
      symlinkSync('../outside', join(target, 'a'))
    }
    const writer = writerFor({ effects: interrupted('open', 2, swap), overwrite: true })
    writer.file(entry('a/secret', 'file'), text('ours'))
    writer.finish()
    expect(problems.length).toBe(1)
  })

  it('does not give away a file that takes the place of a link under its temporary name', () => {
    for (const swap of [
      (path: string) => linkSync(join(outside, 'secret'), path),
      (path: string) => symlinkSync(join(outside, 'secret'), path),
    ]) {
      problems = []
      const effects = interrupted('open', 2, (path) => {
        unlinkSync(path as string)
        swap(path as string)
      })
      const writer = writerFor({ effects })
      writer.fifo(entry('p', 'fifo', { uid: 4321, gid: 4321, mode: 0o777 }))
      writer.finish()
      expect(codes()).toEqual(['p: changed'])
      expect(readdirSync(target)).toEqual([])
    }
  })

  it('does not give away a link with a second name elsewhere', () => {
    const effects = interrupted('open', 2, (path) => {
      unlinkSync(path as string)
      linkSync(join(outside, 'link'), path as string)
    })
    const writer = writerFor({ effects })
    writer.symlink(entry('l', 'symlink', { linkTarget: 'x' as RawPath, uid: 4321, mtimeSeconds: 5 }))
    writer.finish()
    expect(codes()).toEqual(['l: changed'])
  })

  it('does not follow a symlink that is put in place of what it is about to replace', () => {
    const swap = () => symlinkSync('../outside/secret', join(target, 'f'))
    const writer = writerFor({ effects: interrupted('rename', 1, swap) })
    writer.file(entry('f', 'file'), text('ours'))
    writer.finish()
    expect(readFileSync(join(target, 'f'), 'utf8')).toBe('ours')
    expect(lstatSync(join(target, 'f')).isFile()).toBe(true)
  })

  itWith('python3', 'stays inside while another process keeps swapping folders for symlinks', async () => {
    mkdirSync(target)
    const swapping = [
      'import os, sys, time',
      'os.chdir(sys.argv[1])',
      'end = time.time() + 1.5',
      'while time.time() < end:',
      '    for name in ("d0", "d1", "d2"):',
      '        try:',
      '            os.rename(name, name + ".was%d" % time.time_ns())',
      '            os.symlink("../outside", name)',
      '            os.unlink(name)',
      '        except OSError: pass',
    ]
    const busy = run(['python3', '-c', swapping.join('\n'), target], { check: true })
    let over = false
    void busy.finally(() => {
      over = true
    })
    let written = 0
    while (!isOver()) {
      const writer = writerFor({ overwrite: true })
      for (let d = 0; d < 3; d++) {
        writer.directory(entry(`d${d}`, 'directory', { mode: 0o755, mtimeSeconds: 5 }))
        for (let f = 0; f < 5; f++) writer.file(entry(`d${d}/f${f}`, 'file'), text('ours'))
        writer.file(entry(`d${d}/secret`, 'file', { mode: 0o777 }), text('ours'))
        writer.directory(entry(`d${d}/sub`, 'directory', { mode: 0o777 }))
        writer.file(entry(`d${d}/sub/secret`, 'file', { mode: 0o777 }), text('ours'))
        written += 1
      }
      writer.finish()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await busy
    expect(written).toBeGreaterThan(10)
    expect(basename(outside)).toBe('outside')

    function isOver(): boolean {
      return over
    }
  })
})
