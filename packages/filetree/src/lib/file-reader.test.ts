import { collect, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { asNobody } from '../../test/as-nobody.ts'
import { nodeEffects } from './effects.ts'
import type { OpenableEntry } from './entry.ts'
import { FileTreeError } from './errors.ts'
import { type FileReader, fileFlags, isInside, pieceBytes, readSmall, TreeOpener } from './file-reader.ts'
import { closeRoot, openRoot, type TreeRoot } from './tree-root.ts'

let folder: string
let root: TreeRoot
let opener: TreeOpener

beforeEach(async () => {
  folder = await tempDir('reader')
  chmodSync(folder, 0o755)
  root = openRoot(folder)
  opener = new TreeOpener(root)
})

afterEach(() => {
  opener.close()
  closeRoot(root)
})

function entryOf(path: string): OpenableEntry {
  const { mode, uid, gid } = lstatSync(join(folder, path))
  return { path: path as RawPath, mode: mode & 0o7777, uid, gid }
}

async function all(reader: FileReader): Promise<{ bytes: Uint8Array; pieces: number }> {
  let pieces = 0
  async function* read() {
    for (let last = false; !last;) {
      const piece = reader.next()
      pieces += 1
      last = piece.last
      yield piece.bytes
    }
  }
  return { bytes: await collect(read()), pieces }
}

function codeOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(FileTreeError)
    return (error as FileTreeError).code
  }
  return 'none'
}

const patterned = (size: number): Buffer => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7 + 3) % 251))

it.each([0, 1, 100, pieceBytes - 1, pieceBytes, pieceBytes + 1, 2 * pieceBytes, 2 * pieceBytes + 5])(
  'FileReader reads all of %i bytes',
  async (size) => {
    const content = patterned(size)
    writeFileSync(join(folder, 'f'), content)
    const { bytes, pieces } = await all(opener.open(entryOf('f')))
    expect(content.equals(bytes)).toBe(true)
    // The end is known without a further trip, unless the file ends with a piece.
    expect(pieces).toBe(Math.max(1, Math.ceil((size + (size % pieceBytes === 0 && size > 0 ? 1 : 0)) / pieceBytes)))
  },
)

it('FileReader reads a file that grows to the end that it has by then', async () => {
  writeFileSync(join(folder, 'f'), patterned(2 * pieceBytes))
  const reader = opener.open(entryOf('f'))
  const first = reader.next()
  appendFileSync(join(folder, 'f'), 'x'.repeat(pieceBytes + 5))
  const { bytes } = await all(reader)
  expect(first.bytes.length + bytes.length).toBe(3 * pieceBytes + 5)
  expect(Buffer.from(bytes.subarray(-pieceBytes - 5)).toString()).toBe('x'.repeat(pieceBytes + 5))
})

it('FileReader reads a file that shrinks to the end that it has by then', async () => {
  writeFileSync(join(folder, 'f'), patterned(3 * pieceBytes))
  const reader = opener.open(entryOf('f'))
  reader.next()
  truncateSync(join(folder, 'f'), pieceBytes + 10)
  expect((await all(reader)).bytes.length).toBe(10)
})

it('FileReader reads a file that is unlinked or replaced meanwhile as it was opened', async () => {
  writeFileSync(join(folder, 'f'), patterned(2 * pieceBytes))
  const reader = opener.open(entryOf('f'))
  unlinkSync(join(folder, 'f'))
  writeFileSync(join(folder, 'f'), 'another')
  expect((await all(reader)).bytes.length).toBe(2 * pieceBytes)
})

it('FileReader reads what does not tell its size', async () => {
  const reader = new TreeOpener(openRoot(`/proc/${process.pid}`))
  const { mode, uid, gid } = lstatSync(`/proc/${process.pid}/cmdline`)
  const { bytes } = await all(reader.open({ path: 'cmdline' as RawPath, mode: mode & 0o7777, uid, gid }))
  expect(Buffer.from(bytes).toString()).toContain('node')
})

it('TreeOpener opens files here and there, also with names that are no text', async () => {
  mkdirSync(join(folder, 'a/b'), { recursive: true })
  mkdirSync(join(folder, 'c'))
  const names = ['a/b/x', 'a/y', 'c/z', 'top', 'a/b/x']
  for (const name of names) writeFileSync(join(folder, name), name)
  for (const name of names) expect(Buffer.from((await all(opener.open(entryOf(name)))).bytes).toString()).toBe(name)
  const raw = 'a/\xff\n'
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(raw, 'latin1')]), 'raw', { mode: 0o644 })
  const { bytes } = await all(opener.open({ ...entryOf('a/y'), path: raw as RawPath }))
  expect(Buffer.from(bytes).toString()).toBe('raw')
})

it('TreeOpener opens a root that is a file', async () => {
  writeFileSync(join(folder, 'f'), 'root')
  const one = new TreeOpener(openRoot(join(folder, 'f')))
  const entry = { ...entryOf('f'), path: '' as RawPath }
  expect(Buffer.from((await all(one.open(entry))).bytes).toString()).toBe('root')
  expect(codeOf(() => one.open({ ...entry, path: 'x' as RawPath }))).toBe('ENOENT')
})

it('TreeOpener refuses what is no regular file, follows no symlink and waits for no pipe', () => {
  writeFileSync(join(folder, 'f'), '')
  const was = entryOf('f')
  unlinkSync(join(folder, 'f'))
  symlinkSync('/etc/passwd', join(folder, 'f'))
  expect(codeOf(() => opener.open(was))).toBe('ELOOP')
  unlinkSync(join(folder, 'f'))
  nodeEffects.mkfifo(folder, 'f', 0o644)
  expect(codeOf(() => opener.open(was))).toBe('changed')
  unlinkSync(join(folder, 'f'))
  mkdirSync(join(folder, 'f'))
  expect(codeOf(() => opener.open(was))).toBe('changed')
  expect(codeOf(() => opener.open({ ...was, path: '' as RawPath }))).toBe('changed')
})

it('TreeOpener refuses a file with other permissions or another owner than the one that was walked', () => {
  writeFileSync(join(folder, 'f'), 'x')
  const was = entryOf('f')
  expect(codeOf(() => opener.open({ ...was, mode: 0o4755 }))).toBe('changed')
  expect(codeOf(() => opener.open({ ...was, uid: was.uid + 1 }))).toBe('changed')
  expect(codeOf(() => opener.open({ ...was, gid: was.gid + 1 }))).toBe('changed')
  expect(codeOf(() => opener.open(was).close())).toBe('none')
})

it('TreeOpener does not follow a folder that became a symlink', () => {
  mkdirSync(join(folder, 'd'))
  writeFileSync(join(folder, 'd/f'), 'x')
  const was = entryOf('d/f')
  renameSync(join(folder, 'd'), join(folder, 'moved'))
  symlinkSync('moved', join(folder, 'd'))
  expect(codeOf(() => opener.open(was))).toMatch(/ELOOP|ENOTDIR/)
})

it('TreeOpener says what is missing or forbidden', () => {
  writeFileSync(join(folder, 'f'), 'x')
  chmodSync(join(folder, 'f'), 0)
  const was = entryOf('f')
  expect(asNobody(() => codeOf(() => opener.open(was)))).toBe('EACCES')
  unlinkSync(join(folder, 'f'))
  expect(() => opener.open(was)).toThrow('Cannot open "f": no such file or directory')
})

it('TreeOpener opens nothing by a path that leads elsewhere', () => {
  writeFileSync(join(folder, '../outside'), 'x')
  const was = { mode: 0o644, uid: 0, gid: 0 }
  for (const path of ['..', '../outside', '/etc/passwd', 'a/../f', './f', 'a//b', 'f/', '\u012f\u012e', 'a\0b']) {
    expect(codeOf(() => opener.open({ ...was, path: path as RawPath }))).toBe('unsafe-name')
  }
  unlinkSync(join(folder, '../outside'))
})

it('isInside() takes plain names of any bytes', () => {
  for (const path of ['a', 'a/b', '...', '..a', ' ', '\n', '\xff/\x01', 'a\\..\\b']) expect(isInside(path)).toBe(true)
  // The upper half of the last two would be lost: they would become ".." and "a/b".
  for (const path of ['', '/', 'a/', '.', 'a/.', '\0', '\u012e\u012e', 'a\u012fb']) expect(isInside(path)).toBe(false)
})

it('readSmall() reads what is there, and nothing at or above the limit', () => {
  const read = (size: number, told: number, upTo: number) => {
    writeFileSync(join(folder, 'f'), patterned(size))
    const descriptor = openSync(join(folder, 'f'), fileFlags)
    const content = readSmall(descriptor, told, upTo, (length) => new Uint8Array(length))
    nodeEffects.close(descriptor)
    return content
  }
  for (const told of [0, 1, 99, 100, 101, 150]) {
    expect(patterned(100).equals(read(100, told, 200)!)).toBe(true)
    expect(patterned(199).equals(read(199, told, 200)!)).toBe(true)
    expect(read(200, told, 200)).toBe(undefined)
    expect(read(300, told, 200)).toBe(undefined)
  }
  expect(patterned(200_000).equals(read(200_000, 0, 1_000_000)!)).toBe(true)
})
