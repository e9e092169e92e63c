import { fromChunks, type RawPath } from '@coalmine/bytes'
import { chop } from '@coalmine/fixtures'
import { readSignature, signature } from '@coalmine/rdiff'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeSmall, LargeFile } from './encode.ts'

const meta = {
  ...{
    path: 'a' as RawPath,
    kind: 'file' as const,
    mode: 0o644,
    uid: 1,
    gid: 1,
    mtimeSeconds: 1,
    userName: '',
    groupName: '',
  },
  ...{ devMajor: 0, devMinor: 0 },
} as const

// Repetitions and multiples of blocks among them, and edits that change nothing.
const edits = fc
  .record({
    block: fc.constantFrom(16, 512, 2048),
    content: fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 6000 })).map(([byte, length]) => new Uint8Array(length).fill(byte)),
    ),
    at: fc.nat(),
    removed: fc.nat({ max: 600 }),
    added: fc.uint8Array({ maxLength: 3 }),
  })
  .map(({ block, content, at, removed, added }) => {
    const from = at % (content.length + 1)
    return { block, content, now: Buffer.concat([content.subarray(0, from), added, content.subarray(from + removed)]) }
  })

describe('encoding of what may be the same', () => {
  it('stores nothing exactly when it is (judge: the bytes), in memory and as it comes', async () => {
    await fc.assert(
      fc.asyncProperty(edits, fc.nat(), async ({ block, content, now }, seed) => {
        const next = seed % 2 === 0 ? now : content
        const basis = await readSignature(fromChunks([signature(content, { blockBytes: block })]))
        const options = { sizeBytes: next.length, basis, unlessSame: true }
        const isSame = next.length === content.length && Buffer.compare(next, content) === 0
        const stored = encodeSmall(meta, next, options).members
        // Of the same, repeated, a few bytes may be stored.
        if (!isSame) expect(stored.length).toBeGreaterThan(0)
        else if (new Set(content).size > 1) expect(stored).toEqual([])
        const file = new LargeFile(meta, fromChunks(chop(next, { seed })), options)
        let members = 0
        for await (const _ of file.members()) members += 1
        expect([members, file.isSame]).toEqual([stored.length, stored.length === 0])
      }),
      { numRuns: 1000 },
    )
  })
})
