import { collect, type RawPath } from '@coalmine/bytes'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it } from 'vitest'
import type { TreeEntry } from './entry.ts'
import { FileTreeError } from './errors.ts'
import { openTree, walk } from './tree.ts'
import { startWorkerTree } from './worker-tree.ts'

let folder: string

beforeEach(async () => {
  folder = await tempDir('tree')
})

function fill(files: number, bytes: number): void {
  for (let i = 0; i < files; i++) {
    const name = `d${Math.floor(i / 100)}`
    mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, name, `f${i}`), Buffer.alloc(bytes, i))
  }
}

/** Descriptors of this process that lead into the folder. */
function held(): string[] {
  const found: string[] = []
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`)
      if (target.startsWith(folder)) found.push(target)
    } catch {
      // The one that the listing itself used.
    }
  }
  return found
}

async function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

const onLinux = process.platform === 'linux'

describe.each([true, false])('openTree() with worker: %s', (worker) => {
  it('walks the same tree as often as wanted, also twice at once', async () => {
    fill(250, 10)
    const tree = await openTree(folder, { worker })
    const once = async () => {
      const paths: string[] = []
      for await (const { entries } of tree.walk()) for (const entry of entries) paths.push(entry.path)
      return paths
    }
    const [first, second] = await Promise.all([once(), once()])
    expect(first.length).toBe(1 + 3 + 250)
    expect(second).toEqual(first)
    expect(await once()).toEqual(first)
    await tree.close()
  })

  it('opens files while it walks', async () => {
    fill(5, 3_000_000)
    const tree = await openTree(folder, { worker })
    let files = 0
    for await (const { entries } of tree.walk({ contentUpTo: 100 })) {
      for (const entry of entries) {
        if (entry.kind !== 'file') continue
        const bytes = await collect(tree.open(entry))
        expect(bytes.length).toBe(3_000_000)
        expect(bytes[2_999_999]).toBe(Number(entry.path.split('/f')[1]))
        files += 1
      }
    }
    expect(files).toBe(5)
    await tree.close()
    if (onLinux) expect(held()).toEqual([])
  })

  it('walk() can be left early, and the tree still be used', async () => {
    fill(250, 9000)
    const tree = await openTree(folder, { worker, aheadBytes: 1 })
    for await (const { entries } of tree.walk({ contentUpTo: 10_000 })) {
      expect(entries.length).toBeGreaterThan(0)
      break
    }
    const [entry] = await firstFile(tree.walk())
    for await (const piece of tree.open(entry!)) {
      expect(piece.length).toBe(9000)
      break
    }
    await tree.close()
    if (onLinux) expect(held()).toEqual([])
  })

  it('close() fails what is under way, and what comes after', async () => {
    fill(250, 9000)
    const tree = await openTree(folder, { worker, aheadBytes: 1 })
    const steps = tree.walk({ contentUpTo: 10_000 })[Symbol.asyncIterator]()
    const { value } = (await steps.next()) as { value: { entries: TreeEntry[] } }
    await tree.close()
    expect(await settled(steps.next())).toMatchObject({ code: 'closed' })
    expect(await settled(tree.walk()[Symbol.asyncIterator]().next())).toMatchObject({ code: 'closed' })
    const file = value.entries.find((entry) => entry.kind === 'file')!
    expect(await settled(collect(tree.open(file)))).toMatchObject({ code: 'closed' })
    await tree.close()
    if (onLinux) expect(held()).toEqual([])
  })

  it('ends with the reason of the signal', async () => {
    fill(250, 9000)
    const reason = new Error('enough')
    const controller = new AbortController()
    const tree = await openTree(folder, { worker, aheadBytes: 1, signal: controller.signal })
    const steps = tree.walk({ contentUpTo: 10_000 })[Symbol.asyncIterator]()
    await steps.next()
    controller.abort(reason)
    expect(await settled(steps.next())).toBe(reason)
    expect(await settled(tree.walk()[Symbol.asyncIterator]().next())).toBe(reason)
    expect(await settled(openTree(folder, { worker, signal: controller.signal }))).toBe(reason)
    await tree.close()
    if (onLinux) expect(held()).toEqual([])
  })

  it('says what is wrong with a root that cannot be opened', async () => {
    const error = await settled(openTree(join(folder, 'none'), { worker }))
    expect(error).toBeInstanceOf(FileTreeError)
    expect(error).toMatchObject({
      code: 'ENOENT',
      message: `Cannot open the tree "${folder}/none": no such file or directory`,
    })
  })

  it('says what is wrong with a file that cannot be opened', async () => {
    fill(1, 10)
    const tree = await openTree(folder, { worker })
    const [entry] = await firstFile(tree.walk())
    rmSync(join(folder, 'd0/f0'))
    const error = await settled(collect(tree.open(entry!)))
    expect(error).toBeInstanceOf(FileTreeError)
    expect(error).toMatchObject({ code: 'ENOENT', path: 'd0/f0', operation: 'open' })
    expect((error as Error).message).toBe('Cannot open "d0/f0": no such file or directory')
    await tree.close()
  })

  it('load() looks at files again and gives what they hold by now', async () => {
    fill(150, 10)
    writeFileSync(join(folder, 'grown'), 'short')
    const sizes = [0, 1, 70_000, 262_144, 1_500_000]
    for (const [index, size] of sizes.entries())
      writeFileSync(join(folder, `s${index}`), Buffer.alloc(size, 65 + index))
    const tree = await openTree(folder, { worker })
    const walked: TreeEntry[] = []
    for await (const { entries } of tree.walk()) walked.push(...entries.filter(({ kind }) => kind === 'file'))
    const whole = await tree.load(
      walked.map(({ path }) => path),
      { contentUpTo: 2_000_000 },
    )
    expect(whole.problems).toEqual([])
    expect(whole.entries.map((entry) => ({ ...entry, content: undefined }))).toEqual(walked)
    for (const { path, content } of whole.entries) {
      expect(Buffer.compare(content!, readFileSync(join(folder, path)))).toBe(0)
    }

    writeFileSync(join(folder, 'grown'), 'x'.repeat(100))
    rmSync(join(folder, 'd0/f0'))
    rmSync(join(folder, 'd0/f1'))
    mkdirSync(join(folder, 'd0/f1'))
    rmSync(join(folder, 'd0/f2'))
    symlinkSync('f3', join(folder, 'd0/f2'))
    rmSync(join(folder, 'd1'), { recursive: true })
    writeFileSync(join(folder, 'd1'), 'no folder')
    const paths = ['d0/f0', 'd0/f1', 'd0/f2', 'd0/f3', 'd1/f100', 'grown', 's2', '../grown', ''] as RawPath[]
    const { entries, problems } = await tree.load(paths, { contentUpTo: 100 })
    expect(entries.map(({ path, size, content }) => [path, size, content?.length])).toEqual([
      ['d0/f3', 10, 10],
      // Larger than was asked for: without.
      ['grown', 100, undefined],
      ['s2', 70_000, undefined],
    ])
    expect(problems.map(({ path, operation, code }) => [path, operation, code])).toEqual([
      ['d0/f1', 'open', 'changed'],
      ['d0/f2', 'open', 'ELOOP'],
      ['d1/f100', 'open', onLinux ? 'ENOTDIR' : expect.any(String)],
      ['../grown', 'open', 'unsafe-name'],
      ['', 'open', 'changed'],
    ])
    expect(await tree.load([])).toEqual({ entries: [], problems: [] })
    await expect(tree.load(['a\0b' as RawPath])).rejects.toThrow(RangeError)
    await expect(tree.load(paths, { contentUpTo: -1 })).rejects.toThrow(RangeError)
    await tree.close()
    await expect(tree.load(paths)).rejects.toMatchObject({ code: 'closed' })
    expect(held()).toEqual([])
  })

  it('takes a file, and a symlink that it does not follow, as trees of one entry', async () => {
    writeFileSync(join(folder, 'f'), 'text')
    symlinkSync(folder, join(folder, 'link'))
    const one = await openTree(join(folder, 'f'), { worker })
    const [entry] = await firstFile(one.walk({ contentUpTo: 100 }))
    expect([entry!.path, Buffer.from(entry!.content!).toString()]).toEqual(['', 'text'])
    expect(Buffer.from(await collect(one.open(entry!))).toString()).toBe('text')
    await one.close()
    const kinds: string[] = []
    for await (const found of walk(join(folder, 'link'), { worker })) kinds.push(`${found.kind} ${found.linkTarget}`)
    expect(kinds).toEqual([`symlink ${folder}`])
    const through: string[] = []
    for await (const found of walk(`${folder}/link/.`, { worker })) through.push(found.path)
    expect(through).toEqual(['', 'f', 'link'])
  })

  it('refuses options that make no sense', async () => {
    await expect(openTree(folder, { worker, aheadBytes: 0 })).rejects.toThrow(RangeError)
    await expect(openTree(folder, { worker, aheadBytes: 1.5 })).rejects.toThrow(RangeError)
    const tree = await openTree(folder, { worker })
    for (const contentUpTo of [-1, 0.5, Number.NaN, 2 ** 30]) {
      expect(() => tree.walk({ contentUpTo })).toThrow(RangeError)
    }
    await tree.close()
  })

  it('walk() gives entries one by one, and throws what it cannot read unless somebody listens', async () => {
    mkdirSync(join(folder, 'a'))
    writeFileSync(join(folder, 'b'), 'bee')
    const entries: string[] = []
    for await (const entry of walk(folder, { worker, contentUpTo: 10 })) entries.push(entry.path)
    expect(entries).toEqual(['', 'a', 'b'])
    for await (const entry of walk(folder, { worker })) {
      expect(entry.path).toBe('')
      break
    }
    if (onLinux) expect(held()).toEqual([])
    const gone = `/proc/${process.pid}/task/${process.pid}/mem`
    // Its first byte cannot be read.
    expect(await settled(firstOf(walk(gone, { worker, contentUpTo: 10 })))).toMatchObject({
      code: 'EIO',
      operation: 'read',
    })
    const problems: string[] = []
    const onProblem = (problem: { code: string }) => problems.push(problem.code)
    expect(await firstOf(walk(gone, { worker, contentUpTo: 10, onProblem }))).toBe(undefined)
    expect(problems).toEqual(['EIO'])
  })
})

it('openTree() gives the same with and without a worker', async () => {
  fill(120, 1000)
  const both: TreeEntry[][] = []
  for (const worker of [true, false]) {
    const entries: TreeEntry[] = []
    for await (const entry of walk(folder, { worker, contentUpTo: 5000 })) entries.push(entry)
    both.push(entries)
  }
  expect(both[0]).toEqual(both[1])
})

it('startWorkerTree() says when no worker can be started, and the tree is then read in place', async () => {
  const url = new URL('./no-such-worker.js', import.meta.url)
  expect(await startWorkerTree(folder, { followLinks: false, aheadBytes: 1000, url })).toBe(undefined)
})

it('startWorkerTree() fails what is under way when the worker dies', async () => {
  fill(10, 10)
  const url = new URL('../../test/dying-worker.mjs', import.meta.url)
  for (const how of ['throw', 'exit']) {
    const tree = (await startWorkerTree(how, { followLinks: false, aheadBytes: 1000, url }))!
    const error = await settled(tree.walk()[Symbol.asyncIterator]().next())
    expect(error).toBeInstanceOf(FileTreeError)
    expect(error).toMatchObject({ code: 'worker' })
    await tree.close()
  }
})

itWith('node', 'openTree() keeps no process alive that does nothing with it', async () => {
  const index = fileURLToPath(new URL('../index.ts', import.meta.url))
  const script = `
    const { openTree } = await import(${JSON.stringify(index)})
    const tree = await openTree('/etc')
    let entries = 0
    for await (const batch of tree.walk()) entries += batch.entries.length
    console.log(entries > 0)`
  const { stdout, code } = await run(['node', ...process.execArgv, '--input-type=module', '-e', script], {
    timeoutMs: 20_000,
  })
  expect([code, stdout.toString().trim()]).toEqual([0, 'true'])
})

async function firstFile(batches: AsyncIterable<{ entries: TreeEntry[] }>): Promise<TreeEntry[]> {
  for await (const { entries } of batches) {
    const files = entries.filter((entry) => entry.kind === 'file')
    if (files.length > 0) return files
  }
  return []
}

async function firstOf(entries: AsyncIterable<TreeEntry>): Promise<RawPath | undefined> {
  for await (const entry of entries) return entry.path
  return undefined
}
