import { DIGEST, LAST } from './memory'

// RFC 7693, 2.7: which word each step of a round takes; the first two rows once more for the last two rounds.
const SCHEDULE: usize = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
  11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
  7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
  9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
  2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
  12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
  13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
  6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
  10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
])

let h0: u64 = 0
let h1: u64 = 0
let h2: u64 = 0
let h3: u64 = 0
let h4: u64 = 0
let h5: u64 = 0
let h6: u64 = 0
let h7: u64 = 0
/** The words of the chunk at hand. */
let chunk: usize = 0

/** The BLAKE2b of one block, of 32 bytes, without a key, at DIGEST. */
export function blake2b(input: usize, length: usize): void {
  h0 = 0x6a09e667f3bcc908 ^ 0x01010020
  h1 = 0xbb67ae8584caa73b
  h2 = 0x3c6ef372fe94f82b
  h3 = 0xa54ff53a5f1d36f1
  h4 = 0x510e527fade682d1
  h5 = 0x9b05688c2b3e6c1f
  h6 = 0x1f83d9abfb41bd6b
  h7 = 0x5be0cd19137e2179
  // The last chunk, full or not, is another case.
  let done: usize = 0
  for (; done + 128 < length; done += 128) compress(input + done, <u64>(done + 128), 0)
  memory.fill(LAST, 0, 128)
  memory.copy(LAST, input + done, length - done)
  compress(LAST, <u64>length, -1)
  store<u64>(DIGEST, h0)
  store<u64>(DIGEST, h1, 8)
  store<u64>(DIGEST, h2, 16)
  store<u64>(DIGEST, h3, 24)
}

@inline
function word(row: usize, at: usize): u64 {
  return load<u64>(chunk + ((<usize>load<u8>(row + at)) << 3))
}

function compress(input: usize, count: u64, last: u64): void {
  chunk = input
  let v0 = h0
  let v1 = h1
  let v2 = h2
  let v3 = h3
  let v4 = h4
  let v5 = h5
  let v6 = h6
  let v7 = h7
  let v8: u64 = 0x6a09e667f3bcc908
  let v9: u64 = 0xbb67ae8584caa73b
  let v10: u64 = 0x3c6ef372fe94f82b
  let v11: u64 = 0xa54ff53a5f1d36f1
  let v12: u64 = 0x510e527fade682d1 ^ count
  let v13: u64 = 0x9b05688c2b3e6c1f
  let v14: u64 = 0x1f83d9abfb41bd6b ^ last
  let v15: u64 = 0x5be0cd19137e2179
  for (let row = SCHEDULE; row < SCHEDULE + 192; row += 16) {
    v0 += v4 + word(row, 0)
    v12 = rotr<u64>(v12 ^ v0, 32)
    v8 += v12
    v4 = rotr<u64>(v4 ^ v8, 24)
    v0 += v4 + word(row, 1)
    v12 = rotr<u64>(v12 ^ v0, 16)
    v8 += v12
    v4 = rotr<u64>(v4 ^ v8, 63)
    v1 += v5 + word(row, 2)
    v13 = rotr<u64>(v13 ^ v1, 32)
    v9 += v13
    v5 = rotr<u64>(v5 ^ v9, 24)
    v1 += v5 + word(row, 3)
    v13 = rotr<u64>(v13 ^ v1, 16)
    v9 += v13
    v5 = rotr<u64>(v5 ^ v9, 63)
    v2 += v6 + word(row, 4)
    v14 = rotr<u64>(v14 ^ v2, 32)
    v10 += v14
    v6 = rotr<u64>(v6 ^ v10, 24)
    v2 += v6 + word(row, 5)
    v14 = rotr<u64>(v14 ^ v2, 16)
    v10 += v14
    v6 = rotr<u64>(v6 ^ v10, 63)
    v3 += v7 + word(row, 6)
    v15 = rotr<u64>(v15 ^ v3, 32)
    v11 += v15
    v7 = rotr<u64>(v7 ^ v11, 24)
    v3 += v7 + word(row, 7)
    v15 = rotr<u64>(v15 ^ v3, 16)
    v11 += v15
    v7 = rotr<u64>(v7 ^ v11, 63)
    v0 += v5 + word(row, 8)
    v15 = rotr<u64>(v15 ^ v0, 32)
    v10 += v15
    v5 = rotr<u64>(v5 ^ v10, 24)
    v0 += v5 + word(row, 9)
    v15 = rotr<u64>(v15 ^ v0, 16)
    v10 += v15
    v5 = rotr<u64>(v5 ^ v10, 63)
    v1 += v6 + word(row, 10)
    v12 = rotr<u64>(v12 ^ v1, 32)
    v11 += v12
    v6 = rotr<u64>(v6 ^ v11, 24)
    v1 += v6 + word(row, 11)
    v12 = rotr<u64>(v12 ^ v1, 16)
    v11 += v12
    v6 = rotr<u64>(v6 ^ v11, 63)
    v2 += v7 + word(row, 12)
    v13 = rotr<u64>(v13 ^ v2, 32)
    v8 += v13
    v7 = rotr<u64>(v7 ^ v8, 24)
    v2 += v7 + word(row, 13)
    v13 = rotr<u64>(v13 ^ v2, 16)
    v8 += v13
    v7 = rotr<u64>(v7 ^ v8, 63)
    v3 += v4 + word(row, 14)
    v14 = rotr<u64>(v14 ^ v3, 32)
    v9 += v14
    v4 = rotr<u64>(v4 ^ v9, 24)
    v3 += v4 + word(row, 15)
    v14 = rotr<u64>(v14 ^ v3, 16)
    v9 += v14
    v4 = rotr<u64>(v4 ^ v9, 63)
  }
  h0 ^= v0 ^ v8
  h1 ^= v1 ^ v9
  h2 ^= v2 ^ v10
  h3 ^= v3 ^ v11
  h4 ^= v4 ^ v12
  h5 ^= v5 ^ v13
  h6 ^= v6 ^ v14
  h7 ^= v7 ^ v15
}
