/** Which weak sum, which strong sum: the first four bytes of a signature say it. */
export const signatureKinds = [
  { magic: 0x72730136, kind: 'rollsum', hash: 'md4', maxStrongBytes: 16 },
  { magic: 0x72730137, kind: 'rollsum', hash: 'blake2', maxStrongBytes: 32 },
  { magic: 0x72730146, kind: 'rabinkarp', hash: 'md4', maxStrongBytes: 16 },
  { magic: 0x72730147, kind: 'rabinkarp', hash: 'blake2', maxStrongBytes: 32 },
] as const

/** Magic, block length and strong length, big-endian. */
export const headerBytes = 12

/** What a signature is made of. */
export interface SignatureOptions {
  /** Bytes of content to a block, 1 to 2^31 - 1; see `blockLengthFor`. */
  readonly blockBytes: number
  /** Bytes kept of each block's MD4, 1 to 16; 8, as duplicity writes it. */
  readonly strongBytes?: number
}

/** @throws RangeError when a length is out of its bounds. */
export function checkLengths(blockBytes: number, strongBytes: number): void {
  if (!(Number.isInteger(blockBytes) && blockBytes >= 1 && blockBytes < 2 ** 31)) {
    throw new RangeError(`Cannot sign blocks of ${blockBytes} bytes: not an integer from 1 to 2147483647`)
  }
  if (!(Number.isInteger(strongBytes) && strongBytes >= 1 && strongBytes <= 16)) {
    throw new RangeError(`Cannot sign with ${strongBytes} bytes of MD4: not an integer from 1 to 16`)
  }
}

/** The header of a signature by rolling sum and MD4. */
export function encodeHeader(blockBytes: number, strongBytes: number): Uint8Array {
  const header = new Uint8Array(headerBytes)
  const view = new DataView(header.buffer)
  view.setUint32(0, signatureKinds[0].magic)
  view.setUint32(4, blockBytes)
  view.setUint32(8, strongBytes)
  return header
}
