import { crc32 } from 'node:zlib'
import { itWith, run } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { deflate, inflate } from '../src/index.ts'
import { cut, gather, noise, programBytes, textBytes } from './streams.ts'

const contents = {
  nothing: Buffer.alloc(0),
  text: textBytes(300_000),
  program: programBytes(400_000),
  mixed: Buffer.concat([textBytes(100_000), noise(300_000), Buffer.alloc(100_000), programBytes(100_000)]),
}

function gzipFrame(raw: Uint8Array, content: Uint8Array): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(content))
  trailer.writeUInt32LE(content.length, 4)
  return Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), raw, trailer])
}

describe('deflate() judged by other programs', () => {
  itWith('gzip', 'gzip tests and unpacks its streams in a gzip frame', async () => {
    for (const content of Object.values(contents)) {
      for (const level of [0, 4, 9]) {
        const input = gzipFrame(await gather(deflate(cut(content, 65_536), { level, chunkBytes: 50_000 })), content)
        await run(['gzip', '-t'], { input, check: true })
        const { stdout } = await run(['gzip', '-dc'], { input, check: true })
        expect(stdout.equals(content)).toBe(true)
      }
    }
  })

  itWith('python3', 'Python finds the end of its streams exactly where they end', async () => {
    const script = `
import sys, zlib
d = zlib.decompressobj(-15)
plain = d.decompress(sys.stdin.buffer.read())
assert d.eof and not d.unused_data and not d.unconsumed_tail
sys.stdout.buffer.write(plain)`
    for (const content of Object.values(contents)) {
      const input = await gather(deflate(cut(content, 65_536), { chunkBytes: 65_536 }))
      const { stdout } = await run(['python3', '-c', script], { input, check: true })
      expect(stdout.equals(content)).toBe(true)
    }
  })
})

describe('inflate() of what other programs write', () => {
  itWith('gzip', 'gzip, one member and several', async () => {
    const members: Buffer[] = []
    for (const content of Object.values(contents)) {
      const { stdout } = await run(['gzip', '-c'], { input: content, check: true })
      members.push(stdout)
      expect((await gather(inflate(cut(stdout, 65_536), { format: 'gzip' }))).equals(content)).toBe(true)
    }
    const all = Buffer.concat(members)
    expect(
      (await gather(inflate(cut(all, 8192), { format: 'gzip' }))).equals(Buffer.concat(Object.values(contents))),
    ).toBe(true)
  })

  itWith('python3', 'Python, with other levels, strategies and flushes', async () => {
    const script = `
import struct, sys, zlib
data = sys.stdin.buffer.read()
for bits in (-15, 15, 31):
    for level, strategy, flush in ((0, 0, 0), (1, 0, 2), (6, 1, 2), (9, 2, 3), (6, 0, 0), (6, 4, 1)):
        c = zlib.compressobj(level, zlib.DEFLATED, bits, 9, strategy)
        out = b''
        for at in range(0, len(data), 90000):
            out += c.compress(data[at:at + 90000])
            if flush: out += c.flush(flush)
        out += c.flush()
        sys.stdout.buffer.write(struct.pack('<I', len(out)) + out)`
    const { stdout } = await run(['python3', '-c', script], { input: contents.mixed, check: true })
    let at = 0
    for (const format of ['raw', 'zlib', 'gzip'] as const) {
      for (let i = 0; i < 6; i++) {
        const length = stdout.readUInt32LE(at)
        const stored = stdout.subarray(at + 4, at + 4 + length)
        expect((await gather(inflate(cut(stored, 65_536), { format }))).equals(contents.mixed)).toBe(true)
        at += 4 + length
      }
    }
    expect(at).toBe(stdout.length)
  })
})
