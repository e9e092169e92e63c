import { describe, expect, it } from 'vitest'
import { writeDelta } from '../../test/delta-writer.ts'
import { type DeltaCommand, DeltaDecoder } from './delta-decoder.ts'

function decode(delta: Uint8Array, basisBytes: number): DeltaCommand[] {
  const decoder = new DeltaDecoder(basisBytes, Number.POSITIVE_INFINITY)
  const commands = decoder.push(delta)
  decoder.finish()
  return commands
}

describe('DeltaDecoder', () => {
  it('reads every code that is in use', () => {
    for (const lengthBytes of [0, 1, 2, 4, 8] as const) {
      for (let length = 1; length <= 64; length++) {
        const literal = new Uint8Array(length).fill(length)
        expect(decode(writeDelta([{ literal, lengthBytes }]), 0)).toEqual([{ literal, at: 5 + lengthBytes }])
      }
    }
    for (const startBytes of [1, 2, 4, 8] as const) {
      for (const lengthBytes of [1, 2, 4, 8] as const) {
        const start = 2 ** Math.min(8 * startBytes, 52) - 2
        const length = 2 ** Math.min(8 * lengthBytes, 52) - 3
        const delta = writeDelta([{ start, startBytes, length, lengthBytes }])
        expect(decode(delta, start + length)).toEqual([{ start, length }])
      }
    }
  })

  it('joins copies that go on where the last one ended', () => {
    const copy = (start: number, length: number) => ({ start, startBytes: 4, length, lengthBytes: 4 }) as const
    const literal = { literal: Uint8Array.of(1), lengthBytes: 0 } as const
    const delta = writeDelta([copy(0, 5), copy(5, 5), copy(10, 1), copy(12, 3), copy(12, 3), literal, copy(15, 1)])
    expect(decode(delta, 100)).toEqual([
      { start: 0, length: 11 },
      { start: 12, length: 3 },
      { start: 12, length: 3 },
      // Behind the magic, five copies of nine bytes and its own code.
      { literal: Uint8Array.of(1), at: 50 },
      { start: 15, length: 1 },
    ])
  })

  it('gives literals as views, without copying or waiting', () => {
    const decoder = new DeltaDecoder(0, 1e6)
    const head = Uint8Array.of(0x72, 0x73, 0x02, 0x36, 0x43, 0, 1, 0, 0, 7, 8, 9)
    const [first] = decoder.push(head)
    expect(first?.literal).toEqual(Uint8Array.of(7, 8, 9))
    expect(first?.literal?.buffer).toBe(head.buffer)
    const more = new Uint8Array(1000)
    expect(decoder.push(more)[0]?.literal?.buffer).toBe(more.buffer)
  })

  it('does not need a chunk any more that held the beginning of a command', () => {
    const decoder = new DeltaDecoder(100, 100)
    const chunk = Buffer.from('727302364500', 'hex')
    decoder.push(chunk)
    chunk.fill(0xff)
    expect(decoder.push(Uint8Array.of(5, 0))).toEqual([{ start: 0, length: 5 }])
  })
})
