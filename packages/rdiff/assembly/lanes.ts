// MD4 and the weak sum of four blocks at a time, one block in each 32-bit lane.

// Sixteen vectors: word k of the current 64 bytes of each lane.
const WORDS: usize = 256
// 64 bytes for each lane whose bytes end within the current 64.
const STAGE: usize = 512
// 64 bytes that stay zero.
const ZEROS: usize = 768
// Per lane: where the block begins, and how many bytes it has.
const BASES: usize = 832
const LENGTHS: usize = 848
// Per lane: all ones while the block still has something to be hashed, then zero.
const ACTIVE: usize = 864
// The four state vectors, then the three vectors of sums.
const STATE: usize = 896
const SUMS: usize = 960

/**
 * Signs all blocks of the input; the last may be short. Returns where the output ends. Blocks have less than 1 GiB.
 */
export function sign(input: usize, length: usize, blockBytes: usize, strongBytes: usize, output: usize): usize {
  let left = length
  let block = input
  while (left > 0) {
    let count: usize = 0
    for (let lane: usize = 0; lane < 4; lane++) {
      const before = lane * blockBytes
      if (before < left) {
        store<usize>(BASES + lane * 4, block + before)
        store<usize>(LENGTHS + lane * 4, min(blockBytes, left - before))
        count++
      } else {
        // No block for this lane: it repeats the first one, so that every lane takes the same way.
        store<usize>(BASES + lane * 4, block)
        store<usize>(LENGTHS + lane * 4, min(blockBytes, left))
      }
    }
    const words = hash()
    for (let lane: usize = 0; lane < count; lane++) {
      const n = load<u32>(LENGTHS + lane * 4)
      store<u32>(output, bswap(weakSum(lane, n, words)))
      store<u32>(output + 4, load<u32>(STATE + lane * 4))
      store<u32>(output + 8, load<u32>(STATE + lane * 4, 16))
      if (strongBytes > 8) {
        store<u32>(output + 12, load<u32>(STATE + lane * 4, 32))
        store<u32>(output + 16, load<u32>(STATE + lane * 4, 48))
      }
      output += 4 + strongBytes
    }
    const done = min(left, 4 * blockBytes)
    left -= done
    block += done
  }
  return output
}

/** A whole signature with its header (magic of rolling sum and MD4). Returns where the output ends. */
export function signature(input: usize, length: usize, blockBytes: usize, strongBytes: usize, output: usize): usize {
  store<u32>(output, bswap<u32>(0x72730136))
  store<u32>(output, bswap<u32>(<u32>blockBytes), 4)
  store<u32>(output, bswap<u32>(<u32>strongBytes), 8)
  // No block is longer than the content; four lengths that any header may declare would not fit into 32 bits.
  return sign(input, length, min(blockBytes, length), strongBytes, output + 12)
}

/** The weak sum of a lane's `n` bytes, of which `words` words, zeros at the end included, went into the sums. */
function weakSum(lane: usize, n: u32, words: u32): u32 {
  const at = SUMS + lane * 4
  const b01 = <u32>load<u16>(at)
  const b23 = <u32>load<u16>(at, 2)
  const running = <u32>load<u16>(at, 16) + <u32>load<u16>(at, 18)
  const b1 = <u32>load<u16>(at, 32)
  const b3 = <u32>load<u16>(at, 34)
  const plain = b01 + b23
  // Byte r of word w weighs 4 * (words - w) - r; then the zeros behind the block are taken off again.
  const weighed = 4 * running - (b1 + 2 * (b23 - b3) + 3 * b3) - (4 * words - n) * plain
  const triangle = (n & 1) == 0 ? (n >> 1) * (n + 1) : n * ((n + 1) >> 1)
  const s1 = (plain + 31 * n) & 0xffff
  const s2 = weighed + 31 * triangle
  return (s2 << 16) | s1
}

/** Hashes and sums the four blocks; leaves STATE and SUMS. Returns how many words of each lane went into the sums. */
function hash(): u32 {
  const n0 = load<u32>(LENGTHS)
  const n1 = load<u32>(LENGTHS, 4)
  const n2 = load<u32>(LENGTHS, 8)
  const n3 = load<u32>(LENGTHS, 12)
  const p0 = load<usize>(BASES)
  const p1 = load<usize>(BASES, 4)
  const p2 = load<usize>(BASES, 8)
  const p3 = load<usize>(BASES, 12)
  const longest = max(max(n0, n1), max(n2, n3))
  const shortest = min(min(n0, n1), min(n2, n3))
  // With equal lengths of whole 64 bytes, what remains is one chunk of padding, the same in all lanes.
  const even = longest == shortest && (longest & 63) == 0
  const common = shortest >> 6
  const chunks = (longest + 72) >> 6

  let a = i32x4.splat(0x67452301)
  let b = i32x4.splat(0xefcdab89)
  let c = i32x4.splat(0x98badcfe)
  let d = i32x4.splat(0x10325476)
  // Sums of 16 bits, modulo 2^16, two to a lane: of byte pairs; of what that sum was after each word; of odd bytes.
  let pairs = i16x8.splat(0)
  let running = i16x8.splat(0)
  let odd = i16x8.splat(0)
  let active = i32x4.splat(-1)
  let words: u32 = 0

  for (let chunk: u32 = 0; chunk < chunks; chunk++) {
    if (even && chunk == common) {
      const zero = i32x4.splat(0)
      v128.store(WORDS, i32x4.splat(0x80))
      for (let at = WORDS + 16; at < WORDS + 256; at += 16) v128.store(at, zero)
      v128.store(WORDS, i32x4.splat(longest << 3), 14 * 16)
      v128.store(WORDS, i32x4.splat(longest >> 29), 15 * 16)
    } else {
      const ragged = chunk >= common
      const at = <usize>chunk << 6
      const q0 = ragged ? source(0, p0, n0, chunk) : p0 + at
      const q1 = ragged ? source(1, p1, n1, chunk) : p1 + at
      const q2 = ragged ? source(2, p2, n2, chunk) : p2 + at
      const q3 = ragged ? source(3, p3, n3, chunk) : p3 + at
      words += 16
      for (let k: usize = 0; k < 64; k += 16) {
        const u0 = v128.load(q0 + k)
        const u1 = v128.load(q1 + k)
        const u2 = v128.load(q2 + k)
        const u3 = v128.load(q3 + k)
        const t0 = v128.shuffle<i32>(u0, u1, 0, 4, 1, 5)
        const t1 = v128.shuffle<i32>(u0, u1, 2, 6, 3, 7)
        const t2 = v128.shuffle<i32>(u2, u3, 0, 4, 1, 5)
        const t3 = v128.shuffle<i32>(u2, u3, 2, 6, 3, 7)
        const w0 = v128.shuffle<i64>(t0, t2, 0, 2)
        const w1 = v128.shuffle<i64>(t0, t2, 1, 3)
        const w2 = v128.shuffle<i64>(t1, t3, 0, 2)
        const w3 = v128.shuffle<i64>(t1, t3, 1, 3)
        const to = WORDS + (k << 2)
        v128.store(to, w0)
        v128.store(to, w1, 16)
        v128.store(to, w2, 32)
        v128.store(to, w3, 48)
        pairs = i16x8.add(pairs, i16x8.extadd_pairwise_i8x16_u(w0))
        running = i16x8.add(running, pairs)
        odd = i16x8.add(odd, i16x8.shr_u(w0, 8))
        pairs = i16x8.add(pairs, i16x8.extadd_pairwise_i8x16_u(w1))
        running = i16x8.add(running, pairs)
        odd = i16x8.add(odd, i16x8.shr_u(w1, 8))
        pairs = i16x8.add(pairs, i16x8.extadd_pairwise_i8x16_u(w2))
        running = i16x8.add(running, pairs)
        odd = i16x8.add(odd, i16x8.shr_u(w2, 8))
        pairs = i16x8.add(pairs, i16x8.extadd_pairwise_i8x16_u(w3))
        running = i16x8.add(running, pairs)
        odd = i16x8.add(odd, i16x8.shr_u(w3, 8))
      }
      if (ragged) {
        // After the sums, which must not see it.
        pad(0, n0, chunk)
        pad(1, n1, chunk)
        pad(2, n2, chunk)
        pad(3, n3, chunk)
        active = v128.load(ACTIVE)
      }
    }

    const a0 = a
    const b0 = b
    const c0 = c
    const d0 = d

    a = f(a, b, c, d, 0, 3)
    d = f(d, a, b, c, 1, 7)
    c = f(c, d, a, b, 2, 11)
    b = f(b, c, d, a, 3, 19)
    a = f(a, b, c, d, 4, 3)
    d = f(d, a, b, c, 5, 7)
    c = f(c, d, a, b, 6, 11)
    b = f(b, c, d, a, 7, 19)
    a = f(a, b, c, d, 8, 3)
    d = f(d, a, b, c, 9, 7)
    c = f(c, d, a, b, 10, 11)
    b = f(b, c, d, a, 11, 19)
    a = f(a, b, c, d, 12, 3)
    d = f(d, a, b, c, 13, 7)
    c = f(c, d, a, b, 14, 11)
    b = f(b, c, d, a, 15, 19)

    a = g(a, b, c, d, 0, 3)
    d = g(d, a, b, c, 4, 5)
    c = g(c, d, a, b, 8, 9)
    b = g(b, c, d, a, 12, 13)
    a = g(a, b, c, d, 1, 3)
    d = g(d, a, b, c, 5, 5)
    c = g(c, d, a, b, 9, 9)
    b = g(b, c, d, a, 13, 13)
    a = g(a, b, c, d, 2, 3)
    d = g(d, a, b, c, 6, 5)
    c = g(c, d, a, b, 10, 9)
    b = g(b, c, d, a, 14, 13)
    a = g(a, b, c, d, 3, 3)
    d = g(d, a, b, c, 7, 5)
    c = g(c, d, a, b, 11, 9)
    b = g(b, c, d, a, 15, 13)

    a = h(a, b, c, d, 0, 3)
    d = h(d, a, b, c, 8, 9)
    c = h(c, d, a, b, 4, 11)
    b = h(b, c, d, a, 12, 15)
    a = h(a, b, c, d, 2, 3)
    d = h(d, a, b, c, 10, 9)
    c = h(c, d, a, b, 6, 11)
    b = h(b, c, d, a, 14, 15)
    a = h(a, b, c, d, 1, 3)
    d = h(d, a, b, c, 9, 9)
    c = h(c, d, a, b, 5, 11)
    b = h(b, c, d, a, 13, 15)
    a = h(a, b, c, d, 3, 3)
    d = h(d, a, b, c, 11, 9)
    c = h(c, d, a, b, 7, 11)
    b = h(b, c, d, a, 15, 15)

    // A lane that is done keeps its state.
    a = i32x4.add(a0, v128.and(a, active))
    b = i32x4.add(b0, v128.and(b, active))
    c = i32x4.add(c0, v128.and(c, active))
    d = i32x4.add(d0, v128.and(d, active))
  }

  v128.store(STATE, a)
  v128.store(STATE, b, 16)
  v128.store(STATE, c, 32)
  v128.store(STATE, d, 48)
  v128.store(SUMS, pairs)
  v128.store(SUMS, running, 16)
  v128.store(SUMS, odd, 32)
  return words
}

/** Where 64 bytes of a lane can be read, zeros where it has none. */
function source(lane: usize, base: usize, length: u32, chunk: u32): usize {
  const whole = length >> 6
  if (chunk < whole) return base + (<usize>chunk << 6)
  const rest = length & 63
  if (chunk > whole || rest == 0) return ZEROS
  const at = STAGE + (lane << 6)
  memory.fill(at, 0, 64)
  memory.copy(at, base + (<usize>chunk << 6), rest)
  return at
}

/** Puts the end mark and the length where MD4 wants them, and notes whether the lane takes part. */
function pad(lane: usize, length: u32, chunk: u32): void {
  const last = ((length + 72) >> 6) - 1
  const at = WORDS + (lane << 2)
  if (chunk == length >> 6) {
    const rest = length & 63
    store<u8>(at + ((rest >> 2) << 4) + (rest & 3), 0x80)
  }
  if (chunk == last) {
    store<u32>(at, length << 3, 14 * 16)
    store<u32>(at, length >> 29, 15 * 16)
  }
  store<i32>(ACTIVE + (lane << 2), chunk <= last ? -1 : 0)
}

@inline
function rotate(v: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(v, bits), i32x4.shr_u(v, 32 - bits))
}

@inline
function f(a: v128, b: v128, c: v128, d: v128, k: usize, bits: i32): v128 {
  return rotate(i32x4.add(i32x4.add(a, v128.load(WORDS + k * 16)), v128.xor(d, v128.and(b, v128.xor(c, d)))), bits)
}

// The majority of b, c, d as a sum of disjoint bits: only one operation on it waits for b.
@inline
function g(a: v128, b: v128, c: v128, d: v128, k: usize, bits: i32): v128 {
  const early = i32x4.add(i32x4.add(a, i32x4.add(v128.load(WORDS + k * 16), i32x4.splat(0x5a827999))), v128.and(c, d))
  return rotate(i32x4.add(early, v128.and(b, v128.xor(c, d))), bits)
}

@inline
function h(a: v128, b: v128, c: v128, d: v128, k: usize, bits: i32): v128 {
  const early = i32x4.add(a, i32x4.add(v128.load(WORDS + k * 16), i32x4.splat(0x6ed9eba1)))
  return rotate(i32x4.add(early, v128.xor(b, v128.xor(c, d))), bits)
}
