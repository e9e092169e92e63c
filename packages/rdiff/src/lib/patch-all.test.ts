import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ByteSource, collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { createRandom, itWith, run, tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type WrittenCommand, writeDelta } from '../../test/delta-writer.ts'
import { pattern } from '../../test/vectors.ts'
import { delta } from './delta.ts'
import { patch } from './patch.ts'
import { patchAll } from './patch-all.ts'
import { signature } from './signature.ts'
import { readSignature } from './signature-decoder.ts'

const random = createRandom('patch all')
const noise = random.bytes(400_000)
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** A source that counts what is opened and read. */
function counted(bytes: Uint8Array): ByteSource & { opened: number; read: number } {
  const inner = fromBytes(bytes)
  const source = {
    size: bytes.length,
    opened: 0,
    read: 0,
    async *open(range?: { start?: number; end?: number }) {
      source.opened += 1
      for await (const chunk of inner.open(range)) {
        source.read += chunk.length
        yield chunk
      }
    },
  }
  return source
}

/** One delta after the other, each by patch(). */
async function stacked(basis: Uint8Array, deltas: readonly Uint8Array[]): Promise<Uint8Array> {
  let content = basis
  for (const bytes of deltas) content = await collect(patch(fromBytes(content), fromChunks([bytes])))
  return content
}

const step = fc.record({
  literal: fc.integer({ min: 0, max: 3 }),
  at: fc.nat(),
  length: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 3000 })),
})
const chains = fc.array(fc.array(step, { maxLength: 12 }), { maxLength: 7 })

/** Deltas that build on one another, written command by command. */
function write(basis: Uint8Array, plan: { literal: number; at: number; length: number }[][]): Uint8Array[] {
  let size = basis.length
  return plan.map((steps) => {
    const commands: WrittenCommand[] = []
    let made = 0
    for (const { literal, at, length } of steps) {
      if (literal === 0 || size === 0) {
        commands.push({ literal: noise.subarray(at % 9000, (at % 9000) + length), lengthBytes: 2 })
        made += length
      } else {
        const start = at % size
        const count = Math.min(length, size - start)
        commands.push({ start, startBytes: 4, length: count, lengthBytes: 4 })
        made += count
      }
    }
    size = made
    return writeDelta(commands)
  })
}

/** Contents that change step by step, and the deltas between them. */
async function history(
  first: Buffer,
  steps: number,
  blockBytes: number,
): Promise<{ deltas: Uint8Array[]; last: Buffer }> {
  const deltas: Uint8Array[] = []
  let content = first
  for (let i = 0; i < steps; i++) {
    const at = random.integer(0, content.length)
    const put = random.bytes(random.integer(0, 300))
    const moved = content.subarray(random.integer(0, content.length)).subarray(0, random.integer(0, 3000))
    const next = Buffer.concat([content.subarray(0, at), put, moved, content.subarray(at + random.integer(0, 2000))])
    const basis = await readSignature(fromChunks([signature(content, { blockBytes })]))
    deltas.push(await collect(delta(fromChunks([next]), basis)))
    content = next
  }
  return { deltas, last: content }
}

describe('patchAll()', () => {
  it('makes what patch() makes one after the other (judge: that)', async () => {
    const basis = noise.subarray(0, 5000)
    await fc.assert(
      fc.asyncProperty(chains, fc.integer({ min: 1, max: 4000 }), async (plan, chunkBytes) => {
        const deltas = write(basis, plan)
        const expected = await stacked(basis, deltas)
        const sources = deltas.map((bytes) => fromBytes(bytes, chunkBytes))
        const options = { maxBytes: expected.length }
        const chunks: Uint8Array[] = []
        for await (const chunk of patchAll(fromBytes(basis, chunkBytes), sources, options)) chunks.push(chunk)
        expect(Buffer.concat(chunks).equals(expected)).toBe(true)
        expect(chunks.every((chunk) => chunk.length > 0)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  itWith('rdiff', 'makes what rdiff patch makes one after the other (judge: rdiff)', async () => {
    const dir = await tempDir('rdiff')
    for (const [size, steps, blockBytes] of [
      [0, 3, 16],
      [700, 6, 16],
      [60_000, 8, 512],
      [400_000, 5, 2048],
    ] as const) {
      const first = noise.subarray(0, size)
      const { deltas } = await history(first, steps, blockBytes)
      writeFileSync(join(dir, '0'), first)
      for (const [i, bytes] of deltas.entries()) {
        writeFileSync(join(dir, 'delta'), bytes)
        await run(['rdiff', '-f', 'patch', join(dir, `${i}`), join(dir, 'delta'), join(dir, `${i + 1}`)], {
          check: true,
        })
      }
      const made = await collect(
        patchAll(
          fromBytes(first),
          deltas.map((bytes) => fromBytes(bytes)),
        ),
      )
      expect(readFileSync(join(dir, `${steps}`)).equals(made)).toBe(true)
    }
  })

  it('reads the basis about once, however many deltas there are', async () => {
    const { deltas, last } = await history(noise, 30, 512)
    const basis = counted(noise)
    const sources = deltas.map(counted)
    const made = await collect(patchAll(basis, sources))
    expect(last.equals(made)).toBe(true)
    // One after the other reads it thirty times. Some of it is there twice, and windows reach further than what is asked for.
    expect(basis.read).toBeLessThan(3 * noise.length)
    const deltaBytes = deltas.reduce((sum, bytes) => sum + bytes.length, 0)
    const literals = sources.reduce((sum, source) => sum + source.read, 0) - deltaBytes
    expect(literals).toBeLessThan(3 * deltaBytes)
  })

  it('reads the basis as it stands where nothing is left of all changes, or where there are none', async () => {
    const there = writeDelta([
      { literal: pattern(9), lengthBytes: 0 },
      { start: 0, startBytes: 1, length: 400_000, lengthBytes: 4 },
    ])
    const back = writeDelta([{ start: 9, startBytes: 1, length: 400_000, lengthBytes: 4 }])
    for (const deltas of [[], [there, back], [there, back, there, back]]) {
      const basis = counted(noise)
      const made = await collect(
        patchAll(
          basis,
          deltas.map((bytes) => fromBytes(bytes)),
        ),
      )
      expect(noise.equals(made)).toBe(true)
      expect([basis.opened, basis.read]).toEqual([1, 400_000])
    }
  })

  it('does nothing before it is pulled, and stops at the signal', async () => {
    const basis = counted(noise)
    const stop = new AbortController()
    const half = writeDelta([{ start: 0, startBytes: 1, length: 300_000, lengthBytes: 4 }])
    const deltas = [counted(half), counted(half)]
    const stream = patchAll(basis, deltas, { signal: stop.signal })
    expect([basis.opened, deltas[0]!.opened]).toEqual([0, 0])
    const run = (async () => {
      for await (const _ of stream) stop.abort(new Error('enough'))
    })()
    await expect(run).rejects.toThrow('enough')
    expect(basis.read).toBeLessThan(300_000)
  })
})

describe('patchAll() refuses', () => {
  const fine = writeDelta([{ start: 0, startBytes: 1, length: 100, lengthBytes: 1 }])
  const all = (deltas: readonly Uint8Array[], options?: Parameters<typeof patchAll>[2]) =>
    collect(
      patchAll(
        fromBytes(pattern(200)),
        deltas.map((bytes) => fromBytes(bytes)),
        options,
      ),
    )

  it('what patch() refuses, whichever delta it is', async () => {
    for (const [bytes, code] of [
      [hex('7273'), 'truncated'],
      [hex('72730136 00'), 'unsupported'],
      [hex('72730236 0578'), 'truncated'],
      [hex('72730236 55 00'), 'corrupt'],
      [hex('72730236 450000 00'), 'corrupt'],
      [hex('72730236 45 64 65 00'), 'basis'],
      [hex('72730236 0178 00 00'), 'trailing'],
    ] as const) {
      for (const deltas of [[bytes], [bytes, fine], [fine, bytes], [fine, bytes, fine]]) {
        await expect(all(deltas)).rejects.toMatchObject({ code })
      }
    }
    // The second delta copies what the basis has, but not what the first one makes.
    await expect(all([fine, hex('72730236 45 64 01 00')])).rejects.toMatchObject({ code: 'basis' })
  })

  it('more than the limits, before a byte is made', async () => {
    expect((await all([fine, fine], { maxBytes: 100 })).length).toBe(100)
    await expect(all([fine, fine], { maxBytes: 99 })).rejects.toMatchObject({ code: 'too-large' })
    await expect(all([], { maxBytes: 199 })).rejects.toMatchObject({ code: 'too-large' })
    expect((await all([fine, fine], { maxSegments: 2 })).length).toBe(100)
    await expect(all([fine, fine], { maxSegments: 1 })).rejects.toMatchObject({ code: 'segments' })
    await expect(all([fine], { maxBytes: Number.NaN })).rejects.toThrow(RangeError)
  })

  it('to put small pieces together again and again, before a byte is made', async () => {
    const small = writeDelta(
      Array.from(
        { length: 3000 },
        (_, i) => ({ start: (i * 7) % 200, startBytes: 1, length: 1, lengthBytes: 1 }) as const,
      ),
    )
    const times = (count: number) =>
      writeDelta(
        Array.from({ length: count }, () => ({ start: 0, startBytes: 1, length: 3000, lengthBytes: 2 }) as const),
      )
    expect((await all([small, times(5)])).length).toBe(15_000)
    await expect(all([small, times(50)])).rejects.toMatchObject({ code: 'segments' })
    // What the last delta does not ask for is put together nowhere.
    const once = writeDelta([{ start: 0, startBytes: 1, length: 3000, lengthBytes: 2 }])
    expect((await all([small, times(50), once])).length).toBe(3000)
    await expect(all([small, once, once, times(50), times(1), times(50)])).rejects.toMatchObject({ code: 'segments' })
  })

  it('to count what it could not count exactly: each delta makes a thousand times what the one before it does', async () => {
    const copies = (length: number) =>
      writeDelta(Array.from({ length: 1000 }, () => ({ start: 0, startBytes: 1, length, lengthBytes: 8 }) as const))
    const deltas = Array.from({ length: 6 }, (_, i) => copies(200 * 1000 ** i))
    const little = writeDelta([{ start: 10 ** 12 + 7, startBytes: 8, length: 3, lengthBytes: 1 }])
    // 2 * 10^14 bytes between are no trouble: they are made nowhere. 2 * 10^17 are.
    const made = await all([...deltas.slice(0, 4), little])
    expect(made).toEqual(pattern(200).subarray(7, 10))
    await expect(all([...deltas, little])).rejects.toMatchObject({ code: 'too-large' })
  })
})
