import { tempDir } from '@coalmine/fixtures'
import { chmodSync, mkdirSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asNobody } from '../../test/as-nobody.ts'
import { unpackBatch } from './batch.ts'
import { nodeEffects } from './effects.ts'
import type { TreeEntry, TreeProblem } from './entry.ts'
import { listFolder } from './list-folder.ts'
import { onlyTree } from './only.ts'
import type { Candidate, Select, Verdict } from './select.ts'
import { closeRoot, openRoot, type TreeRoot } from './tree-root.ts'
import { TreeWalker, type WalkerOptions } from './walker.ts'

let folder: string
let root: TreeRoot | undefined

beforeEach(async () => {
  folder = await tempDir('select')
  chmodSync(folder, 0o755)
})

afterEach(() => {
  if (root !== undefined) closeRoot(root)
  root = undefined
})

interface Walked {
  entries: TreeEntry[]
  problems: TreeProblem[]
  batches: number
  /** Folders that were listed: how often, by path. */
  listed: string[]
  /** Descriptors of folders that were opened. */
  opened: number
}

function walk(options: WalkerOptions = {}, followLinks = false): Walked {
  root = openRoot(folder, followLinks)
  const result: Walked = { entries: [], problems: [], batches: 0, listed: [], opened: 0 }
  const port = {
    ...nodeEffects,
    open: (...args: Parameters<typeof nodeEffects.open>) => {
      result.opened += 1
      return nodeEffects.open(...args)
    },
  }
  const list: typeof listFolder = (where, kinds) => {
    const names = listFolder(where, kinds)
    result.listed.push(names.names.join())
    return names
  }
  const walker = new TreeWalker(root, { port, list, ...options })
  for (let batch = walker.next(); batch !== undefined; batch = walker.next()) {
    const unpacked = unpackBatch(batch)
    result.batches += 1
    result.entries.push(...unpacked.entries)
    result.problems.push(...unpacked.problems)
  }
  return result
}

const paths = ({ entries }: { entries: TreeEntry[] }) => entries.map((entry) => entry.path)

/** By path; what is not named gets the other verdict. */
function verdicts(named: Record<string, Verdict>, other: Verdict = 'include'): Select {
  return ({ path }) => named[path] ?? other
}

/** Files by path, with the folders they need. */
function plant(...files: string[]): void {
  for (const file of files) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    if (file.endsWith('/')) mkdirSync(join(folder, file))
    else writeFileSync(join(folder, file), file)
  }
}

describe.each([0, 100])('TreeWalker with a selection, contents up to %i', (contentUpTo) => {
  it('gives what is included, and never reads a folder that is excluded', () => {
    plant('a/x', 'a/big/1', 'a/big/deep/2', 'a/z', 'b', 'c/1')
    const all = walk({ contentUpTo })
    expect(all.listed.length).toBe(5)
    expect(all.opened).toBe(4)
    const walked = walk({ contentUpTo, select: verdicts({ 'a/big': 'exclude', b: 'exclude', c: 'exclude' }) })
    expect(paths(walked)).toEqual(['', 'a', 'a/x', 'a/z'])
    expect(walked.listed).toEqual(['a,b,c', 'big,x,z'])
    expect(walked.opened).toBe(1)
  })

  it('gives folders that are only scanned when something below them comes, before it and in order', () => {
    plant('a/b/c/file', 'a/b/d/none', 'a/e/none', 'f/none', 'g/h/i/j/one', 'g/h/k/two', 'g/z')
    const named = { 'a/b/c/file': 'include', 'g/h/i/j/one': 'include', 'g/h/k/two': 'include' } as const
    const walked = walk({ contentUpTo, select: verdicts(named, 'scan') })
    const wanted = ['', 'a', 'a/b', 'a/b/c', 'a/b/c/file', 'g', 'g/h', 'g/h/i', 'g/h/i/j', 'g/h/i/j/one']
    expect(paths(walked)).toEqual([...wanted, 'g/h/k', 'g/h/k/two'])
    expect(walked.entries.find(({ path }) => path === 'g/h')).toMatchObject({ kind: 'directory' })
    // "f" and "a/e" were looked into, in vain.
    expect(walked.listed.length).toBe(12)
  })

  it('takes folders in a folder that comes as they are decided', () => {
    plant('in/scanned/no', 'in/out/no', 'in/in/yes', 'in/scanned2/yes')
    const named = { in: 'include', 'in/in': 'include', 'in/in/yes': 'include', 'in/scanned2/yes': 'include' } as const
    const walked = walk({ contentUpTo, select: verdicts({ ...named, 'in/out': 'exclude' }, 'scan') })
    expect(paths(walked)).toEqual(['', 'in', 'in/in', 'in/in/yes', 'in/scanned2', 'in/scanned2/yes'])
  })

  it('drops what is no folder and only scanned', () => {
    plant('file', 'folder/')
    symlinkSync('folder', join(folder, 'link'))
    nodeEffects.mkfifo(folder, 'pipe', 0o600)
    expect(paths(walk({ contentUpTo, select: () => 'scan' }))).toEqual([''])
  })

  it('asks about each path once and in order, but for the root', () => {
    plant('a/1', 'a/2', 'b')
    symlinkSync('nowhere', join(folder, 'l'))
    const asked: string[] = []
    walk({
      contentUpTo,
      select: ({ path, kind }) => {
        asked.push(`${path} ${kind}`)
        return 'include'
      },
    })
    expect(asked).toEqual(['a directory', 'a/1 file', 'a/2 file', 'b file', 'l symlink'])
  })

  it('asks once about a file that cannot be opened', () => {
    plant('a', 'b')
    chmodSync(join(folder, 'a'), 0)
    const asked: string[] = []
    const select: Select = ({ path }) => {
      asked.push(path)
      return 'include'
    }
    const walked = asNobody(() => walk({ contentUpTo, select }))
    expect(asked).toEqual(['a', 'b'])
    expect(walked.problems.length).toBe(contentUpTo === 0 ? 0 : 1)
  })

  it('does not open an excluded file, nor tell that it cannot be read', () => {
    plant('a', 'b')
    chmodSync(join(folder, 'a'), 0)
    const walked = asNobody(() => walk({ contentUpTo, select: verdicts({ a: 'exclude' }) }))
    expect(paths(walked)).toEqual(['', 'b'])
    expect(walked.problems).toEqual([])
  })

  it('tells kind, device and time, and what folders hold', () => {
    plant('marked/.nobackup', 'marked/x', 'other/.nobackup.not', 'file')
    utimesSync(join(folder, 'file'), 1_000_000_000.75, 1_000_000_000.75)
    symlinkSync('marked', join(folder, 'link'))
    symlinkSync('nowhere', join(folder, 'other', 'dangling'))
    utimesSync(join(folder, 'other'), new Date(-500), new Date(-500))
    utimesSync(join(folder, 'marked'), new Date(-2000), new Date(-2000))
    const seen: unknown[] = []
    const select: Select = (found: Candidate) => {
      if (found.path.includes('/')) return 'include'
      const has = ['.nobackup', 'dangling', '..', '.', '', 'marked/x', '\xff'].filter((name) => found.has(name))
      seen.push([found.path, found.kind, found.mtimeMs, has.join()])
      expect(found.device).toBe(Number(nodeEffects.lstat(folder)!.device))
      return 'include'
    }
    walk({ contentUpTo, select })
    const link = Date.now()
    expect(seen[1]).toEqual(['link', 'symlink', expect.any(Number), ''])
    expect(Math.abs((seen[1] as number[])[2]! - link)).toBeLessThan(1_000_000)
    expect([seen[0], seen[2], seen[3]]).toEqual([
      ['file', 'file', 1_000_000_000_750, ''],
      ['marked', 'directory', -2000, '.nobackup'],
      ['other', 'directory', -500, 'dangling'],
    ])
  })

  it('looks into a folder that may be listed but not searched, and not into one that may not be listed', () => {
    plant('a/.nobackup', 'b/.nobackup')
    chmodSync(join(folder, 'a'), 0o444)
    chmodSync(join(folder, 'b'), 0)
    const select: Select = (found) => (found.has('.nobackup') ? 'exclude' : 'include')
    const walked = asNobody(() => walk({ contentUpTo, select }))
    expect(paths(walked)).toEqual(['', 'b'])
    expect(walked.problems.map(({ path, operation }) => `${operation} ${path}`)).toEqual(['list b'])
  })

  it('does not look again at what vanishes before it is asked about', () => {
    plant('a', 'b')
    const seen: unknown[] = []
    const select: Select = (found) => {
      if (found.path === 'a') unlinkSync(join(folder, 'b'))
      else seen.push(found.device, found.mtimeMs)
      return 'include'
    }
    const walked = walk({ contentUpTo, select })
    expect(paths(walked)).toEqual(['', 'a'])
    // With contents the folder tells the kind, and "b" is asked about without having been looked at.
    expect(seen).toEqual(contentUpTo === 0 ? [] : [Number.NaN, Number.NaN])
    expect(walked.problems).toEqual([])
  })

  it('lets no socket bring the folders that wait', async () => {
    plant('in/', 'scanned/')
    const servers = await Promise.all(
      ['in/socket', 'scanned/socket'].map(
        (name) =>
          new Promise<ReturnType<typeof createServer>>((resolve) => {
            const server = createServer()
            server.listen(join(folder, name), () => resolve(server))
          }),
      ),
    )
    const select = verdicts({ scanned: 'scan' })
    expect(paths(walk({ contentUpTo, select }))).toEqual(['', 'in', 'in/socket'])
    for (const server of servers) server.close()
  })

  it('ends with what the selection throws, and refuses an answer that is none', () => {
    plant('a')
    const failing = () => {
      throw new TypeError('no idea')
    }
    expect(() => walk({ contentUpTo, select: failing })).toThrow('Cannot decide about "a": no idea')
    expect(() => walk({ contentUpTo, select: () => true as unknown as Verdict })).toThrow(
      'Cannot decide about "a": the selection said "true"',
    )
  })

  it('gives batches with nothing in them rather than none for long', () => {
    plant(...Array.from({ length: 300 }, (_, index) => String(index)))
    let now = 0
    const walked = walk({ contentUpTo, select: () => 'exclude', batchMs: 50, nowMs: () => (now += 30) })
    expect(paths(walked)).toEqual([''])
    expect(walked.batches).toBeGreaterThan(2)
  })

  it('gives more folders at once than a batch is meant for', () => {
    const deep = Array.from({ length: 40 }, (_, index) => `d${index}`).join('/')
    plant(`${deep}/file`)
    for (const batchEntries of [1, 2, 7]) {
      const walked = walk({ contentUpTo, batchEntries, select: verdicts({ [`${deep}/file`]: 'include' }, 'scan') })
      expect(walked.entries.length).toBe(42)
      expect(walked.entries[41]).toMatchObject({ path: `${deep}/file`, size: deep.length + 5 })
      expect(walked.entries.slice(1, 41).every(({ kind }) => kind === 'directory')).toBe(true)
    }
  })

  it('walks only what is named, whatever the folders hold, and lists none', () => {
    plant('a/1', 'a/2', 'a/deep/3', 'b', 'c/4')
    const only = (...names: string[]) => walk({ contentUpTo, only: onlyTree(names) })
    const some = only('c', 'a/2', 'nothing', 'a/none/x', 'b/x', '\xff')
    expect(paths(some)).toEqual(['', 'a', 'a/2', 'b', 'c'])
    expect(some.listed).toEqual([])
    expect(some.problems).toEqual([])
    expect(paths(only('./a//deep/', 'a/./1'))).toEqual(['', 'a', 'a/1', 'a/deep'])
    expect(paths(only('.'))).toEqual([''])
    expect(paths(only())).toEqual([''])
    if (contentUpTo > 0) expect(Buffer.from(some.entries[2]!.content!).toString()).toBe('a/2')
  })

  it('decides about what is named', () => {
    plant('a/1', 'a/2', 'b/3', 'c/4')
    const only = onlyTree(['a/1', 'b/3', 'c/4'])
    const walked = walk({
      contentUpTo,
      only,
      select: verdicts({ a: 'scan', 'a/1': 'exclude', b: 'scan', c: 'exclude' }),
    })
    expect(paths(walked)).toEqual(['', 'b', 'b/3'])
  })

  it('follows links when it is asked to: they are what they lead to, or not there', () => {
    plant('real/file', 'real/folder/x', 'z')
    for (const [name, target] of [
      ['to-file', 'real/file'],
      ['to-folder', 'real/folder'],
      ['to-link', 'to-folder'],
      ['to-nothing', 'nothing'],
      ['through-a-file', 'z/y'],
      ['self', 'self'],
    ] as const)
      symlinkSync(target, join(folder, name))
    const asked: string[] = []
    const select: Select = ({ path, kind }) => {
      asked.push(`${path} ${kind}`)
      return path === 'to-link' ? 'exclude' : 'include'
    }
    const walked = walk({ contentUpTo, select }, true)
    expect(walked.problems).toEqual([])
    const wanted = ['', 'real', 'real/file', 'real/folder', 'real/folder/x', 'to-file', 'to-folder', 'to-folder/x', 'z']
    expect(paths(walked)).toEqual(wanted)
    expect(walked.entries.map(({ kind }) => kind === 'symlink')).not.toContain(true)
    expect(walked.entries[5]).toMatchObject({ kind: 'file', size: 9 })
    if (contentUpTo > 0) expect(Buffer.from(walked.entries[5]!.content!).toString()).toBe('real/file')
    expect(asked).toContain('to-link directory')
    expect(asked.some((one) => /nothing|self|through/.test(one))).toBe(false)
  })

  it('tells the followed link that leads back, and goes round no further', () => {
    plant('a/b/file', 'c/d')
    symlinkSync('..', join(folder, 'a/b/back'))
    symlinkSync('../a', join(folder, 'c/other'))
    symlinkSync('.', join(folder, 'here'))
    const walked = walk({ contentUpTo }, true)
    const other = ['c/other', 'c/other/b', 'c/other/b/file']
    expect(paths(walked)).toEqual(['', 'a', 'a/b', 'a/b/file', 'c', 'c/d', ...other])
    expect(walked.problems.map(({ message, code }) => `${code} ${message}`)).toEqual([
      'ELOOP Cannot list "a/b/back": it leads back to a folder above',
      'ELOOP Cannot list "c/other/b/back": it leads back to a folder above',
      'ELOOP Cannot list "here": it leads back to a folder above',
    ])
    expect(
      walk({ contentUpTo, select: ({ path }) => (/back|here/.test(path) ? 'exclude' : 'include') }, true).problems,
    ).toEqual([])
  })
})

it('onlyTree() refuses what leads elsewhere', () => {
  for (const path of ['/a', '..', 'a/../b', 'a/..', 'a\0b', '\u{100}']) {
    expect(() => onlyTree([path])).toThrow(/^Cannot walk ".*": only paths below the root of the tree can be walked$/)
  }
  expect([...onlyTree(['..a', 'a..', '...']).keys()]).toEqual(['..a', 'a..', '...'])
})
