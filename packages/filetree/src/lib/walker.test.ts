import { tempDir } from '@coalmine/fixtures'
import { displayPath } from '@coalmine/bytes'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asNobody } from '../../test/as-nobody.ts'
import { unpackBatch } from './batch.ts'
import { nodeEffects } from './effects.ts'
import type { TreeEntry, TreeProblem } from './entry.ts'
import { closeRoot, openRoot, type TreeRoot } from './tree-root.ts'
import { TreeWalker, type WalkerOptions } from './walker.ts'

let folder: string
let root: TreeRoot

beforeEach(async () => {
  guarded = false
  folder = await tempDir('walker')
  chmodSync(folder, 0o755)
})

afterEach(() => {
  if (root !== undefined) closeRoot(root)
})

/** As if nobody else could write to the folders above: test folders lie where everybody can. */
let guarded = false

function start(options: WalkerOptions = {}): TreeWalker {
  root = openRoot(folder)
  const path = guarded && root.descriptor !== undefined ? `${folder}/` : undefined
  return new TreeWalker({ ...root, guarded: path }, options)
}

function rest(walker: TreeWalker): { entries: TreeEntry[]; problems: TreeProblem[] } {
  const entries: TreeEntry[] = []
  const problems: TreeProblem[] = []
  for (let batch = walker.next(); batch !== undefined; batch = walker.next()) {
    const unpacked = unpackBatch(batch)
    entries.push(...unpacked.entries)
    problems.push(...unpacked.problems)
  }
  return { entries, problems }
}

const paths = (walked: { entries: TreeEntry[] }): string[] => walked.entries.map((entry) => entry.path)
const codes = (walked: { problems: TreeProblem[] }): string[] =>
  walked.problems.map(({ path, operation, code }) => `${operation} ${path}: ${code}`)
const text = (entry: TreeEntry | undefined): string | undefined =>
  entry?.content === undefined ? undefined : Buffer.from(entry.content).toString()

it('TreeWalker gives folders first, and names in the order of their bytes', () => {
  for (const name of ['b', 'a', 'a.b', 'Z', '\u00e9', 'a-', 'a0']) writeFileSync(join(folder, name), '')
  rmSync(join(folder, 'a'))
  mkdirSync(join(folder, 'a/z'), { recursive: true })
  writeFileSync(join(folder, 'a/z/deep'), '')
  writeFileSync(join(folder, 'a/a'), '')
  // "a", "a/z", "a.b": component by component, not as joined strings.
  const wanted = ['', 'Z', 'a', 'a/a', 'a/z', 'a/z/deep', 'a-', 'a.b', 'a0', 'b', '\xc3\xa9']
  expect(paths(rest(start()))).toEqual(wanted)
})

it('TreeWalker walks an empty folder, and again', () => {
  expect(paths(rest(start()))).toEqual([''])
  const walker = start()
  expect(paths(rest(walker))).toEqual([''])
  expect(walker.next()).toBe(undefined)
})

it('TreeWalker gives exact times, where a double would round up to the next second', () => {
  writeFileSync(join(folder, 'x'), '')
  // Not what utimes can set on its own: doubles have 0.2 microseconds there.
  const second = 1_700_000_000
  utimesSync(join(folder, 'x'), second, second + 0.75)
  const [, entry] = rest(start()).entries
  expect([entry!.mtimeSeconds, entry!.mtimeNanos]).toEqual([second, 750_000_000])
  utimesSync(join(folder, 'x'), 0, new Date(-1500))
  const [, early] = rest(start()).entries
  expect([early!.mtimeSeconds, early!.mtimeNanos]).toEqual([-2, 500_000_000])
})

it.each([1, 2, 7, 1024])('TreeWalker gives the same in batches of %i', (batchEntries) => {
  for (let i = 0; i < 5; i++) {
    mkdirSync(join(folder, `d${i}/e`), { recursive: true })
    for (let j = 0; j < 5; j++) writeFileSync(join(folder, `d${i}/e/f${j}`), `content ${i} ${j}`)
  }
  const walked = rest(start({ batchEntries, contentUpTo: 100 }))
  expect(walked.entries.length).toBe(1 + 5 * 7)
  expect(walked.entries.filter((entry) => entry.kind === 'file').map(text)).toEqual(
    Array.from({ length: 25 }, (_, index) => `content ${Math.floor(index / 5)} ${index % 5}`),
  )
})

it('TreeWalker ends a batch when it has taken long', () => {
  for (let i = 0; i < 300; i++) writeFileSync(join(folder, String(i)), '')
  let now = 0
  const walker = start({ batchMs: 50, nowMs: () => (now += 30) })
  const first = unpackBatch(walker.next()!)
  expect(first.entries.length).toBeLessThan(200)
  expect(first.entries.length + rest(walker).entries.length).toBe(301)
})

describe.each([true, false])('TreeWalker with contents, kinds told: %s', (kinds) => {
  it('gives files with fewer bytes than the limit, and no others', () => {
    for (const size of [0, 1, 9, 10, 11])
      writeFileSync(join(folder, `f${String(size).padStart(2, '0')}`), 'x'.repeat(size))
    symlinkSync('f01', join(folder, 'link'))
    const { entries } = rest(start({ contentUpTo: 10, kinds }))
    expect(entries.map((entry) => entry.content?.length)).toEqual([undefined, 0, 1, 9, undefined, undefined, undefined])
  })

  it('gives large and small contents whole', () => {
    const sizes = [0, 70_000, 262_143, 262_144, 300_000, 5, 1_048_575, 3]
    for (const [index, size] of sizes.entries())
      writeFileSync(join(folder, String(index)), Buffer.alloc(size, index + 65))
    const { entries } = rest(start({ contentUpTo: 1_048_576, kinds }))
    for (const [index, size] of sizes.entries()) {
      expect(Buffer.alloc(size, index + 65).equals(entries[index + 1]!.content!)).toBe(true)
    }
  })

  it('reads files whose size is not told, up to the limit', () => {
    folder = `/proc/${process.pid}`
    const walker = start({ contentUpTo: 100_000, kinds, batchEntries: 1 })
    let comm: TreeEntry | undefined
    for (let batch = walker.next(); batch !== undefined && comm === undefined; batch = walker.next()) {
      comm = unpackBatch(batch).entries.find((entry) => entry.path === 'cmdline')
      if (batch.last) break
    }
    walker.close()
    expect(comm!.size).toBe(0)
    expect(text(comm)).toContain('node')
  })

  it('does not wait for a pipe, and does not read a device or a socket', () => {
    nodeEffects.mkfifo(folder, 'pipe', 0o644)
    writeFileSync(join(folder, 'z'), 'zed')
    const { entries, problems } = rest(start({ contentUpTo: 10, kinds }))
    expect(entries.map((entry) => [entry.path, entry.kind, text(entry)])).toEqual([
      ['', 'directory', undefined],
      ['pipe', 'fifo', undefined],
      ['z', 'file', 'zed'],
    ])
    expect(problems).toEqual([])
  })

  it('takes what it finds when a name has become another kind since the folder was listed', () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) writeFileSync(join(folder, name), name)
    const walker = start({ contentUpTo: 10, kinds, batchEntries: 2 })
    walker.next()
    for (const name of ['b', 'c', 'd']) unlinkSync(join(folder, name))
    symlinkSync('/etc/passwd', join(folder, 'b'))
    mkdirSync(join(folder, 'c'))
    writeFileSync(join(folder, 'c/in'), 'in')
    nodeEffects.mkfifo(folder, 'd', 0o600)
    const walked = rest(walker)
    expect(walked.entries.map((entry) => [entry.path, entry.kind, entry.linkTarget ?? text(entry)])).toEqual([
      ['b', 'symlink', '/etc/passwd'],
      ['c', 'directory', undefined],
      ['c/in', 'file', 'in'],
      ['d', 'fifo', undefined],
      ['e', 'file', 'e'],
    ])
    expect(walked.problems).toEqual([])
  })

  it('gives a file that grew or shrank since the folder was listed as it is now', () => {
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(folder, name), '12345')
    const walker = start({ contentUpTo: 10, kinds, batchEntries: 2 })
    walker.next()
    truncateSync(join(folder, 'b'), 2)
    writeFileSync(join(folder, 'c'), '123456789')
    writeFileSync(join(folder, 'd'), '1234567890')
    expect(rest(walker).entries.map(text)).toEqual(['12', '123456789', undefined])
  })
})

describe.each([
  { contentUpTo: 0, kinds: true },
  { contentUpTo: 100, kinds: true },
  { contentUpTo: 0, kinds: true, paths: true },
  { contentUpTo: 100, kinds: true, paths: true },
  // As on file systems whose folders do not tell kinds.
  { contentUpTo: 100, kinds: false },
])(
  'TreeWalker with trouble, contents up to $contentUpTo, kinds told: $kinds, guarded: $paths',
  ({ contentUpTo, kinds, paths: forced = false }) => {
    beforeEach(() => {
      guarded = forced
    })

    it('passes over what vanishes after the folder was listed', () => {
      for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(folder, name), '')
      mkdirSync(join(folder, 'e'))
      const walker = start({ batchEntries: 2, contentUpTo, kinds })
      expect(paths(unpackBatch(walker.next()!))).toEqual(['', 'a'])
      for (const name of ['b', 'c', 'e']) rmSync(join(folder, name), { recursive: true })
      const walked = rest(walker)
      expect(paths(walked)).toEqual(['d'])
      expect(walked.problems).toEqual([])
    })

    it('tells the folder that it cannot list, and goes on', () => {
      mkdirSync(join(folder, 'a/closed'), { recursive: true })
      chmodSync(join(folder, 'a/closed'), 0)
      writeFileSync(join(folder, 'b'), '')
      const walked = asNobody(() => rest(start({ contentUpTo, kinds })))
      expect(paths(walked)).toEqual(['', 'a', 'a/closed', 'b'])
      expect(codes(walked)).toEqual(['list a/closed: EACCES'])
      expect(walked.problems[0]!.message).toBe('Cannot list "a/closed": permission denied')
    })

    it('tells each name in a folder that may be listed but not entered', () => {
      mkdirSync(join(folder, 'a'))
      for (const name of ['x\n', 'y']) writeFileSync(join(folder, 'a', name), '')
      chmodSync(join(folder, 'a'), 0o444)
      const walked = asNobody(() => rest(start({ contentUpTo, kinds })))
      expect(paths(walked)).toEqual(['', 'a'])
      expect(codes(walked)).toEqual(['lstat a/x\n: EACCES', 'lstat a/y: EACCES'])
      expect(walked.problems[0]!.message).toBe(
        `Cannot look at "${displayPath(walked.problems[0]!.path)}": permission denied`,
      )
    })

    it('leaves out a small file that it cannot read when contents are wanted, and only then', () => {
      for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), 'text')
      writeFileSync(join(folder, 'large'), 'x'.repeat(500))
      for (const name of ['b', 'large']) chmodSync(join(folder, name), 0)
      const walked = asNobody(() => rest(start({ contentUpTo, kinds })))
      expect(paths(walked)).toEqual(contentUpTo === 0 ? ['', 'a', 'b', 'c', 'large'] : ['', 'a', 'c', 'large'])
      expect(codes(walked)).toEqual(contentUpTo === 0 ? [] : ['open b: EACCES'])
    })

    it('tells the root that is gone', () => {
      const file = join(folder, 'file')
      writeFileSync(file, 'x')
      folder = file
      const walker = start({ contentUpTo, kinds })
      unlinkSync(file)
      expect(codes(rest(walker))).toEqual(['lstat : ENOENT'])
    })

    it('goes on with the tree it has opened when the root is moved, and another put in its place', () => {
      mkdirSync(join(folder, 'tree/sub'), { recursive: true })
      writeFileSync(join(folder, 'tree/sub/ours'), 'ours')
      const [tree, moved] = [join(folder, 'tree'), join(folder, 'moved')]
      folder = tree
      const walker = start({ contentUpTo, kinds })
      renameSync(tree, moved)
      mkdirSync(join(tree, 'sub'), { recursive: true })
      writeFileSync(join(tree, 'sub/theirs'), 'theirs')
      expect(paths(rest(walker))).toEqual(['', 'sub', 'sub/ours'])
    })

    it('is not led elsewhere by a folder that becomes a symlink under its feet', () => {
      const secret = mkdtempSync(join(folder, 'secret-'))
      writeFileSync(join(secret, 'b'), 'secret')
      mkdirSync(join(folder, 'tree/sub'), { recursive: true })
      for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, 'tree/sub', name), 'ours')
      folder = join(folder, 'tree')
      // Others can write here: so what is below is not looked up by its path.
      chmodSync(folder, 0o777)
      const walker = start({ batchEntries: 3, contentUpTo, kinds })
      expect(paths(unpackBatch(walker.next()!))).toEqual(['', 'sub', 'sub/a'])
      renameSync(join(folder, 'sub'), join(folder, '../away'))
      symlinkSync(secret, join(folder, 'sub'))
      const { entries } = rest(walker)
      expect(entries.map((entry) => [entry.path, entry.size])).toEqual([
        ['sub/b', 4],
        ['sub/c', 4],
      ])
      if (contentUpTo > 0) expect(entries.map(text)).toEqual(['ours', 'ours'])
    })

    it('tells the folder that it had to leave and cannot find again, and goes on above it', () => {
      mkdirSync(join(folder, 'a/b/c/d/e'), { recursive: true })
      for (const name of ['a/b/z', 'a/b/zz', 'a/z']) writeFileSync(join(folder, name), '')
      const walker = start({ window: 1, batchEntries: 6, contentUpTo, kinds })
      expect(paths(unpackBatch(walker.next()!)).at(-1)).toBe('a/b/c/d/e')
      renameSync(join(folder, 'a/b'), join(folder, 'a/was'))
      mkdirSync(join(folder, 'a/b'))
      const walked = rest(walker)
      expect(paths(walked)).toEqual(['a/z'])
      expect(codes(walked)).toEqual(forced ? ['lstat a/b/z: changed', 'lstat a/b/zz: changed'] : ['list a/b: changed'])
    })
  },
)
