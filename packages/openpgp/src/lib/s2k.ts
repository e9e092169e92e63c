import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { type Hash, hashById } from './algorithms.ts'
import { type Argon2S2k, deriveByArgon2, encodeArgon2, parseArgon2 } from './argon2.ts'

/** How a passphrase becomes a key: a string-to-key specifier (RFC 9580, section 3.7). */
export type S2k = HashedS2k | Argon2S2k

/** By a hash: simple, salted, or iterated and salted. */
export interface HashedS2k {
  readonly hash: Hash
  /** Eight bytes; empty for the simple kind, which has none. */
  readonly salt: Uint8Array
  /** Bytes of salt and passphrase, repeated, that are hashed; 0 for the kinds that hash them once. */
  readonly count: number
}

export const saltBytes = 8

/** The specifier at the start of `bytes` and its length there, or why it cannot be used. */
export function parseS2k(bytes: Uint8Array): { s2k: S2k; length: number } | string {
  const [kind, hashId] = bytes
  if (kind === undefined) return 'its passphrase packet ends too early'
  if (kind === 4) return parseArgon2(bytes)
  const length = [2, 10, undefined, 11][kind]
  if (length === undefined)
    return `its passphrase is stretched by ${stretchings.get(kind) ?? `method ${kind}`}, which is not supported`
  if (hashId === undefined || bytes.length < length) return 'its passphrase packet ends too early'
  const hash = hashById(hashId)
  if (typeof hash === 'string') return hash
  const salt = kind === 0 ? new Uint8Array(0) : bytes.slice(2, 2 + saltBytes)
  return { s2k: { hash, salt, count: kind === 3 ? decodeCount(bytes[10]!) : 0 }, length }
}

const stretchings = new Map([[101, "GnuPG's private method"]])

/** A specifier as bytes, other than a simple or salted one. @throws RangeError when no octet stands for its count */
export function encodeS2k(s2k: S2k): Uint8Array {
  if ('passes' in s2k) return encodeArgon2(s2k)
  return Uint8Array.of(3, s2k.hash.id, ...s2k.salt, encodeCount(s2k.count))
}

function decodeCount(octet: number): number {
  return (16 + (octet & 15)) << ((octet >> 4) + 6)
}

/** @throws RangeError */
export function encodeCount(count: number): number {
  for (let octet = 0; octet < 256; octet++) if (decodeCount(octet) === count) return octet
  throw new RangeError(`Cannot stretch a passphrase over ${count} bytes: OpenPGP has no octet for this count`)
}

/** One turn of the event loop's work: 20 ms of the slowest hash. */
const sliceBytes = 4 * 1024 * 1024
const blockBytes = 256 * 1024

/** Whether two specifiers differ in their salts at most. */
export function stretchesLike(a: S2k, b: S2k): boolean {
  return a.salt.length === b.salt.length && nameOfS2k({ ...a, salt: b.salt }) === nameOfS2k(b)
}

/** A name that two specifiers share if and only if they are the same. */
export function nameOfS2k(s2k: S2k): string {
  const salt = Buffer.from(s2k.salt).toString('hex')
  if ('passes' in s2k) return `argon2 ${salt} ${s2k.passes} ${s2k.lanes} ${s2k.memoryExponent}`
  return `${s2k.hash.id} ${salt} ${s2k.count}`
}

/**
 * The key of `keyBytes` bytes that a passphrase gives. At most 65 MB are hashed per digest's length of key, in slices
 * that let the event loop turn in between; Argon2 lets nothing turn, for up to four seconds.
 *
 * @throws OpenPgpError `unsupported` when Argon2 is not at hand
 */
export async function deriveKey(passphrase: Uint8Array, s2k: S2k, keyBytes: number): Promise<Uint8Array> {
  if ('passes' in s2k) return deriveByArgon2(passphrase, s2k, keyBytes)
  const unitBytes = s2k.salt.length + passphrase.length
  const totalBytes = Math.max(s2k.count, unitBytes)
  const block = repeated(s2k.salt, passphrase, Math.min(totalBytes, blockBytes))
  const key = new Uint8Array(keyBytes)
  try {
    // A key longer than the digest takes further digests, each begun with one more byte of zero.
    for (let at = 0, zeros = 0; at < keyBytes; at += s2k.hash.digestBytes, zeros++) {
      const hash = createHash(s2k.hash.native)
      hash.update(new Uint8Array(zeros))
      let sliceLeft = sliceBytes
      for (let left = totalBytes; left > 0; left -= block.length) {
        hash.update(left < block.length ? block.subarray(0, left) : block)
        sliceLeft -= block.length
        if (sliceLeft <= 0) {
          await setImmediate()
          sliceLeft = sliceBytes
        }
      }
      const digest = hash.digest()
      key.set(digest.subarray(0, keyBytes - at), at)
      digest.fill(0)
    }
  } finally {
    block.fill(0)
  }
  return key
}

/** Salt and passphrase again and again, whole times, until there are at least `wantedBytes`. */
function repeated(salt: Uint8Array, passphrase: Uint8Array, wantedBytes: number): Uint8Array {
  const unitBytes = salt.length + passphrase.length
  const times = Math.max(1, Math.ceil(wantedBytes / Math.max(1, unitBytes)))
  const block = new Uint8Array(unitBytes * times)
  for (let at = 0; at < block.length; at += unitBytes) {
    block.set(salt, at)
    block.set(passphrase, at + salt.length)
  }
  return block
}
