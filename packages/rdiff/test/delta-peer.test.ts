import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { chop, itWith, tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect } from 'vitest'
import { delta, patch, readSignature, signature } from '../src/index.ts'
import { editCases } from './edit-cases.ts'
import { askLibrsync, duplicityLibrsync, rdiff } from './librsync-peers.ts'

const seed = process.env['COALMINE_LONG'] ? Math.floor(Math.random() * 2 ** 31) : 2_604_011
const runs = process.env['COALMINE_LONG'] ? 10_000 : 1000

const reads = (bytes: Uint8Array) => readSignature(fromChunks([bytes]))

describe(`deltas (seed ${seed})`, () => {
  itWith(duplicityLibrsync, `${runs} of them: duplicity's librsync applies ours, and we theirs`, async () => {
    const drawn = fc.sample(editCases, { numRuns: runs, seed })
    const cases = []
    for (const [i, { old, next, blockBytes }] of drawn.entries()) {
      const basis = await reads(signature(old, { blockBytes }))
      const ours = await collect(delta(fromChunks(chop(next, { seed: i })), basis))
      cases.push({ old, next, blockBytes, delta: ours })
    }
    let [ourBytes, theirBytes] = [0, 0]
    for (const [i, answer] of (await askLibrsync(cases)).entries()) {
      const { old, next, blockBytes, delta: ours } = cases[i]!
      expect([i, answer.signature.equals(signature(old, { blockBytes }))]).toEqual([i, true])
      expect([i, answer.patched.equals(next)]).toEqual([i, true])
      const applied = await collect(patch(fromBytes(old), fromChunks([answer.delta]), { maxBytes: next.length }))
      expect([i, next.equals(applied)]).toEqual([i, true])
      // Where blocks are repeated, a copy that goes on may begin further behind than the first such block: a few bytes.
      expect([i, ours.length <= answer.delta.length + 8]).toEqual([i, true])
      ourBytes += ours.length
      theirBytes += answer.delta.length
    }
    expect(ourBytes).toBeLessThanOrEqual(theirBytes)
  })

  itWith(
    ['rdiff', 'xargs'],
    'against signatures of all four kinds: rdiff applies ours, which are as short as its own',
    async () => {
      const dir = await tempDir('rdiff')
      const path = (i: number, what: string) => join(dir, `${i}.${what}`)
      const kinds = ['md4 rollsum', 'md4 rabinkarp', 'blake2 rollsum', 'blake2 rabinkarp'].map((kind) =>
        kind.split(' '),
      )
      const drawn = fc.sample(fc.tuple(editCases, fc.integer({ min: 6, max: 16 })), { numRuns: 120, seed })
      drawn.forEach(([{ old, next }], i) => {
        writeFileSync(path(i, 'old'), old)
        writeFileSync(path(i, 'new'), next)
      })
      await rdiff(
        drawn.map(([{ blockBytes }, strongBytes], i) => {
          const [hash, weak] = kinds[i % 4]!
          const words = ['-H', hash!, '-R', weak!, '-b', String(blockBytes), '-S', String(strongBytes)]
          return [...words, 'signature', path(i, 'old'), path(i, 'sig')]
        }),
      )
      await rdiff(drawn.map((_, i) => ['delta', path(i, 'sig'), path(i, 'new'), path(i, 'theirs')]))
      for (const [i, [{ next }]] of drawn.entries()) {
        const basis = await reads(readFileSync(path(i, 'sig')))
        const ours = await collect(delta(fromChunks(chop(next, { seed: i })), basis))
        writeFileSync(path(i, 'ours'), ours)
        expect([i, ours.length <= readFileSync(path(i, 'theirs')).length + 8]).toEqual([i, true])
      }
      await rdiff(drawn.map((_, i) => ['patch', path(i, 'old'), path(i, 'ours'), path(i, 'again')]))
      drawn.forEach(([{ next }], i) => {
        expect([i, next.equals(readFileSync(path(i, 'again')))]).toEqual([i, true])
      })
    },
  )
})
