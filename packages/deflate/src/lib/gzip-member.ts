import { crc32, createInflateRaw } from 'node:zlib'
import { inflateBody, ENGINE_OPTIONS } from './inflate-body.ts'
import { InflateError } from './inflate-error.ts'
import type { Input } from './input.ts'
import type { ByteStream } from './stream.ts'

const MAX_HEADER_BYTES = 262_144

// RFC 1952, 2.3.1.
const HEADER_CRC = 0x02
const EXTRA = 0x04
const NAME = 0x08
const COMMENT = 0x10
const RESERVED = 0xe0

/**
 * Inflates one gzip member or several, as gzip(1) does. At the end the input stands behind the last member: at the end,
 * or at bytes that do not begin another one.
 */
export async function* inflateGzip(input: Input): ByteStream {
  do {
    await readHeader(input)
    let crc = 0
    let length = 0
    for await (const piece of inflateBody(input, createInflateRaw(ENGINE_OPTIONS), 'gzip')) {
      crc = crc32(piece, crc)
      // Modulo 2 ** 32, as the trailer has it.
      length = (length + piece.length) >>> 0
      yield piece
    }
    if ((await readNumber(input, 4)) !== crc) throw corrupt('the checksum (CRC-32) does not match')
    if ((await readNumber(input, 4)) !== length) throw corrupt('the length in the trailer does not match')
  } while (await atMember(input))
}

async function atMember(input: Input): Promise<boolean> {
  const first = await input.byte()
  if (first < 0) return false
  const second = first === 0x1f ? await input.byte() : -1
  input.unread([second < 0 ? Uint8Array.of(first) : Uint8Array.of(first, second)])
  return second === 0x8b
}

/** Reads a header whose names nobody needs. @throws InflateError */
async function readHeader(input: Input): Promise<void> {
  let crc = 0
  let bytes = 0
  const held = Buffer.allocUnsafe(4096)
  const next = async (): Promise<number> => {
    const value = await requireByte(input)
    const at = bytes % held.length
    held[at] = value
    bytes += 1
    if (bytes % held.length === 0) crc = crc32(held, crc)
    if (bytes > MAX_HEADER_BYTES) throw corrupt(`its header has more than ${MAX_HEADER_BYTES} bytes`)
    return value
  }
  if ((await next()) !== 0x1f || (await next()) !== 0x8b) throw corrupt('it does not begin as gzip data does')
  const method = await next()
  if (method !== 8) throw corrupt(`its method is ${method}, not 8 (deflate)`)
  const flags = await next()
  if ((flags & RESERVED) !== 0) throw corrupt('its header has flags that mean nothing')
  // Time, extra flags, system.
  for (let i = 0; i < 6; i++) await next()
  if ((flags & EXTRA) !== 0) {
    const length = (await next()) | ((await next()) << 8)
    for (let i = 0; i < length; i++) await next()
  }
  if ((flags & NAME) !== 0) while ((await next()) !== 0);
  if ((flags & COMMENT) !== 0) while ((await next()) !== 0);
  if ((flags & HEADER_CRC) !== 0) {
    crc = crc32(held.subarray(0, bytes % held.length), crc)
    if ((await readNumber(input, 2)) !== (crc & 0xffff)) throw corrupt('the checksum of its header does not match')
  }
}

async function readNumber(input: Input, count: number): Promise<number> {
  let value = 0
  for (let i = 0; i < count; i++) value += (await requireByte(input)) * 256 ** i
  return value
}

async function requireByte(input: Input): Promise<number> {
  const value = await input.byte()
  if (value < 0) throw new InflateError('truncated', 'Cannot inflate the gzip data: it ends too early')
  return value
}

function corrupt(what: string): InflateError {
  return new InflateError('corrupt', `Cannot inflate the gzip data: ${what}`)
}
