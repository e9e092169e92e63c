import { createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'

const sources = createRandom('edits')
const noise = sources.bytes(70_000)
const words = Buffer.from(
  Array.from({ length: 9000 }, () => sources.pick(['tin ', 'coal\n', 'the ', 'ore, '])).join(''),
)
const zeros = Buffer.alloc(30_000)
const cycle = Buffer.from(Array.from({ length: 30_000 }, (_, i) => noise[i % 48]!))
/** What old contents are cut from, and what is put into them: noise, few symbols, all zeros, one short piece repeated. */
const materials = [noise, words, zeros, cycle]

const stretch = fc.record({
  material: fc.nat({ max: materials.length - 1 }),
  at: fc.nat({ max: 8000 }),
  length: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 3000 }), fc.constantFrom(0, 511, 512, 513, 1024, 2048)),
})
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removed: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 2000 })),
  put: fc.option(stretch, { nil: undefined }),
  /** How much of the old content, and from where, is put in, too: what was moved or is there twice. */
  moved: fc.option(fc.tuple(fc.nat({ max: 8000 }), fc.nat({ max: 3000 })), { nil: undefined }),
})

export interface EditCase {
  readonly old: Buffer
  readonly next: Buffer
  readonly blockBytes: number
}

/** Two contents, of which the second is the first after up to six edits, and a block length: 1 and more bytes. */
export const editCases: fc.Arbitrary<EditCase> = fc
  .record({
    parts: fc.array(stretch, { maxLength: 5 }),
    edits: fc.array(edit, { maxLength: 6 }),
    blockBytes: fc.oneof(fc.constantFrom(16, 64, 256, 512, 1000, 2048), fc.integer({ min: 1, max: 700 })),
  })
  .map(({ parts, edits, blockBytes }) => {
    const old = Buffer.concat(parts.map(cutFrom))
    let next = old
    for (const { at, removed, put, moved } of edits) {
      const from = Math.floor(at * next.length)
      const middle = [put === undefined ? zeros.subarray(0, 0) : cutFrom(put)]
      if (moved !== undefined) middle.push(old.subarray(moved[0], moved[0] + moved[1]))
      next = Buffer.concat([next.subarray(0, from), ...middle, next.subarray(from + removed)])
    }
    return { old, next, blockBytes }
  })

function cutFrom({ material, at, length }: { material: number; at: number; length: number }): Buffer {
  return materials[material]!.subarray(at, at + length)
}
