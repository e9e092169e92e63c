import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RollingSum } from './rolling-sum.ts'

describe('RollingSum', () => {
  it('is the sum that the format defines, in any pieces (judge: the definition, byte by byte)', () => {
    const sum = new RollingSum()
    const sizes = fc.oneof(fc.nat({ max: 200 }), fc.constantFrom(511, 512, 513, 4097))
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat({ max: 255 }), (size, cut, least) => {
        const bytes = Uint8Array.from({ length: size }, (_, i) => Math.max(least, (i * i * 31 + cut) % 256))
        const view = new DataView(bytes.buffer)
        const middle = cut % (size + 1)
        sum.update(view, 0, middle)
        sum.update(view, middle, size)
        expect(sum.finish()).toBe(defined(bytes))
      }),
      { numRuns: 1000 },
    )
  })

  it('stays exact over long blocks (judge: the definition over whole numbers)', () => {
    const sum = new RollingSum()
    const full = new DataView(new Uint8Array(2 ** 24).fill(255).buffer)
    for (const more of [0, 1, 2, 3]) {
      sum.update(full, 0, 2 ** 24)
      sum.update(full, 0, 2 ** 23 + more)
      const count = BigInt(2 ** 24 + 2 ** 23 + more)
      const s1 = (286n * count) % 65_536n
      const s2 = ((286n * count * (count + 1n)) / 2n) % 65_536n
      expect(sum.finish()).toBe(Number(s2 * 65_536n + s1))
    }
  })
})

function defined(bytes: Uint8Array): number {
  let s1 = 0
  let s2 = 0
  for (const byte of bytes) {
    s1 = (s1 + byte + 31) % 65_536
    s2 = (s2 + s1) % 65_536
  }
  return s2 * 65_536 + s1
}
