import { chop, createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeltaEncoder, DeltaIndex, type Signature } from '../src/index.ts'
import { DeltaDecoder } from '../src/lib/delta-decoder.ts'
import { PlainScanner } from '../src/lib/plain-scanner.ts'

const random = createRandom('hostile signatures')
const noise = random.bytes(900)
const few = Buffer.from(noise.map((byte) => byte & 1))
const zeros = Buffer.alloc(900)
const nothing = new Uint8Array(0)

const signatures = fc.record({
  kind: fc.constantFrom('rollsum', 'rabinkarp'),
  hash: fc.constantFrom('md4', 'blake2'),
  strongBytes: fc.oneof(fc.constantFrom(1, 2), fc.integer({ min: 1, max: 16 })),
  blockBytes: fc.integer({ min: 1, max: 40 }),
})
/** How each entry comes about: from where in the content, how long, and what is wrong with it. */
const entries = fc.array(
  fc.record({
    at: fc.nat({ max: 899 }),
    short: fc.option(fc.nat({ max: 40 }), { nil: undefined }),
    wrong: fc.constantFrom('nothing', 'strong', 'weak', 'both', 'flood'),
    value: fc.nat({ max: 2 ** 32 - 1 }),
  }),
  { maxLength: 14 },
)

/** The sums of a stretch, as an entry. */
function entryOf(kind: Omit<Signature, 'weak' | 'strong'>, bytes: Uint8Array): { weak: number; strong: Buffer } {
  const scanner = new PlainScanner(
    new DeltaIndex({ ...kind, blockBytes: Math.max(1, bytes.length), weak: new Uint32Array(0), strong: nothing }),
  )
  scanner.begin(bytes, nothing)
  const entry = Buffer.from(scanner.sign(0, bytes.length))
  return { weak: entry.readUInt32BE(0), strong: entry.subarray(4) }
}

function encode(index: DeltaIndex, chunks: Iterable<Uint8Array>, kernel: boolean): Buffer {
  const encoder = new DeltaEncoder(index, { kernel })
  return Buffer.concat([...[...chunks].flatMap((chunk) => encoder.push(chunk)), ...encoder.finish()])
}

describe('a delta against any signature', () => {
  it('copies only what has the sums that the signature says (judge: summing the content there)', () => {
    fc.assert(
      fc.property(
        signatures,
        entries,
        fc.constantFrom(noise, few, zeros),
        fc.nat({ max: 900 }),
        fc.nat(),
        (kind, plan, material, length, seed) => {
          const content = material.subarray(0, length)
          const { blockBytes, strongBytes } = kind
          const flood = entryOf(kind, material.subarray(0, blockBytes)).weak
          const all = plan.map(({ at, short, wrong, value }) => {
            const bytes = material.subarray(at, at + Math.max(1, Math.min(short ?? blockBytes, blockBytes)))
            const { weak, strong } = entryOf(kind, bytes)
            if (wrong === 'strong' || wrong === 'both' || wrong === 'flood')
              strong[value % strongBytes]! ^= 1 + (value % 255)
            return { weak: wrong === 'flood' ? flood : wrong === 'weak' || wrong === 'both' ? value : weak, strong }
          })
          const strong = Buffer.concat(all.map((entry) => entry.strong))
          const index = new DeltaIndex({ ...kind, weak: Uint32Array.from(all, ({ weak }) => weak), strong })
          const made = encode(index, [content], true)
          expect(encode(index, [content], false).equals(made)).toBe(true)
          expect(encode(index, chop(content, { seed }), true).equals(made)).toBe(true)

          const decoder = new DeltaDecoder(plan.length * blockBytes, content.length)
          const commands = decoder.push(made)
          decoder.finish()
          let at = 0
          for (const command of commands) {
            if (command.literal !== undefined) {
              expect(content.subarray(at, at + command.literal.length).equals(command.literal)).toBe(true)
              at += command.literal.length
              continue
            }
            expect(command.start % blockBytes).toBe(0)
            for (let done = 0; done < command.length; done += blockBytes) {
              const block = (command.start + done) / blockBytes
              const count = Math.min(blockBytes, command.length - done)
              const { weak, strong: found } = entryOf(kind, content.subarray(at, at + count))
              expect([weak, found.toString('hex')]).toEqual([all[block]!.weak, all[block]!.strong.toString('hex')])
              // Only the last block is ever short, and only at the end.
              if (count < blockBytes) expect([block, at + count]).toEqual([plan.length - 1, content.length])
              at += count
            }
          }
          expect(at).toBe(content.length)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
