// Judge: Array.prototype.split on the whole text.
import { chop } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Line, LineDecoder } from './line-decoder.ts'

function told(pieces: Iterable<Uint8Array>, maxBytes: number): string[] {
  const decoder = new LineDecoder(maxBytes)
  const lines: Line[] = []
  for (const piece of pieces) {
    lines.push(...decoder.push(Buffer.from(piece)))
    expect(decoder.heldBytes).toBeLessThanOrEqual(maxBytes)
  }
  return lines.map((line) => (line.type === 'line' ? line.bytes.toString('latin1') : '!'))
}

it('LineDecoder cuts lines wherever the pieces are cut, and tells each that is too long once', () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\r', '{'), maxLength: 14 }), { maxLength: 9 })
  fc.assert(
    fc.property(texts, fc.integer(), (parts, seed) => {
      const bytes = Buffer.from(parts.join('\n'))
      const expected = bytes.toString('latin1').split('\n')
      const whole = expected.slice(0, -1).map((line) => (line.length > 8 ? '!' : line))
      const last = expected.at(-1)!.length > 8 ? ['!'] : []
      for (const how of ['whole', 'bytes', { seed }] as const) {
        expect(told(chop(bytes, how), 8)).toEqual([...whole, ...last])
      }
    }),
    { numRuns: 1000 },
  )
})

it('LineDecoder keeps no more than its limit of a line without end', () => {
  const decoder = new LineDecoder(1000)
  const chunk = Buffer.alloc(65_536, 'x')
  const lines: Line[] = []
  for (let at = 0; at < 1000; at++) {
    lines.push(...decoder.push(chunk))
    expect(decoder.heldBytes).toBe(0)
  }
  lines.push(...decoder.push(Buffer.from('\nnext\n')))
  expect(lines).toEqual([{ type: 'too-long' }, { type: 'line', bytes: Buffer.from('next') }])
})
