import { createCipheriv } from 'node:crypto'

const blockBytes = 16
/** Encrypted at a time where only the last block of what comes out counts. */
const stepBytes = 64 * 1024

export type AesName = 'aes-128' | 'aes-192' | 'aes-256'

/** Encrypts or decrypts in EAX mode (Bellare, Rogaway, Wagner 2004): counter mode, from a place that the nonce gives. */
export function eaxCounter(aes: AesName, key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array {
  return createCipheriv(`${aes}-ctr`, key, omac(aes, key, 0, nonce)).update(bytes)
}

/** The authentication tag: the codes of nonce, associated data and encrypted bytes, added up. */
export function eaxTag(
  aes: AesName,
  key: Uint8Array,
  nonce: Uint8Array,
  ad: Uint8Array,
  encrypted: Uint8Array,
): Buffer {
  const tag = omac(aes, key, 0, nonce)
  xorInto(tag, omac(aes, key, 1, ad))
  xorInto(tag, omac(aes, key, 2, encrypted))
  return tag
}

/** CMAC (NIST SP 800-38B) of a block that holds a number, then the message. By native CBC, whose last block it is. */
function omac(aes: AesName, key: Uint8Array, number: number, message: Uint8Array): Buffer {
  const cbc = createCipheriv(`${aes}-cbc`, key, new Uint8Array(blockBytes)).setAutoPadding(false)
  const lBlock = createCipheriv(`${aes}-ecb`, key, null).setAutoPadding(false).update(new Uint8Array(blockBytes))
  const first = Buffer.alloc(blockBytes)
  first[blockBytes - 1] = number
  if (message.length === 0) {
    xorInto(first, doubled(lBlock))
    return cbc.update(first)
  }
  cbc.update(first)
  const wholeBytes = Math.floor((message.length - 1) / blockBytes) * blockBytes
  for (let at = 0; at < wholeBytes; at += stepBytes)
    cbc.update(message.subarray(at, Math.min(at + stepBytes, wholeBytes)))
  const last = Buffer.alloc(blockBytes)
  last.set(message.subarray(wholeBytes))
  const isWhole = message.length - wholeBytes === blockBytes
  if (!isWhole) last[message.length - wholeBytes] = 0x80
  xorInto(last, isWhole ? doubled(lBlock) : doubled(doubled(lBlock)))
  return cbc.update(last)
}

/** Times x in the field of 2^128 elements. */
function doubled(block: Uint8Array): Buffer {
  const out = Buffer.alloc(blockBytes)
  for (let at = 0; at < blockBytes; at++) out[at] = (block[at]! << 1) | ((block[at + 1] ?? 0) >> 7)
  if (block[0]! >= 0x80) out[blockBytes - 1]! ^= 0x87
  return out
}

function xorInto(target: Uint8Array, bytes: Uint8Array): void {
  for (let at = 0; at < target.length; at++) target[at]! ^= bytes[at]!
}
