import { DIGEST, LAST } from './memory'

let a: u32 = 0
let b: u32 = 0
let c: u32 = 0
let d: u32 = 0

/** The MD4 of one block, at DIGEST: faster than a lane that has the kernel for itself. */
export function md4(input: usize, length: usize): void {
  a = 0x67452301
  b = 0xefcdab89
  c = 0x98badcfe
  d = 0x10325476
  const rest = length & 63
  const end = input + (length - rest)
  for (let at = input; at < end; at += 64) compress(at)
  memory.fill(LAST, 0, 128)
  memory.copy(LAST, end, rest)
  store<u8>(LAST + rest, 0x80)
  const last = LAST + (rest < 56 ? 0 : 64)
  store<u64>(last, (<u64>length) << 3, 56)
  compress(LAST)
  if (last != LAST) compress(last)
  store<u32>(DIGEST, a)
  store<u32>(DIGEST, b, 4)
  store<u32>(DIGEST, c, 8)
  store<u32>(DIGEST, d, 12)
}

function compress(at: usize): void {
  const a0 = a
  const b0 = b
  const c0 = c
  const d0 = d
  let w = a0
  let x = b0
  let y = c0
  let z = d0
  for (let k: usize = at; k < at + 64; k += 16) {
    w = rotl<u32>(w + load<u32>(k) + (z ^ (x & (y ^ z))), 3)
    z = rotl<u32>(z + load<u32>(k, 4) + (y ^ (w & (x ^ y))), 7)
    y = rotl<u32>(y + load<u32>(k, 8) + (x ^ (z & (w ^ x))), 11)
    x = rotl<u32>(x + load<u32>(k, 12) + (w ^ (y & (z ^ w))), 19)
  }
  for (let k: usize = at; k < at + 16; k += 4) {
    w = rotl<u32>(w + load<u32>(k) + 0x5a827999 + (y & z) + (x & (y ^ z)), 3)
    z = rotl<u32>(z + load<u32>(k, 16) + 0x5a827999 + (x & y) + (w & (x ^ y)), 5)
    y = rotl<u32>(y + load<u32>(k, 32) + 0x5a827999 + (w & x) + (z & (w ^ x)), 9)
    x = rotl<u32>(x + load<u32>(k, 48) + 0x5a827999 + (z & w) + (y & (z ^ w)), 13)
  }
  // Words 0, 2, 1, 3 and, for each, those 8, 4 and 12 further on.
  for (let i: usize = 0; i < 4; i++) {
    const k = at + 4 * (((i & 1) << 1) | (i >> 1))
    w = rotl<u32>(w + load<u32>(k) + 0x6ed9eba1 + (x ^ y ^ z), 3)
    z = rotl<u32>(z + load<u32>(k, 32) + 0x6ed9eba1 + (w ^ x ^ y), 9)
    y = rotl<u32>(y + load<u32>(k, 16) + 0x6ed9eba1 + (z ^ w ^ x), 11)
    x = rotl<u32>(x + load<u32>(k, 48) + 0x6ed9eba1 + (y ^ z ^ w), 15)
  }
  a = a0 + w
  b = b0 + x
  c = c0 + y
  d = d0 + z
}
