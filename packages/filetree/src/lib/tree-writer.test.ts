import type { RawPath } from '@coalmine/bytes'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { asNobody } from '../../test/as-nobody.ts'
import { entry, inFolder } from '../../test/trees.ts'
import { type FileEffects, nodeEffects } from './effects.ts'
import { FileTreeError } from './errors.ts'
import { ownerNames } from './owners.ts'
import { createTreeWriter, type TreeWriterOptions } from './tree-writer.ts'
import type { TreeWriter, WriteProblem } from './write-entry.ts'

let folder: string
let target: string
let problems: WriteProblem[]

beforeEach(async () => {
  folder = await tempDir('writer')
  target = join(folder, 'target')
  problems = []
})

/** Where there are no addresses of descriptors, as outside Linux. */
const byPaths: FileEffects = { ...nodeEffects, descriptors: () => undefined }

function writerFor(options: Partial<TreeWriterOptions> = {}): TreeWriter {
  const owners = ownerNames({ ask: false })
  return createTreeWriter(target, {
    ownership: 'numeric',
    owners,
    onProblem: (problem) => problems.push(problem),
    ...options,
  })
}

const told = (): string[] => problems.map(({ path, operation, code }) => `${operation} ${path}: ${code}`)
const text = (name: string): string => readFileSync(join(target, name), 'utf8')
const bytes = (content: string): Buffer => Buffer.from(content)
const bits = (name: string): number => lstatSync(join(target, name)).mode & 0o7777
const seconds = (name: string): number => lstatSync(join(target, name)).mtimeMs / 1000
const asRoot = process.getuid?.() === 0

function codeOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(FileTreeError)
    return (error as FileTreeError).code
  }
  return 'none'
}

describe.each([
  { way: 'by descriptors', effects: nodeEffects },
  { way: 'by paths', effects: byPaths },
])('createTreeWriter() $way', ({ effects }) => {
  it('writes folders, files and symlinks with their attributes', () => {
    const writer = writerFor({ effects })
    writer.directory(entry('', 'directory', { mode: 0o750, mtimeSeconds: 1000 }))
    writer.directory(entry('a', 'directory', { mode: 0o500, mtimeSeconds: 2000 }))
    writer.file(entry('a/f', 'file', { mode: 0o640, mtimeSeconds: 3000 }), bytes('eff'))
    const sink = writer.openFile(entry('a/g', 'file', { mode: 0o400, mtimeSeconds: -5 }))
    sink.write(bytes('one '))
    sink.write(bytes(''))
    sink.write(bytes('two'))
    sink.commit()
    writer.file(entry('empty', 'file'), bytes(''))
    writer.symlink(entry('link', 'symlink', { linkTarget: 'a/\xff' as RawPath, mtimeSeconds: 4000 }))
    writer.finish()
    expect(problems).toEqual([])
    expect([text('a/f'), text('a/g'), text('empty')]).toEqual(['eff', 'one two', ''])
    expect(['', 'a', 'a/f', 'a/g', 'empty'].map(bits)).toEqual([0o750, 0o500, 0o640, 0o400, 0o644])
    expect(['', 'a', 'a/f', 'a/g', 'link'].map(seconds)).toEqual([1000, 2000, 3000, -5, 4000])
    expect(readlinkSync(join(target, 'link'), 'latin1')).toBe('a/\xff')
    expect(readdirSync(target)).toEqual(['a', 'empty', 'link'])
    expect(readdirSync(join(target, 'a'))).toEqual(['f', 'g'])
  })

  it('writes names of any bytes, and of 255', () => {
    const names = ['\xff\xfe', '\n', '-rf', ' ', '\xc3\xa9', '...', 'x'.repeat(255), '\\..\\up', '*']
    const writer = writerFor({ effects })
    for (const name of [...names].sort()) writer.file(entry(name, 'file'), Buffer.from(name, 'latin1'))
    writer.finish()
    expect(problems).toEqual([])
    for (const name of names) expect(readFileSync(inFolder(target, name)).toString('latin1')).toBe(name)
    expect(readdirSync(target).length).toBe(names.length)
  })

  it('makes parents that were not announced for their owner only, and goes back up', () => {
    const writer = writerFor({ effects })
    writer.file(entry('a/b/c/f', 'file'), bytes('x'))
    writer.file(entry('a/z', 'file'), bytes('y'))
    writer.directory(entry('b/c', 'directory', { mode: 0o711 }))
    writer.finish()
    expect(problems).toEqual([])
    expect(['', 'a', 'a/b', 'a/b/c', 'b', 'b/c'].map(bits)).toEqual([0o700, 0o700, 0o700, 0o700, 0o700, 0o711])
    expect([text('a/b/c/f'), text('a/z')]).toEqual(['x', 'y'])
  })

  it('makes pipes', () => {
    const writer = writerFor({ effects })
    writer.directory(entry('d', 'directory'))
    writer.fifo(entry('d/\xff\n', 'fifo', { mode: 0o622, mtimeSeconds: 99 }))
    writer.finish()
    expect(problems).toEqual([])
    const stats = lstatSync(inFolder(join(target, 'd'), '\xff\n'))
    expect([stats.isFIFO(), stats.mode & 0o777, stats.mtimeMs]).toEqual([true, 0o622, 99_000])
  })

  itWith('root', 'makes devices', () => {
    const writer = writerFor({ effects })
    writer.device(entry('b', 'block-device', { mode: 0o660, devMajor: 7, devMinor: 300, gid: 6 }))
    writer.device(entry('c', 'character-device', { mode: 0o666, devMajor: 1, devMinor: 3 }))
    writer.finish()
    expect(problems).toEqual([])
    const stats = ['b', 'c'].map((name) => lstatSync(join(target, name)))
    expect(stats.map((stat) => [stat.isBlockDevice(), stat.mode & 0o777, stat.gid])).toEqual([
      [true, 0o660, 6],
      [false, 0o666, process.getgid!()],
    ])
    expect(readFileSync(join(target, 'c')).length).toBe(0)
  })

  it('leaves alone what is there, unless it may overwrite', () => {
    const prepare = () => {
      mkdirSync(join(target, 'full'), { recursive: true })
      for (const name of ['f', 'full/in', 'link-to', 'g']) writeFileSync(join(target, name), 'old')
      mkdirSync(join(target, 'none'))
      symlinkSync('f', join(target, 'link'))
    }
    const write = (overwrite: boolean) => {
      const writer = writerFor({ effects, overwrite })
      writer.file(entry('f', 'file'), bytes('new'))
      writer.file(entry('full', 'file'), bytes('new'))
      writer.directory(entry('g', 'directory'))
      writer.file(entry('link', 'file'), bytes('new'))
      writer.symlink(entry('link-to', 'symlink', { linkTarget: 'new' as RawPath }))
      writer.file(entry('none', 'file'), bytes('new'))
      writer.finish()
    }
    prepare()
    write(false)
    const all = ['f', 'full', 'g', 'link', 'link-to', 'none'].map((name) => `place ${name}: EEXIST`)
    expect(told()).toEqual(all)
    expect(problems.every((problem) => !problem.written)).toBe(true)
    expect([text('f'), text('link-to'), text('full/in'), readlinkSync(join(target, 'link'))]).toEqual([
      'old',
      'old',
      'old',
      'f',
    ])
    problems = []
    write(true)
    expect(told()).toEqual(['place full: ENOTEMPTY'])
    expect([text('f'), text('link'), text('full/in'), text('none')]).toEqual(['new', 'new', 'old', 'new'])
    expect(lstatSync(join(target, 'link')).isFile()).toBe(true)
    expect(readlinkSync(join(target, 'link-to'))).toBe('new')
    expect(lstatSync(join(target, 'g')).isDirectory()).toBe(true)
    expect(readdirSync(target).filter((name) => name.startsWith('.coalmine'))).toEqual([])
  })

  it('does not write through a hard link', () => {
    const outside = join(folder, 'outside')
    writeFileSync(outside, 'theirs')
    chmodSync(outside, 0o600)
    mkdirSync(target)
    linkSync(outside, join(target, 'f'))
    const writer = writerFor({ effects, overwrite: true })
    writer.file(entry('f', 'file', { mode: 0o777 }), bytes('ours'))
    writer.finish()
    expect([readFileSync(outside, 'utf8'), lstatSync(outside).mode & 0o777, text('f')]).toEqual([
      'theirs',
      0o600,
      'ours',
    ])
  })

  it('uses folders that are there, also when their mode forbids to write', () => {
    mkdirSync(join(target, 'd/e'), { recursive: true })
    writeFileSync(join(target, 'd/e/kept'), 'kept')
    for (const name of ['d/e', 'd', '']) chmodSync(join(target, name), 0o555)
    if (asRoot) for (const name of ['d/e/kept', 'd/e', 'd', '']) chownSync(join(target, name), 65_534, 65_534)
    chmodSync(folder, 0o755)
    const owner = asRoot ? 65_534 : process.getuid!()
    const group = asRoot ? 65_534 : process.getgid!()
    asNobody(() => {
      const writer = writerFor({ effects })
      for (const path of ['', 'd', 'd/e'])
        writer.directory(entry(path, 'directory', { mode: 0o511, uid: owner, gid: group }))
      writer.file(entry('d/e/new', 'file', { uid: owner, gid: group }), bytes('new'))
      writer.finish()
    })
    expect(problems).toEqual([])
    expect(['', 'd', 'd/e'].map(bits)).toEqual([0o511, 0o511, 0o511])
    expect([text('d/e/new'), text('d/e/kept')]).toEqual(['new', 'kept'])
  })

  it('takes an entry with the empty path for the target itself', () => {
    const one = writerFor({ effects })
    one.file(entry('', 'file', { mode: 0o640, mtimeSeconds: 77 }), bytes('root'))
    one.finish()
    expect([readFileSync(target, 'utf8'), lstatSync(target).mode & 0o777, lstatSync(target).mtimeMs]).toEqual([
      'root',
      0o640,
      77_000,
    ])
    const again = writerFor({ effects })
    again.symlink(entry('', 'symlink', { linkTarget: 'x' as RawPath }))
    again.finish()
    expect(told()).toEqual(['place : EEXIST'])
    const over = writerFor({ effects, overwrite: true })
    over.symlink(entry('', 'symlink', { linkTarget: 'x' as RawPath }))
    over.finish()
    expect(readlinkSync(target)).toBe('x')
    expect(readdirSync(folder)).toEqual(['target'])
  })

  it('throws when the target cannot be a folder', () => {
    writeFileSync(target, 'file')
    expect(codeOf(() => writerFor({ effects }).directory(entry('', 'directory')))).toBe('EEXIST')
    expect(codeOf(() => writerFor({ effects }).file(entry('f', 'file'), bytes('x')))).toBe('EEXIST')
    const over = writerFor({ effects, overwrite: true })
    over.file(entry('f', 'file'), bytes('x'))
    over.finish()
    expect(text('f')).toBe('x')
    const deep = createTreeWriter(join(folder, 'none/target'), {
      ownership: 'none',
      onProblem: () => undefined,
      effects,
    })
    expect(codeOf(() => deep.directory(entry('', 'directory')))).toBe('ENOENT')
    expect(codeOf(() => deep.file(entry('', 'file'), bytes('')))).toBe('ENOENT')
  })

  it('writes through a target that is a symlink to a folder: that is the choice of the caller', () => {
    mkdirSync(join(folder, 'real'))
    symlinkSync('real', target)
    const writer = writerFor({ effects })
    writer.directory(entry('', 'directory', { mode: 0o711 }))
    writer.file(entry('f', 'file'), bytes('x'))
    writer.finish()
    expect(problems).toEqual([])
    expect([readdirSync(join(folder, 'real')), lstatSync(join(folder, 'real')).mode & 0o777]).toEqual([['f'], 0o711])
  })

  it('leaves nothing of a file that is aborted, or open when the writer is closed', () => {
    const writer = writerFor({ effects })
    const first = writer.openFile(entry('a', 'file'))
    first.write(bytes('some'))
    first.abort()
    first.abort()
    expect(codeOf(() => first.write(bytes('more')))).toBe('closed')
    expect(codeOf(() => first.commit())).toBe('closed')
    const second = writer.openFile(entry('b', 'file'))
    second.write(bytes('some'))
    expect(codeOf(() => writer.file(entry('c', 'file'), bytes('')))).toBe('busy')
    expect(codeOf(() => writer.finish())).toBe('busy')
    writer.close()
    writer.close()
    expect(readdirSync(target)).toEqual([])
    expect(codeOf(() => writer.directory(entry('d', 'directory')))).toBe('closed')
    expect(codeOf(() => writer.finish())).toBe('closed')
    expect(problems).toEqual([])
  })

  it('does not give a file its name before it is whole', () => {
    const writer = writerFor({ effects })
    const sink = writer.openFile(entry('f', 'file', { mode: 0o666 }))
    sink.write(bytes('half'))
    const [temporary] = readdirSync(target)
    expect([temporary!.startsWith('.coalmine-'), existsSync(join(target, 'f'))]).toEqual([true, false])
    expect(bits(temporary!)).toBe(0o600)
    sink.commit()
    writer.finish()
    expect(readdirSync(target)).toEqual(['f'])
  })
})

describe('createTreeWriter() with owners', () => {
  const owners = { userName: () => '', groupName: () => '', uid: () => 1234, gid: () => 5678 }

  itWith('root', 'maps names, or takes numbers, or leaves owners alone', () => {
    const given = { uid: 42, gid: 43, userName: 'ann', groupName: 'wheel' }
    const results = (['by-name', 'numeric', 'none'] as const).map((ownership) => {
      const writer = writerFor({ ownership, owners, overwrite: true })
      writer.directory(entry('d', 'directory', given))
      writer.file(entry('f', 'file', given), bytes(''))
      writer.symlink(entry('l', 'symlink', { ...given, linkTarget: 'f' as RawPath }))
      writer.fifo(entry('p', 'fifo', { ...given, userName: '', groupName: '' }))
      writer.finish()
      return ['d', 'f', 'l', 'p'].map((name) => {
        const { uid, gid } = lstatSync(join(target, name))
        return `${uid}:${gid}`
      })
    })
    expect(problems).toEqual([])
    // The folder of the last round is that of the round before; everything else is made anew.
    expect(results).toEqual([
      ['1234:5678', '1234:5678', '1234:5678', '42:43'],
      ['42:43', '42:43', '42:43', '42:43'],
      ['42:43', '0:0', '0:0', '0:0'],
    ])
  })

  itWith('root', 'keeps setuid and setgid only with the owner they speak of', () => {
    const numeric = writerFor()
    numeric.file(entry('kept', 'file', { mode: 0o6755, uid: 1000, gid: 1000 }), bytes(''))
    numeric.directory(entry('kept-d', 'directory', { mode: 0o3775, uid: 1000, gid: 1000 }))
    numeric.finish()
    expect([bits('kept'), bits('kept-d')]).toEqual([0o6755, 0o3775])
    const none = writerFor({ ownership: 'none' })
    none.file(entry('lost', 'file', { mode: 0o7755, uid: 1000, gid: 1000 }), bytes(''))
    none.directory(entry('lost-d', 'directory', { mode: 0o3775, uid: 1000, gid: 1000 }))
    none.finish()
    expect([bits('lost'), bits('lost-d')]).toEqual([0o1755, 0o1775])
    expect(problems).toEqual([])
  })

  it('tells a failed chown once, and sets mode and time all the same', () => {
    const refuse = () => {
      throw Object.assign(new Error('no'), { code: 'EPERM', errno: -1 })
    }
    const effects = { ...nodeEffects, fchown: refuse, chown: refuse, lchown: refuse }
    const writer = writerFor({ effects })
    writer.directory(entry('d', 'directory', { mode: 0o2755, mtimeSeconds: 5 }))
    writer.file(entry('d/f', 'file', { mode: 0o6751, mtimeSeconds: 6 }), bytes('eff'))
    writer.symlink(entry('d/l', 'symlink', { linkTarget: 'x' as RawPath, mtimeSeconds: 7 }))
    writer.fifo(entry('d/p', 'fifo', { mode: 0o4600, mtimeSeconds: 8 }))
    writer.finish()
    expect(told()).toEqual(['owner d/f: EPERM', 'owner d/l: EPERM', 'owner d/p: EPERM', 'owner d: EPERM'])
    expect(problems[0]).toMatchObject({
      message: 'Cannot set the owner of "d/f": operation not permitted',
      written: true,
    })
    expect(['d', 'd/f', 'd/p'].map(bits)).toEqual([0o755, 0o751, 0o600])
    expect(['d', 'd/f', 'd/l', 'd/p'].map(seconds)).toEqual([5, 6, 7, 8])
  })

  it('tells who has no right to give files away', () => {
    chmodSync(folder, 0o777)
    asNobody(() => {
      const writer = writerFor()
      writer.file(entry('f', 'file', { uid: 1, gid: 1, mode: 0o4755 }), bytes('x'))
      writer.device(entry('n', 'character-device', { devMajor: 1, devMinor: 3, uid: 1 }))
      writer.finish()
    })
    // The command that makes devices says it in its own words.
    expect(told()).toEqual(['owner f: EPERM', 'create n: EPERM'])
    expect([bits('f'), readdirSync(target)]).toEqual([0o755, ['f']])
  })

  it('refuses ids that nobody can have: the system would take them for "leave it"', () => {
    const writer = writerFor()
    for (const uid of [4_294_967_295, -1, 2 ** 40, 0.5, Number.NaN]) {
      writer.file(entry(`f${uid}`, 'file', { uid, mode: 0o4711 }), bytes(''))
    }
    writer.finish()
    expect(problems.map((problem) => problem.code)).toEqual(Array.from({ length: 5 }, () => 'EINVAL'))
    expect(bits('f4294967295')).toBe(0o711)
  })
})

describe('createTreeWriter() with trouble', () => {
  const failing = (name: keyof FileEffects, code: string, after = 0): FileEffects => {
    let calls = 0
    const real = nodeEffects[name] as (...args: unknown[]) => unknown
    const call = (...args: unknown[]) => {
      if (calls++ >= after) throw Object.assign(new Error('made up'), { code })
      return real(...args)
    }
    return { ...nodeEffects, [name]: call }
  }

  it.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'])('throws %s, and leaves no half file', (code) => {
    for (const [name, after] of [
      ['write', 1],
      ['open', 1],
      ['mkdir', 1],
      ['rename', 0],
      ['symlink', 0],
      ['fchmod', 0],
    ] as const) {
      const writer = writerFor({ effects: failing(name, code, after) })
      const call = () => {
        writer.file(entry('a', 'file'), bytes('x'))
        const sink = writer.openFile(entry('b', 'file'))
        sink.write(bytes('x'))
        sink.commit()
        writer.directory(entry('c', 'directory'))
        writer.symlink(entry('d', 'symlink', { linkTarget: 'x' as RawPath }))
        writer.file(entry('c/e', 'file'), bytes('x'))
      }
      expect(codeOf(call)).toBe(code)
      writer.close()
      expect(readdirSync(target).filter((left) => left.startsWith('.coalmine'))).toEqual([])
      target += 'x'
    }
    expect(problems).toEqual([])
  })

  it('can go on after a full disk when there is room again', () => {
    let full = false
    const write: FileEffects['write'] = (descriptor, chunk) => {
      if (full) throw Object.assign(new Error('made up'), { code: 'ENOSPC' })
      nodeEffects.write(descriptor, chunk)
    }
    const writer = writerFor({ effects: { ...nodeEffects, write } })
    const sink = writer.openFile(entry('d/a', 'file'))
    sink.write(bytes('x'))
    full = true
    expect(codeOf(() => sink.write(bytes('y')))).toBe('ENOSPC')
    sink.abort()
    full = false
    writer.file(entry('d/b', 'file'), bytes('z'))
    writer.finish()
    expect(readdirSync(join(target, 'd'))).toEqual(['b'])
  })

  it('notices a disk that says it is full when the file is closed', () => {
    // Descriptors are closed in this order: none before the file's.
    const writer = writerFor({ effects: failing('close', 'ENOSPC') })
    expect(codeOf(() => writer.file(entry('a', 'file'), bytes('x')))).toBe('ENOSPC')
    expect(readdirSync(target)).toEqual([])
  })

  it('tells what concerns one entry only, and goes on', () => {
    for (const name of ['open', 'rename', 'write', 'symlink', 'mkfifo'] as const) {
      problems = []
      const effects = failing(name, 'ENAMETOOLONG', name === 'open' ? 1 : 0)
      const writer = writerFor({ effects: { ...effects } })
      writer.file(entry('f', 'file'), bytes('x'))
      writer.symlink(entry('l', 'symlink', { linkTarget: 'x' as RawPath }))
      writer.fifo(entry('p', 'fifo'))
      writer.finish()
      const entries = { open: 'flp', rename: 'flp', write: 'f', symlink: 'l', mkfifo: 'p' }[name]
      expect(problems.map((problem) => problem.path).join('')).toBe(entries)
      expect(problems.every((problem) => problem.code === 'ENAMETOOLONG' && !problem.written)).toBe(true)
      expect(readdirSync(target)).toEqual(['f', 'l', 'p'].filter((left) => !entries.includes(left)))
      target += 'x'
    }
  })

  itWith(['mkfifo', 'sh'], 'makes pipes without telling their mode, which would be set by a name', async () => {
    const bin = await tempDir('bin')
    const [path, mask] = [process.env['PATH'], process.umask(0)]
    const real = (await run(['sh', '-c', 'command -v mkfifo'])).stdout.toString().trim()
    writeFileSync(
      join(bin, 'mkfifo'),
      `#!/bin/sh\necho "$@" >> "${bin}/said"\numask >> "${bin}/said"\nexec ${real} "$@"\n`,
      {
        mode: 0o755,
      },
    )
    process.env['PATH'] = `${bin}:${path}`
    try {
      const writer = writerFor()
      writer.fifo(entry('p', 'fifo', { mode: 0o664 }))
      writer.fifo(entry('q', 'fifo', { mode: 0o4777 }))
      writer.finish()
      expect(process.umask()).toBe(0)
    } finally {
      process.umask(mask)
      process.env['PATH'] = path
    }
    expect(problems).toEqual([])
    const modes = ['p', 'q'].map((name) => statSync(join(target, name)).mode & 0o777)
    expect(modes).toEqual([0o664, 0o777])
    const said = readFileSync(join(bin, 'said'), 'utf8').trim().split('\n')
    if (nodeEffects.descriptors() !== undefined) {
      expect(said.filter((line) => line.startsWith('-- .coalmine-'))).toHaveLength(2)
      expect(said.filter((line) => /^0?177$/.test(line))).toHaveLength(2)
    }
  })

  it('goes on after a name that is too long, and a link target that is too long', () => {
    const writer = writerFor()
    writer.file(entry('x'.repeat(256), 'file'), bytes('x'))
    writer.directory(entry(`d/${'x'.repeat(256)}`, 'directory'))
    writer.symlink(entry('l', 'symlink', { linkTarget: 'y'.repeat(5000) as RawPath }))
    writer.file(entry('z', 'file'), bytes('zed'))
    writer.finish()
    expect(problems.map((problem) => problem.code)).toEqual(['ENAMETOOLONG', 'ENAMETOOLONG', 'ENAMETOOLONG'])
    expect(readdirSync(target)).toEqual(['d', 'z'])
  })

  it('refuses times and devices that there are not', () => {
    const writer = writerFor()
    writer.file(entry('f', 'file', { mtimeSeconds: Number.NaN }), bytes(''))
    writer.device(entry('n', 'block-device', { devMajor: -1, devMinor: 0 }))
    writer.device(entry('o', 'block-device', { devMajor: 1, devMinor: 0.5 }))
    writer.finish()
    expect(told()).toEqual(['time f: EINVAL', 'create n: EINVAL', 'create o: EINVAL'])
  })

  it('passes on what the listener throws, and leaves nothing behind', () => {
    const stop = new Error('stop')
    const effects = failing('fchmod', 'EPERM')
    const writer = writerFor({
      effects,
      onProblem: () => {
        throw stop
      },
    })
    expect(() => writer.file(entry('f', 'file'), bytes('x'))).toThrow(stop)
    expect(readdirSync(target)).toEqual([])
    writer.close()
  })

  it('tells a temporary file that it cannot remove', () => {
    const unlink = () => {
      throw Object.assign(new Error('made up'), { code: 'EPERM' })
    }
    const effects = { ...failing('rename', 'EACCES'), unlink }
    const writer = writerFor({ effects })
    writer.file(entry('f', 'file'), bytes('x'))
    writer.finish()
    expect(told()).toEqual(['create f: EACCES', 'create f: EPERM'])
    expect(problems[1]!.message).toMatch(/^Cannot remove "\.coalmine-\w+-1", left over from "f": /)
  })

  it('does nothing that is not one of its effects', () => {
    const calls: string[] = []
    let last = 100
    // A file system that is always empty: were anything done past it, the folder would show it.
    const silent = new Proxy(nodeEffects, {
      get: (_, name: string) => (path: unknown) => {
        calls.push(name)
        if (name === 'lstat') return undefined
        if (name === 'descriptors') return '/proc/none/fd/'
        if (name === 'open') return (last += 1)
        if (name !== 'fstat') return undefined
        const kind = calls.findLast((call) => call === 'symlink' || call === 'mkfifo' || call === 'mknod')
        const kinds = { symlink: 'symlink', mkfifo: 'fifo', mknod: 'block-device' } as const
        return { kind: kinds[kind as keyof typeof kinds], links: 1, mode: 0, uid: 0, gid: 0, path }
      },
    })
    const writer = writerFor({ effects: silent })
    writer.directory(entry('', 'directory'))
    writer.directory(entry('d', 'directory'))
    writer.file(entry('d/f', 'file'), bytes('x'))
    writer.symlink(entry('d/l', 'symlink', { linkTarget: 'x' as RawPath }))
    writer.fifo(entry('d/p', 'fifo'))
    writer.device(entry('d/v', 'block-device'))
    writer.finish()
    expect(problems).toEqual([])
    expect(readdirSync(folder)).toEqual([])
    const counts = new Map<string, number>()
    for (const name of calls) counts.set(name, (counts.get(name) ?? 0) + 1)
    expect(Object.fromEntries(counts)).toEqual({
      chmod: 2,
      chown: 3,
      close: 6,
      descriptors: 6,
      fchmod: 3,
      fchown: 3,
      fstat: 3,
      futimes: 3,
      lstat: 6,
      mkdir: 2,
      mkfifo: 1,
      mknod: 1,
      open: 6,
      rename: 4,
      symlink: 1,
      utimes: 3,
      write: 1,
    })
  })

  it('keeps the time of a folder into which much was written', () => {
    const writer = writerFor()
    writer.directory(entry('', 'directory', { mtimeSeconds: 10 }))
    for (let d = 0; d < 3; d++) {
      writer.directory(entry(`d${d}`, 'directory', { mtimeSeconds: 20 + d }))
      for (let f = 0; f < 20; f++) writer.file(entry(`d${d}/f${f}`, 'file'), bytes('x'))
      writer.directory(entry(`d${d}/z`, 'directory', { mtimeSeconds: 30 + d }))
    }
    writer.finish()
    expect(['', 'd0', 'd1', 'd2', 'd0/z', 'd2/z'].map(seconds)).toEqual([10, 20, 21, 22, 30, 32])
  })

  it('restores once more over what it has restored', () => {
    const write = (overwrite: boolean, content: string) => {
      const writer = writerFor({ overwrite })
      writer.directory(entry('', 'directory', { mtimeSeconds: 10 }))
      writer.directory(entry('d', 'directory', { mtimeSeconds: 20 }))
      writer.file(entry('d/f', 'file', { mtimeSeconds: 30 }), bytes(content))
      writer.finish()
    }
    write(false, 'one')
    utimesSync(join(target, 'd/f'), 1, 1)
    write(true, 'two')
    expect(problems).toEqual([])
    expect([text('d/f'), seconds('d/f'), seconds('d'), seconds('')]).toEqual(['two', 30, 20, 10])
  })
})
