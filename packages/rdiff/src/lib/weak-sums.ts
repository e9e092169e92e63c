import { RollingSum } from './rolling-sum.ts'
import type { Signature } from './signature-decoder.ts'

/** What the Rabin-Karp sum is multiplied with for each byte that comes: the base that librsync chose. */
export const rabinKarpBase = 0x08104225

/** The number that takes one multiplication by the base back, modulo 2^32. */
const rabinKarpInverse = inverse(rabinKarpBase)

const rollingSum = new RollingSum()

/** The weak sum of the bytes from `start` to `end`, as an unsigned integer of 32 bits. */
export function weakSum(kind: Signature['kind'], bytes: Uint8Array, start: number, end: number): number {
  if (kind === 'rollsum') {
    rollingSum.update(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), start, end)
    return rollingSum.finish()
  }
  // The bytes as digits behind a leading 1.
  let hash = 1
  for (let at = start; at < end; at++) hash = (Math.imul(hash, rabinKarpBase) + bytes[at]!) | 0
  return hash >>> 0
}

/**
 * Where, behind `start`, bytes begin that have the wanted sum and go to `end`; `end` if nowhere. The longest ones first.
 *
 * @param weak - The sum of the bytes from `start` to `end`.
 */
export function nextSuffix(
  kind: Signature['kind'],
  bytes: Uint8Array,
  start: number,
  end: number,
  weak: number,
  wanted: number,
): number {
  let at = start
  if (kind === 'rollsum') {
    let s1 = weak & 0xffff
    let s2 = weak >>> 16
    while (at < end) {
      const gone = bytes[at]! + 31
      s1 = (s1 - gone) & 0xffff
      s2 = (s2 - ((end - at) & 0xffff) * gone) & 0xffff
      at += 1
      if (((s2 << 16) | s1) >>> 0 === wanted) break
    }
    return at
  }
  let hash = weak
  let power = rabinKarpPower(end - start)
  while (at < end) {
    power = Math.imul(power, rabinKarpInverse)
    hash = (hash - Math.imul(power, bytes[at]! + rabinKarpBase - 1)) >>> 0
    at += 1
    if (hash === wanted) break
  }
  return at
}

/** The base to the power of `exponent`, modulo 2^32, as a signed integer. */
export function rabinKarpPower(exponent: number): number {
  let result = 1
  let square = rabinKarpBase
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = Math.imul(result, square)
    square = Math.imul(square, square)
  }
  return result
}

/** By Newton: an odd number is right in three bits at first, and in twice as many each time. */
function inverse(odd: number): number {
  let result = odd
  for (let i = 0; i < 4; i++) result = Math.imul(result, 2 - Math.imul(odd, result))
  return result
}
