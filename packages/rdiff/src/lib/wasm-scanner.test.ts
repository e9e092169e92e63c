import { createRandom } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BlockScanner } from './block-scanner.ts'
import { DeltaIndex } from './delta-index.ts'
import { PlainScanner } from './plain-scanner.ts'
import type { Signature } from './signature-decoder.ts'
import { maxLaneBytes, sharedKernel } from './wasm-kernel.ts'
import { createScanner } from './wasm-scanner.ts'
import { weakSum } from './weak-sums.ts'

const random = createRandom('scanner')
const noise = random.bytes(12_000)
const nothing = new Uint8Array(0)

const kinds = fc.record({
  kind: fc.constantFrom('rollsum', 'rabinkarp'),
  hash: fc.constantFrom('md4', 'blake2'),
  strongBytes: fc.integer({ min: 1, max: 16 }),
  blockBytes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(512, 2048, 5000)),
})

/** An index of blocks with these weak sums. */
function indexOf(weak: Uint32Array, kind: Omit<Signature, 'weak' | 'strong'>): DeltaIndex {
  return new DeltaIndex({ ...kind, weak, strong: new Uint8Array(weak.length * kind.strongBytes) })
}

/** Where the scanner stops on its way, the last position included. */
function stopsOf(scanner: BlockScanner, last: number, first: number): { at: number; weak: number }[] {
  const stops: { at: number; weak: number }[] = []
  for (let [at, weak] = [0, first]; at < last;) {
    at = scanner.scan(at, last, weak)
    weak = scanner.weak
    stops.push({ at, weak })
  }
  return stops
}

describe('the scanner with the kernel', () => {
  it('signs and scans as the one without it, of all kinds (judge: that one; and for its stops: summing anew)', () => {
    fc.assert(
      fc.property(
        kinds,
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 1, max: 800 }),
        fc.array(fc.nat({ max: 11_000 }), { maxLength: 8 }),
        fc.nat({ max: 40 }),
        (kind, from, length, marks, cut) => {
          const { blockBytes } = kind
          const content = noise.subarray(from, from + length + blockBytes)
          const last = content.length - blockBytes
          const weakAt = (at: number) => weakSum(kind.kind, content, at, at + blockBytes)
          // Sums that are in the content, and others.
          const places = marks.map((mark) => mark % (last + 1))
          const sums = [...places.map(weakAt), ...marks.map((mark) => mark * 0x01234567)]
          const index = indexOf(Uint32Array.from(sums), kind)
          const signedBytes = Math.min(content.length, 9 * blockBytes + (blockBytes >> 1))
          const [seen, expected] = [createScanner(index, sharedKernel()), new PlainScanner(index)].map((scanner) => {
            scanner.begin(content.subarray(0, cut), content.subarray(cut))
            const entries = Buffer.from(scanner.sign(0, signedBytes)).toString('hex')
            const strong = Buffer.from(scanner.strong(1, blockBytes - 1).subarray(0, kind.strongBytes)).toString('hex')
            const same = content.equals(scanner.bytes(0, content.length))
            return { entries, strong, same, stops: stopsOf(scanner, last, weakAt(0)) }
          })
          expect(seen).toEqual(expected)
          expect(seen!.same).toBe(true)
          expect(seen!.stops.filter(({ at, weak }) => weak !== weakAt(at))).toEqual([])
          // None of those that are there was passed over.
          const found = new Set(seen!.stops.map(({ at }) => at))
          expect(places.filter((place) => place > 0 && !found.has(place))).toEqual([])
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('has a memory of its own for a large filter, and leaves that of the shared one alone', () => {
    const kind = { kind: 'rollsum', hash: 'md4', strongBytes: 8, blockBytes: 64 } as const
    const few = indexOf(Uint32Array.of(1, 2, 3), kind)
    const many = indexOf(new Uint32Array(random.bytes(1_600_000).buffer.slice(0, 1_600_000)), kind)
    expect(many.filter.byteLength).toBeGreaterThan(131_072)
    const weak = weakSum('rollsum', noise, 0, 64)
    const stops = (scanner: BlockScanner) => {
      scanner.begin(noise, nothing)
      return stopsOf(scanner, noise.length - 64, weak)
    }
    const scanners = [few, many].map((index) => createScanner(index, sharedKernel()))
    const expected = [few, many].map((index) => stops(new PlainScanner(index)))
    expect(expected[1]!.length).toBeGreaterThan(1)
    for (let round = 0; round < 2; round++) expect(scanners.map(stops)).toEqual(expected)
  })

  it('leaves longer blocks than it has room for to the other one', () => {
    const kind = { kind: 'rollsum', hash: 'md4', strongBytes: 8 } as const
    const long = indexOf(Uint32Array.of(1), { ...kind, blockBytes: maxLaneBytes + 1 })
    expect(createScanner(long, sharedKernel())).toBeInstanceOf(PlainScanner)
    expect(createScanner(indexOf(Uint32Array.of(1), { ...kind, blockBytes: 1 }), undefined)).toBeInstanceOf(
      PlainScanner,
    )
  })
})
