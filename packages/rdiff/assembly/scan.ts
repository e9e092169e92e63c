import { MASKS, WEAK } from './memory'

const BASE: u32 = 0x08104225
const FIRST: u32 = 0x9e3779b1
const SECOND: u32 = 0x85ebca6b

// The filter's masks: two bits of 32 for each byte.
for (let i: u32 = 0; i < 256; i++) store<u32>(MASKS + (i << 2), (1 << (i & 31)) | (1 << (i >> 3)))

/**
 * The first position behind `at` whose block the filter lets pass, or `last`; its weak sum is at WEAK.
 *
 * The filter is that of the index: the sum, mixed in two ways, chooses two words of it and a mask for each.
 *
 * @param wordMask - What is left of a mixed sum, shifted, is four times the number of a word.
 */
export function scanRollsum(at: usize, last: usize, blockBytes: usize, weak: u32, filter: usize, wordMask: u32): usize {
  const factor = i16x8.splat(<i16>blockBytes)
  const fixed = i16x8.splat(<i16>(31 * blockBytes))
  const mix = i32x4.splat(FIRST)
  const zero = i16x8.splat(0)
  let low = weak & 0xffff
  let high = weak >> 16
  let sum = weak
  while (at < last) {
    let s1 = i16x8.splat(<i16>low)
    let s2 = i16x8.splat(<i16>high)
    // Eight positions at a time, all sums modulo 2^16, and for each the first of the two words.
    for (; at + 8 <= last; at += 8) {
      const out = v128.load_ext<u8>(at)
      let change = i16x8.sub(v128.load_ext<u8>(at + blockBytes), out)
      // Each lane becomes the sum of itself and those before it.
      change = i16x8.add(change, v128.shuffle<i16>(zero, change, 0, 8, 9, 10, 11, 12, 13, 14))
      change = i16x8.add(change, v128.shuffle<i16>(zero, change, 0, 1, 8, 9, 10, 11, 12, 13))
      change = i16x8.add(change, v128.shuffle<i16>(zero, change, 0, 1, 2, 3, 8, 9, 10, 11))
      const n1 = i16x8.add(s1, change)
      change = i16x8.sub(i16x8.sub(n1, i16x8.mul(factor, out)), fixed)
      change = i16x8.add(change, v128.shuffle<i16>(zero, change, 0, 8, 9, 10, 11, 12, 13, 14))
      change = i16x8.add(change, v128.shuffle<i16>(zero, change, 0, 1, 8, 9, 10, 11, 12, 13))
      change = i16x8.add(change, v128.shuffle<i16>(zero, change, 0, 1, 2, 3, 8, 9, 10, 11))
      const n2 = i16x8.add(s2, change)
      let mixed = i32x4.mul(v128.shuffle<i16>(n1, n2, 0, 8, 1, 9, 2, 10, 3, 11), mix)
      mixed = v128.xor(mixed, i32x4.shr_u(mixed, 16))
      if (passes(i32x4.extract_lane(mixed, 0), filter, wordMask)) break
      if (passes(i32x4.extract_lane(mixed, 1), filter, wordMask)) break
      if (passes(i32x4.extract_lane(mixed, 2), filter, wordMask)) break
      if (passes(i32x4.extract_lane(mixed, 3), filter, wordMask)) break
      mixed = i32x4.mul(v128.shuffle<i16>(n1, n2, 4, 12, 5, 13, 6, 14, 7, 15), mix)
      mixed = v128.xor(mixed, i32x4.shr_u(mixed, 16))
      if (passes(i32x4.extract_lane(mixed, 0), filter, wordMask)) break
      if (passes(i32x4.extract_lane(mixed, 1), filter, wordMask)) break
      if (passes(i32x4.extract_lane(mixed, 2), filter, wordMask)) break
      if (passes(i32x4.extract_lane(mixed, 3), filter, wordMask)) break
      s1 = v128.shuffle<i16>(n1, n1, 7, 7, 7, 7, 7, 7, 7, 7)
      s2 = v128.shuffle<i16>(n2, n2, 7, 7, 7, 7, 7, 7, 7, 7)
    }
    low = i16x8.extract_lane_u(s1, 0)
    high = i16x8.extract_lane_u(s2, 0)
    sum = (high << 16) | low
    // One of the next eight passes, or they are the last few.
    const end = min(at + 8, last)
    while (at < end) {
      const out = <u32>load<u8>(at)
      low += <u32>load<u8>(at + blockBytes) - out
      high += low - <u32>blockBytes * (out + 31)
      at++
      sum = (high << 16) | (low & 0xffff)
      if (passesBoth(sum, filter, wordMask)) {
        store<u32>(WEAK, sum)
        return at
      }
    }
  }
  store<u32>(WEAK, sum)
  return at
}

/** The same for the other weak sum; `power` is its base to the power of the block's length. */
export function scanRabinKarp(
  at: usize,
  last: usize,
  blockBytes: usize,
  weak: u32,
  filter: usize,
  wordMask: u32,
  power: u32,
): usize {
  let sum = weak
  const less = power * (BASE - 1)
  while (at < last) {
    sum = sum * BASE + <u32>load<u8>(at + blockBytes) - power * <u32>load<u8>(at) - less
    at++
    if (passesBoth(sum, filter, wordMask)) break
  }
  store<u32>(WEAK, sum)
  return at
}

@inline
function passesBoth(sum: u32, filter: usize, wordMask: u32): bool {
  const first = sum * FIRST
  if (!passes(first ^ (first >> 16), filter, wordMask)) return false
  const second = sum * SECOND
  return passes(second ^ (second >> 16), filter, wordMask)
}

@inline
function passes(mixed: u32, filter: usize, wordMask: u32): bool {
  const mask = load<u32>(MASKS + ((mixed & 255) << 2))
  return (load<u32>(filter + ((mixed >> 6) & wordMask)) & mask) == mask
}

/** The weak sum of one block, of librsync's first kind. */
export function rollsum(input: usize, length: usize): u32 {
  let s1: u32 = 0
  let s2: u32 = 0
  const end = input + length
  for (let at = input; at < end; at++) {
    s1 += <u32>load<u8>(at) + 31
    s2 += s1
  }
  return (s2 << 16) | (s1 & 0xffff)
}

/** And of the other kind. */
export function rabinKarp(input: usize, length: usize): u32 {
  let sum: u32 = 1
  let at = input
  const end = input + length
  const square = BASE * BASE
  const fourth = square * square
  // Four bytes at a time: only one multiplication waits for the last one.
  for (; at + 4 <= end; at += 4) {
    const pairs = (<u32>load<u8>(at) * BASE + <u32>load<u8>(at, 1)) * square
    sum = sum * fourth + (pairs + <u32>load<u8>(at, 2) * BASE + <u32>load<u8>(at, 3))
  }
  for (; at < end; at++) sum = sum * BASE + <u32>load<u8>(at)
  return sum
}
