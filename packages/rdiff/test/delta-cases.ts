import * as fc from 'fast-check'
import { type WrittenCommand, writeDelta } from './delta-writer.ts'

/** Bytes of the basis that {@link deltas} copy from. */
export const basisBytes = 200_000

// Lengths around what one code can say, around a chunk, and around what a reader may want to hold.
const copyLengths = fc.oneof(
  { arbitrary: fc.integer({ min: 1, max: 600 }), weight: 20 },
  { arbitrary: fc.constantFrom(1, 255, 256, 511, 512, 513, 4096, 4097), weight: 20 },
  { arbitrary: fc.integer({ min: 1, max: 20_000 }), weight: 4 },
  { arbitrary: fc.constantFrom(65_535, 65_536, 65_537, basisBytes), weight: 1 },
)
const literalLengths = fc.oneof(
  { arbitrary: fc.integer({ min: 1, max: 70 }), weight: 20 },
  { arbitrary: fc.constantFrom(63, 64, 65, 255, 256, 300), weight: 10 },
  { arbitrary: fc.constantFrom(16_383, 16_384, 65_535, 65_537), weight: 1 },
)

const copies = fc.record({ length: copyLengths, at: fc.nat(), widen: fc.nat({ max: 3 }), follow: fc.boolean() })
const literals = fc.record({ length: literalLengths, fill: fc.nat({ max: 255 }), widen: fc.nat({ max: 4 }) })

/** Deltas that are right, of up to forty commands in all encodings, and the content they describe. */
export function deltas(basis: Uint8Array): fc.Arbitrary<{ delta: Uint8Array; content: Buffer }> {
  return fc.array(fc.oneof(copies, literals), { maxLength: 40 }).map((plan) => {
    const commands: WrittenCommand[] = []
    const parts: Uint8Array[] = []
    let last = 0
    for (const step of plan) {
      if ('fill' in step) {
        const literal = new Uint8Array(step.length).fill(step.fill)
        const shortest = step.length <= 64 ? 0 : widthOf(step.length)
        const lengthBytes = ([0, 1, 2, 4, 8] as const).filter((width) => width >= shortest)
        commands.push({ literal, lengthBytes: lengthBytes[Math.min(step.widen, lengthBytes.length - 1)]! })
        parts.push(literal)
      } else {
        const latest = basis.length - step.length
        const start = step.follow ? Math.min(last, latest) : step.at % (latest + 1)
        commands.push({
          start,
          startBytes: widened(widthOf(start), step.widen),
          length: step.length,
          lengthBytes: widened(widthOf(step.length), step.widen),
        })
        parts.push(basis.subarray(start, start + step.length))
        last = start + step.length
      }
    }
    return { delta: writeDelta(commands), content: Buffer.concat(parts) }
  })
}

function widthOf(value: number): 1 | 2 | 4 | 8 {
  return value < 2 ** 8 ? 1 : value < 2 ** 16 ? 2 : value < 2 ** 32 ? 4 : 8
}

function widened(width: 1 | 2 | 4 | 8, by: number): 1 | 2 | 4 | 8 {
  return Math.min(8, width << by) as 1 | 2 | 4 | 8
}
