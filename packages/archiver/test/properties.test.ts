import { comparePaths } from '@coalmine/bytes'
import { createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { backedUp } from './backed-up.ts'
import { fakeTree, fileOf, raw, root } from './fake-tree.ts'

const pool = createRandom('properties').bytes(400_000)

const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(3000) },
  { weight: 1, arbitrary: fc.constantFrom(0, 511, 512, 513, 65_535, 65_536, 65_537, 131_072) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 140_000 }) },
)
const component = fc.constantFrom('a', 'a.b', 'a b', 'b', '\xff', '-')
const path = fc.array(component, { minLength: 1, maxLength: 2 }).map((parts) => parts.join('/'))

// Judge: what the tree handed over.
it('whatever files come, in whatever pieces and batches, every byte is stored once, in order, and signed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.record({ path, size, piece: fc.integer({ min: 1, max: 100_000 }), fails: fc.boolean() }), {
        selector: (file) => file.path,
        maxLength: 6,
      }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 150_000 }),
      async (files, batch, volumeBytes) => {
        files.sort((a, b) => comparePaths(raw(a.path), raw(b.path)))
        const expected = new Map<string, Buffer>()
        const entries = files.map((file, index) => {
          const content = pool.subarray(index * 997, index * 997 + file.size)
          if (file.size < 65_536) {
            expected.set(file.path, content)
            return fileOf(file.path, content)
          }
          const pieces: (Uint8Array | Error)[] = []
          for (let at = 0; at < content.length; at += file.piece) pieces.push(content.subarray(at, at + file.piece))
          // Reading ends in the middle, where a piece ends.
          if (file.fails) pieces.splice(Math.ceil(pieces.length / 2), pieces.length, new Error('unreadable'))
          expected.set(file.path, Buffer.concat(pieces.filter((piece) => piece instanceof Uint8Array)))
          return fileOf(file.path, content, { reads: pieces })
        })
        const all = [root, ...entries]
        const batches = Array.from({ length: Math.ceil(all.length / batch) }, (_, index) =>
          all.slice(index * batch, (index + 1) * batch),
        )
        const done = await backedUp(fakeTree(batches), { volumeBytes })
        expect(done.entries.map(({ entry }) => entry.path)).toEqual(['', ...expected.keys()])
        for (const { entry, content } of done.entries.slice(1)) {
          expect(Buffer.compare(content, expected.get(entry.path)!)).toBe(0)
        }
        expect(done.signatures.map((entry) => entry.path)).toEqual(['', ...expected.keys()])
        const bytes = [...expected.values()].reduce((sum, content) => sum + content.length, 0)
        expect(done.statistics.rawDeltaSize).toBe(bytes)
        expect(done.set.volumes).toBe(done.volumes.length)
        for (const volume of done.volumes) {
          expect(volume.length <= volumeBytes || volume.length <= 65_536 + 1024).toBe(true)
        }
      },
    ),
    { numRuns: process.env['COALMINE_LONG'] ? 3000 : 300 },
  )
}, 120_000)
