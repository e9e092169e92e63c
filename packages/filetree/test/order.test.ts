import { comparePaths, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { unpackBatch } from '../src/lib/batch.ts'
import { closeRoot, openRoot } from '../src/lib/tree-root.ts'
import { TreeWalker } from '../src/lib/walker.ts'
import { inFolder } from './trees.ts'

/** The definition: paths as lists of components, each as unsigned bytes. */
function byComponents(a: string, b: string): number {
  const [left, right] = [a, b].map((path) =>
    (path === '' ? [] : path.split('/')).map((name) => Buffer.from(name, 'latin1')),
  )
  for (const [index, name] of left!.entries()) {
    const other = right![index]
    if (other === undefined) return 1
    const order = Buffer.compare(name, other)
    if (order !== 0) return order
  }
  return left!.length - right!.length
}

// Around the slash (0x2f), around the sign bit, and few enough that names share beginnings.
const byte = fc.constantFrom(0x01, 0x0a, 0x2d, 0x2e, 0x30, 0x41, 0x61, 0x7f, 0x80, 0xc3, 0xff)
const name = fc
  .array(byte, { minLength: 1, maxLength: 3 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))
  .filter((text) => text !== '.' && text !== '..')
const paths = fc.uniqueArray(
  fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
  {
    minLength: 1,
    maxLength: 8,
  },
)

// A thousand trees are made: in memory, where there is such a place.
if (existsSync('/dev/shm')) process.env['TMPDIR'] = '/dev/shm'

it('walks come in the order of lists of components, for all trees', async () => {
  const top = await tempDir('order')
  let trees = 0
  fc.assert(
    fc.property(paths, fc.boolean(), fc.integer({ min: 1, max: 5 }), (wanted, contents, batchEntries) => {
      const tree = join(top, String(trees++))
      mkdirSync(tree)
      const made = new Set([''])
      const folders = new Set(wanted.flatMap((path) => parents(path)))
      for (const path of wanted) {
        for (const part of [...parents(path), path]) {
          if (made.has(part)) continue
          made.add(part)
          if (folders.has(part)) mkdirSync(inFolder(tree, part))
          else writeFileSync(inFolder(tree, part), part, 'latin1')
        }
      }
      const root = openRoot(tree)
      const walker = new TreeWalker(root, { batchEntries, contentUpTo: contents ? 100 : 0 })
      const walked: string[] = []
      for (let batch = walker.next(); batch !== undefined; batch = walker.next()) {
        for (const entry of unpackBatch(batch).entries) {
          walked.push(entry.path)
          if (entry.content !== undefined) expect(Buffer.from(entry.content).toString('latin1')).toBe(entry.path)
        }
      }
      closeRoot(root)
      expect(walked).toEqual([...made].sort(byComponents))
      expect(walked).toEqual([...made].sort((a, b) => comparePaths(a as RawPath, b as RawPath)))
    }),
    { numRuns: 1000 },
  )
})

function parents(path: string): string[] {
  const names = path.split('/')
  return names.map((_, index) => names.slice(0, index).join('/'))
}
