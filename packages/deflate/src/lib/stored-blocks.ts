import { plainBytes } from './stream.ts'

/** The most bytes that one stored block of deflate can hold (RFC 1951, 3.2.4). */
const MAX_STORED_BYTES = 65_535
const HEADER_BYTES = 5

/** The length of `bytes` bytes as stored blocks. */
export function storedLength(bytes: number): number {
  return bytes + Math.ceil(bytes / MAX_STORED_BYTES) * HEADER_BYTES
}

/**
 * The bytes as stored blocks that are not final. The output before must end at a byte boundary; the output ends at one.
 */
export function encodeStoredBlocks(bytes: Uint8Array): Uint8Array {
  const blocks = Buffer.allocUnsafeSlow(storedLength(bytes.length))
  let at = 0
  for (let from = 0; from < bytes.length; from += MAX_STORED_BYTES) {
    const part = bytes.subarray(from, from + MAX_STORED_BYTES)
    // Three bits, zero (not final, stored), and five more up to the byte boundary.
    blocks[at] = 0
    blocks.writeUInt16LE(part.length, at + 1)
    blocks.writeUInt16LE(~part.length & 0xffff, at + 3)
    blocks.set(part, at + HEADER_BYTES)
    at += HEADER_BYTES + part.length
  }
  return plainBytes(blocks)
}
