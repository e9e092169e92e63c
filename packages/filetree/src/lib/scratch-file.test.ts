import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { existsSync, fstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type FileEffects, nodeEffects } from './effects.ts'
import { createTreeWriter, type TreeWriterOptions } from './tree-writer.ts'

const path = (text: string) => text as RawPath
let folder: string
let target: string

beforeEach(async () => {
  folder = await tempDir('scratch')
  target = join(folder, 'target')
})

const writerFor = (options: Partial<TreeWriterOptions> = {}) =>
  createTreeWriter(target, { ownership: 'none', onProblem: () => undefined, ...options })

function readAll(file: { read(into: Uint8Array, at: number): number }): string {
  const buffer = Buffer.alloc(100)
  return buffer.toString('latin1', 0, file.read(buffer, 0))
}

describe.each([
  { way: 'by descriptors', base: nodeEffects },
  { way: 'by paths', base: { ...nodeEffects, descriptors: () => undefined } },
])('TreeWriter.scratch(), $way', ({ base }) => {
  it('keeps bytes where nobody finds them, for their owner alone, until it is closed', () => {
    let descriptor = -1
    const effects: FileEffects = {
      ...base,
      write(to, bytes) {
        descriptor = to
        base.write(to, bytes)
      },
    }
    const writer = writerFor({ effects })
    const file = writer.scratch(path('a/b'))
    expect(readdirSync(target)).toEqual([])
    file.write(Buffer.from('one, '))
    file.write(Buffer.from('two'))
    const { nlink, mode } = fstatSync(descriptor)
    expect([nlink, mode & 0o7777]).toEqual([0, 0o600])
    expect(readAll(file)).toBe('one, two')
    const two = Buffer.alloc(3)
    expect(file.read(two, 5)).toBe(3)
    expect(two.toString()).toBe('two')
    expect(file.read(two, 8)).toBe(0)
    file.close()
    file.close()
    expect(() => fstatSync(descriptor)).toThrow(/EBADF/)
    writer.finish()
    expect(readdirSync(folder)).toEqual(['target'])
    expect(() => writer.scratch(path('a'))).toThrow(/the writer was closed/)
  })

  it('lies beside a target that is to be a file, and makes no folder of it', () => {
    const writer = writerFor({ effects: base })
    const file = writer.scratch(path(''))
    expect(readdirSync(folder)).toEqual([])
    file.write(Buffer.from('x'))
    expect(readAll(file)).toBe('x')
    file.close()
    writer.close()
    expect(existsSync(target)).toBe(false)
  })

  it('takes any bytes as the name of the target', () => {
    const odd = Buffer.concat([Buffer.from(folder), Buffer.from([47, 0xff, 10, 0xe9])])
    const writer = createTreeWriter(odd, { ownership: 'none', effects: base, onProblem: () => undefined })
    const file = writer.scratch(path('a'))
    file.write(Buffer.from('x'))
    expect(readAll(file)).toBe('x')
    file.close()
    writer.close()
  })

  it('says what is the case when it cannot be made, written or read, and holds nothing then', () => {
    const failing = (name: keyof FileEffects) =>
      writerFor({
        effects: {
          ...base,
          [name]() {
            throw Object.assign(new Error('EIO: …'), { code: 'EIO' })
          },
        },
      })
    const message = `Cannot keep a large file for patching in "${target}": EIO: …`
    mkdirSync(target)
    expect(() => failing('unlink').scratch(path('a'))).toThrow(message)
    for (const name of readdirSync(target)) rmSync(join(target, name))
    for (const [name, use] of [
      ['write', (file: ReturnType<ReturnType<typeof writerFor>['scratch']>) => file.write(Buffer.from('x'))],
      ['read', (file: ReturnType<ReturnType<typeof writerFor>['scratch']>) => file.read(Buffer.alloc(1), 0)],
    ] as const) {
      const file = failing(name).scratch(path('a'))
      expect(() => use(file)).toThrow(expect.objectContaining({ name: 'FileTreeError', code: 'EIO', message }))
      file.close()
    }
    expect(readdirSync(target)).toEqual([])
  })
})

describe.runIf(nodeEffects.descriptors() !== undefined)('TreeWriter.scratch()', () => {
  it('lies in the folder that was opened, whatever has its name by then', () => {
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'theirs'), '')
    const made: string[] = []
    const writer = writerFor({
      effects: {
        ...nodeEffects,
        unlink(where) {
          made.push(...readdirSync(outside))
          nodeEffects.unlink(where)
        },
      },
    })
    writer.scratch(path('a')).close()
    renameSync(target, join(folder, 'moved'))
    symlinkSync('outside', target)
    writer.scratch(path('a')).close()
    writer.close()
    expect(made).toEqual(['theirs', 'theirs'])
  })
})
