import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { type ByteStream, deflate, inflate } from '../src/index.ts'
import { noise } from './streams.ts'

const MIB = 1_048_576

async function* repeat(chunk: Uint8Array, times: number): ByteStream {
  for (let i = 0; i < times; i++) yield chunk
}

it('deflate() and inflate() need no more memory for a long stream than for a short one', async () => {
  for (const { chunk, times } of [
    { chunk: Buffer.alloc(MIB), times: 192 },
    { chunk: noise(MIB), times: 96 },
  ]) {
    const through = (count: number) => inflate(deflate(repeat(chunk, count), { level: 1 }), { format: 'raw' })
    for await (const piece of through(16)) expect(piece.length).toBeGreaterThan(0)
    const before = process.memoryUsage().rss
    let peak = before
    let bytes = 0
    const hash = createHash('sha1')
    for await (const piece of through(times)) {
      bytes += piece.length
      hash.update(piece)
      peak = Math.max(peak, process.memoryUsage.rss())
    }
    const expected = createHash('sha1')
    for (let i = 0; i < times; i++) expected.update(chunk)
    expect(bytes).toBe(times * MIB)
    expect(hash.digest('hex')).toBe(expected.digest('hex'))
    expect((peak - before) / MIB).toBeLessThan(80)
  }
})
