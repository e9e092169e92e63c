import { tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { collect } from '@coalmine/bytes'
import { openTree, type Selection, type Verdict, walk } from '../src/index.ts'
import { unpackBatch } from '../src/lib/batch.ts'
import { onlyTree } from '../src/lib/only.ts'
import { closeRoot, openRoot } from '../src/lib/tree-root.ts'
import { TreeWalker } from '../src/lib/walker.ts'
import { createSelector, type Data, selectBy } from './selector.ts'
import { plain, walkAll } from './trees.ts'

// A thousand trees are made: in memory, where there is such a place.
if (existsSync('/dev/shm')) process.env['TMPDIR'] = '/dev/shm'

const own = new URL('./walk-worker.ts', import.meta.url)

let folder = ''

beforeAll(async () => {
  folder = join(await tempDir('select'), 'tree')
  for (let d = 0; d < 20; d++) {
    mkdirSync(join(folder, `d${d}/e/f`), { recursive: true })
    for (const name of ['1', 'e/2', 'e/f/3']) writeFileSync(join(folder, `d${d}`, name), `${d} ${name}`)
  }
  writeFileSync(join(folder, 'd5/.nobackup'), '')
  writeFileSync(join(folder, 'large'), Buffer.alloc(300_000, 1))
  symlinkSync('large', join(folder, 'link'))
  symlinkSync('d7', join(folder, 'to-d7'))
})

async function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => value,
    (error: unknown) => error,
  )
}

describe.each([
  ['a worker of its own', own],
  ['the usual worker', true],
  ['no worker', false],
] as const)('openTree() with %s', (_, worker) => {
  const data: Data = {
    named: { d3: 'exclude', 'd4/e': 'exclude', d6: 'scan', 'd6/1': 'exclude', 'd6/e': 'exclude', d7: 'scan' },
    marker: '.nobackup',
  }

  it('walks the same with a selection that is a function, or made where the walk is', async () => {
    const wanted = await walkAll(folder, { worker: false })
    const left = wanted.entries.filter(({ path }) => !/^(?:d3|d4\/e|d5|d6)(?:\/|$)/.test(path))
    for (const contentUpTo of [0, 1000]) {
      const summaries: unknown[] = []
      const byData = { create: createSelector, data, onSummary: (summary: unknown) => summaries.push(summary) }
      const there = await walkAll(folder, { worker, contentUpTo, select: byData })
      const here = await walkAll(folder, { worker, contentUpTo, select: selectBy(data) })
      expect(plain(there.entries)).toEqual(plain(here.entries))
      expect(there.entries.map(({ path }) => path)).toEqual(left.map(({ path }) => path))
      expect(there.problems).toEqual([])
      // 20 folders, what 15 of them hold, six more at the top of others, and three files.
      expect(summaries).toEqual([{ asked: 3 + 20 + 16 * 5 + 2 + 2, here: worker !== own }])
    }
  })

  it('walks a single path and all above it, by whatever iterable', async () => {
    const only = function* () {
      yield 'd1/e/2'
      yield 'large'
    }
    const { entries } = await walkAll(folder, { worker, only: only() })
    expect(entries.map(({ path }) => path)).toEqual(['', 'd1', 'd1/e', 'd1/e/2', 'large'])
    const decided = await walkAll(folder, {
      worker,
      only: only(),
      select: { create: createSelector, data: { named: { d1: 'exclude' } } },
    })
    expect(decided.entries.map(({ path }) => path)).toEqual(['', 'large'])
  })

  it('reads through followed links', async () => {
    const tree = await openTree(folder, { worker, followLinks: true })
    const contents: string[] = []
    for await (const { entries } of tree.walk({ only: ['link', 'to-d7/e/2'] })) {
      for (const entry of entries) {
        if (entry.kind === 'file') contents.push(`${entry.path}: ${(await collect(tree.open(entry))).length}`)
        else expect(entry.kind).toBe('directory')
      }
    }
    await tree.close()
    expect(contents).toEqual(['link: 300000', 'to-d7/e/2: 5'])
    const root = join(folder, '..', 'root')
    if (!existsSync(root)) symlinkSync('tree', root)
    expect((await walkAll(root, { worker, followLinks: true, only: ['large'] })).entries.length).toBe(2)
    expect((await walkAll(root, { worker })).entries.map(({ kind }) => kind)).toEqual(['symlink'])
  })

  it('says what is wrong with a selection', async () => {
    const failure = async (select: Selection) => settled(walkAll(folder, { worker, select }))
    expect(await failure({ create: createSelector, data: { fails: true } })).toMatchObject({
      code: 'select',
      message: 'Cannot begin to select: no such rules',
    })
    const message = 'Cannot decide about "d1/e": no idea'
    expect(await failure({ create: createSelector, data: { failsAt: 'd1/e' } })).toMatchObject({
      code: 'select',
      path: 'd1/e',
      message,
    })
    const byFunction = await settled(walkAll(folder, { worker, select: selectBy({ failsAt: 'd1/e' }) }))
    expect(byFunction).toMatchObject({ code: 'select', path: 'd1/e', message })
    expect(await settled(walkAll(folder, { worker, only: ['../etc'] }))).toMatchObject({ code: 'unsafe-name' })
  })

  it('can be left early or closed, also while the selection is loaded, and walks on', async () => {
    const tree = await openTree(folder, { worker })
    for (const select of [selectBy({}), { create: createSelector }]) {
      for await (const { entries } of tree.walk({ select })) {
        expect(entries.length).toBeGreaterThan(0)
        break
      }
    }
    const left = tree.walk({ select: { create: createSelector } })[Symbol.asyncIterator]()
    const first = left.next()
    await left.return?.()
    await first
    let count = 0
    for await (const { entries } of tree.walk({ select: { create: createSelector } })) count += entries.length
    expect(count).toBe(1 + 20 * 6 + 4)
    const last = tree.walk({ select: { create: createSelector } })[Symbol.asyncIterator]()
    const pending = settled(last.next())
    await tree.close()
    expect(await pending).toMatchObject({ code: 'closed' })
    const late = tree.walk({ select: selectBy({}) })[Symbol.asyncIterator]()
    expect(await settled(late.next())).toMatchObject({ code: 'closed' })
  })

  it('ends a walk in place when the tree is closed or its signal fires', async () => {
    for (const how of ['close', 'signal'] as const) {
      const abort = new AbortController()
      const tree = await openTree(folder, { worker, signal: abort.signal })
      const walking = tree.walk({ select: selectBy({}) })[Symbol.asyncIterator]()
      await walking.next()
      if (how === 'close') await tree.close()
      else abort.abort(new Error('enough'))
      const ended = await settled(walking.next())
      if (how === 'close') expect(ended).toMatchObject({ code: 'closed' })
      else expect(ended).toMatchObject({ message: 'enough' })
      await tree.close()
    }
  })
})

it('walk() takes a selection and paths', async () => {
  const found: string[] = []
  for await (const { path } of walk(folder, {
    select: selectBy({ named: { large: 'exclude' } }),
    only: ['large', 'link'],
  }))
    found.push(path)
  expect(found).toEqual(['', 'link'])
})

// Few enough names that paths share folders, on both sides of the slash.
const name = fc.constantFrom('a', 'b', 'a.', 'a-', 'a0', '\xff')
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
const paths = fc.uniqueArray(path, { minLength: 1, maxLength: 10 })
const verdict = fc.constantFrom<Verdict>('include', 'exclude', 'scan', 'scan')

/** The definition, without a thought about reading. */
function chosen(tree: ReadonlySet<string>, folder: string, verdictOf: (path: string) => Verdict): string[] {
  const below = [...tree].filter((one) => one !== '' && one.slice(0, Math.max(0, one.lastIndexOf('/'))) === folder)
  below.sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')))
  return below.flatMap((one) => {
    const holds = chosen(tree, one, verdictOf)
    const isFolder = [...tree].some((other) => other.startsWith(`${one}/`))
    const said = verdictOf(one)
    if (said === 'exclude' || (said === 'scan' && !(isFolder && holds.length > 0))) return []
    return [one, ...holds]
  })
}

it('walks give what the definition of a selection gives, for all trees and verdicts', async () => {
  const top = await tempDir('select')
  let trees = 0
  const batches = fc.integer({ min: 1, max: 6 })
  const verdicts = fc.array(verdict, { minLength: 40, maxLength: 40 })
  fc.assert(
    fc.property(
      paths,
      verdicts,
      batches,
      fc.boolean(),
      fc.option(paths),
      (wanted, answers, batchEntries, contents, some) => {
        const tree = join(top, String(trees++))
        mkdirSync(tree)
        const made = new Set<string>([''])
        const folders = new Set(wanted.flatMap((one) => parents(one)))
        for (const one of wanted.flatMap((each) => [...parents(each), each])) {
          if (made.has(one)) continue
          made.add(one)
          const place = Buffer.from(`${tree}/${one}`, 'latin1')
          if (folders.has(one)) mkdirSync(place)
          else writeFileSync(place, one, 'latin1')
        }
        const known = [...made].sort()
        const verdictOf = (one: string) => answers[known.indexOf(one) % answers.length]!
        const named =
          some === null
            ? made
            : new Set(some.flatMap((each) => [...parents(each), each]).filter((one) => made.has(one)))
        const root = openRoot(tree)
        const walker = new TreeWalker(root, {
          batchEntries,
          contentUpTo: contents ? 100 : 0,
          select: (found) => verdictOf(found.path),
          only: some === null ? undefined : onlyTree(some),
        })
        const walked: string[] = []
        for (let batch = walker.next(); batch !== undefined; batch = walker.next()) {
          for (const entry of unpackBatch(batch).entries) {
            walked.push(entry.path)
            expect(entry.kind).toBe(entry.path === '' || folders.has(entry.path) ? 'directory' : 'file')
            if (entry.content !== undefined) expect(Buffer.from(entry.content).toString('latin1')).toBe(entry.path)
          }
        }
        closeRoot(root)
        // A folder of which nothing was named is scanned in vain.
        expect(walked).toEqual(['', ...chosen(named, '', verdictOf)])
      },
    ),
    { numRuns: 1000 },
  )
})

function parents(path: string): string[] {
  const names = path.split('/')
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('/'))
}
