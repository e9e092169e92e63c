import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { itWith, run } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { blockLengthFor } from './block-length.ts'

// Sizes and block lengths that duplicity was seen to write.
const seen = {
  '3.0.3': [
    [0, 512],
    [1, 512],
    [262_144, 512],
    [262_145, 512],
    [1_023_999, 1024],
    [1_024_001, 1024],
    [2_047_999, 1536],
    [3_072_000, 2048],
    [4_096_000, 2048],
    [10_000_000, 3584],
    [100_000_000, 10_240],
    [300_000_000, 17_408],
  ],
  '0.8': [
    [0, 512],
    [1, 512],
    [262_145, 512],
    [1_023_999, 512],
    [1_024_000, 512],
    [2_047_999, 512],
    [2_048_000, 1024],
    [3_071_999, 1024],
    [3_072_000, 1536],
    [4_095_999, 1536],
    [4_096_000, 2048],
    [10_000_000, 2048],
    [300_000_000, 2048],
  ],
} as const

describe('blockLengthFor()', () => {
  for (const rule of ['3.0.3', '0.8'] as const) {
    it(`chooses what duplicity was seen to write, rule ${rule}`, () => {
      for (const [size, blockBytes] of seen[rule])
        expect([size, blockLengthFor(size, { rule })]).toEqual([size, blockBytes])
    })
  }

  it('has the rule of 3.0.3 by default', () => {
    expect(blockLengthFor(10_000_000)).toBe(3584)
  })

  it('keeps to the longest block, as --max-blocksize does', () => {
    expect(blockLengthFor(300_000_000, { maxBytes: 2000 })).toBe(2048)
    expect(blockLengthFor(300_000_000, { maxBytes: 1 })).toBe(512)
    expect(blockLengthFor(10_000_000, { rule: '0.8', maxBytes: 1_000_000 })).toBe(4608)
    expect(blockLengthFor(100_000_000, { rule: '0.8', maxBytes: 1_000_000 })).toBe(49_664)
    expect(blockLengthFor(300_000_000, { rule: '0.8', maxBytes: 1_000_000 })).toBe(149_504)
    expect(blockLengthFor(300_000_000, { rule: '0.8', maxBytes: 5000 })).toBe(5000)
  })

  it('takes the exact root of every size (judge: integers without rounding)', () => {
    const check = (size: number) => {
      const blockBytes = BigInt(blockLengthFor(size))
      const whole = BigInt(size)
      expect(blockBytes % 512n).toBe(0n)
      // The root rounded up to 512: the next shorter length is below the root, and the root is at most this one.
      expect(blockBytes === 512n || (blockBytes - 511n) ** 2n <= whole).toBe(true)
      expect((blockBytes + 1n) ** 2n > whole).toBe(true)
    }
    fc.assert(fc.property(fc.maxSafeNat(), check), { numRuns: 1000 })
    const edge = fc.tuple(fc.integer({ min: 1, max: 185_363 }), fc.integer({ min: -2, max: 2 }))
    fc.assert(
      fc.property(edge, ([k, more]) => {
        check((512 * k) ** 2 + more)
        check((512 * k + 1) ** 2 + more)
      }),
      { numRuns: 1000 },
    )
    check(Number.MAX_SAFE_INTEGER)
  })

  it('refuses what is no size', () => {
    expect(() => blockLengthFor(-1)).toThrow('Cannot choose a block length for -1 bytes: not a size')
    for (const size of [0.5, Number.NaN, 2 ** 53]) expect(() => blockLengthFor(size)).toThrow(RangeError)
    for (const maxBytes of [0, -512, 1.5, Number.NaN]) expect(() => blockLengthFor(1, { maxBytes })).toThrow(RangeError)
  })

  itWith('duplicity', 'chooses what the installed duplicity chooses, rule 0.8', async () => {
    const sizes = fc.sample(fc.oneof(fc.nat({ max: 5_000_000 }), fc.nat({ max: 2 ** 31 - 1 })), 1000)
    const lines = await askDuplicity(sizes)
    // From 3.0.3 on the rule is the other one.
    if (lines === undefined) return
    for (const maxBytes of [2048, 1_000_000]) {
      expect(sizes.map((size) => blockLengthFor(size, { rule: '0.8', maxBytes }))).toEqual(lines[maxBytes])
    }
  })
})

const script = `
import json, sys
import duplicity
from duplicity import config, diffdir
sizes = json.load(sys.stdin)
answer = {}
for longest in (2048, 1000000):
    config.max_blocksize = longest
    answer[longest] = [diffdir.get_block_size(size) for size in sizes]
print(json.dumps([duplicity.__version__, answer]))
`

/** Asks with the interpreter that the program itself runs in. */
async function askDuplicity(sizes: number[]): Promise<Record<number, number[]> | undefined> {
  const folder = (process.env['PATH'] ?? '').split(':').find((folder) => startOf(`${folder}/duplicity`) !== undefined)
  const interpreter = startOf(`${folder}/duplicity`)!.slice(2).trim().split(' ')
  const input = Buffer.from(JSON.stringify(sizes))
  const { stdout } = await run([...interpreter, '-c', script], { input, check: true })
  const [version, answer] = JSON.parse(stdout.toString()) as [string, Record<number, number[]>]
  return version.startsWith('0.8') ? answer : undefined
}

function startOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').split('\n', 1)[0]
  } catch {
    // Not in this folder of PATH; `peer` found it in one of them.
    return undefined
  }
}
