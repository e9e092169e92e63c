import { closeSync, openSync, readSync } from 'node:fs'
import * as fc from 'fast-check'
import type { ByteStream } from '../src/index.ts'

/** The whole stream as one array; no chunk may be empty. */
export async function gather(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) {
    if (chunk.length === 0) throw new Error('An empty chunk came')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The bytes in pieces of the given sizes, over and over. */
export async function* cut(bytes: Uint8Array, ...sizes: number[]): ByteStream {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}

/** Random bytes without a library's help, the same for the same seed (xorshift32). */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let x = seed
  for (let i = 0; i < length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    bytes[i] = x
  }
  return bytes
}

/** A program file of this machine: machine code, tables and strings. */
export function programBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  const file = openSync(process.execPath, 'r')
  try {
    readSync(file, bytes, 0, length, 0)
  } finally {
    closeSync(file)
  }
  return bytes
}

/** English-like text that a compressor cannot just fold into one match. */
export function textBytes(length: number): Buffer {
  const words = 'the of and backup volume signature when restore a stream byte over chunk to in file is path'.split(' ')
  const order = noise(length >> 1, 7)
  let text = ''
  for (let i = 0; text.length < length; i++) text += `${words[order[i % order.length]! % words.length]!} `
  return Buffer.from(text.slice(0, length))
}

/** Bytes of every texture: noise, runs, repeats of what came before. */
export const anyContent = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat(255), fc.nat(2000)).map(([value, length]) => new Uint8Array(length).fill(value)),
      fc.tuple(fc.integer({ min: 1 }), fc.nat(3000)).map(([seed, length]) => new Uint8Array(noise(length, seed))),
      fc.tuple(fc.string({ minLength: 1, maxLength: 30 }), fc.nat(100)).map(([text, n]) => Buffer.from(text.repeat(n))),
    ),
    { maxLength: 6 },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)))

export const anySizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4000 })), {
  minLength: 1,
  maxLength: 8,
})
