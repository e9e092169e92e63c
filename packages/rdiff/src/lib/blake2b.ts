/**
 * BLAKE2b (RFC 7693) with digests of 32 bytes and no key, in plain JavaScript: words of 64 bits as two of 32, the lower
 * one first.
 */

// RFC 7693, 2.6 and 2.7.
const initial = Uint32Array.of(
  0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
  0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
) // prettier-ignore
const schedule = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]
// Which four words each of the eight steps of a round mixes.
const columns = [0, 1, 2, 3, 0, 1, 2, 3]
const turns = [0, 0, 0, 0, 1, 1, 1, 1]

const chunkBytes = 128
const state = new Uint32Array(16)
const work = new Uint32Array(32)
const words = new Uint32Array(32)
const rest = new Uint8Array(chunkBytes)
const restView = new DataView(rest.buffer)

/** Writes the digest of the bytes of `view` from `start` to `end`, 32 bytes, at `at`. */
export function blake2b(view: DataView, start: number, end: number, target: DataView, at: number): void {
  state.set(initial)
  state[0]! ^= 0x01010020
  let done = start
  // The last chunk, full or not, is another case.
  for (; done + chunkBytes < end; done += chunkBytes) compress(view, done, done + chunkBytes - start, false)
  rest.fill(0)
  rest.set(new Uint8Array(view.buffer, view.byteOffset + done, end - done))
  compress(restView, 0, end - start, true)
  for (let i = 0; i < 8; i++) target.setUint32(at + 4 * i, state[i]!, true)
}

function compress(view: DataView, at: number, count: number, last: boolean): void {
  for (let i = 0; i < 32; i++) words[i] = view.getUint32(at + 4 * i, true)
  work.set(state)
  work.set(initial, 16)
  work[24]! ^= count
  work[25]! ^= Math.floor(count / 2 ** 32)
  if (last) {
    work[28] = ~work[28]!
    work[29] = ~work[29]!
  }
  for (let round = 0; round < 12; round++) {
    const order = schedule[round % 10]!
    for (let step = 0; step < 8; step++) {
      const column = columns[step]!
      const turn = turns[step]!
      const a = column
      const b = 4 + ((column + turn) & 3)
      const c = 8 + ((column + 2 * turn) & 3)
      const d = 12 + ((column + 3 * turn) & 3)
      mix(2 * a, 2 * b, 2 * c, 2 * d, 2 * order[2 * step]!, 2 * order[2 * step + 1]!)
    }
  }
  for (let i = 0; i < 16; i++) state[i]! ^= work[i]! ^ work[i + 16]!
}

function mix(a: number, b: number, c: number, d: number, x: number, y: number): void {
  const v = work
  let low = v[a]! + v[b]! + words[x]!
  let high = (v[a + 1]! + v[b + 1]! + words[x + 1]! + Math.floor(low / 2 ** 32)) | 0
  v[a] = low
  v[a + 1] = high
  // d turned by 32, which is its halves changed over.
  let turned = v[d]! ^ low
  v[d] = v[d + 1]! ^ high
  v[d + 1] = turned
  low = v[c]! + v[d]
  high = (v[c + 1]! + v[d + 1]! + Math.floor(low / 2 ** 32)) | 0
  v[c] = low
  v[c + 1] = high
  let lower = v[b]! ^ low
  let upper = v[b + 1]! ^ high
  v[b] = (lower >>> 24) | (upper << 8)
  v[b + 1] = (upper >>> 24) | (lower << 8)
  low = v[a] + v[b] + words[y]!
  high = (v[a + 1]! + v[b + 1]! + words[y + 1]! + Math.floor(low / 2 ** 32)) | 0
  v[a] = low
  v[a + 1] = high
  lower = v[d] ^ low
  upper = v[d + 1]! ^ high
  v[d] = (lower >>> 16) | (upper << 16)
  v[d + 1] = (upper >>> 16) | (lower << 16)
  low = v[c] + v[d]
  high = (v[c + 1]! + v[d + 1]! + Math.floor(low / 2 ** 32)) | 0
  v[c] = low
  v[c + 1] = high
  lower = v[b] ^ low
  upper = v[b + 1]! ^ high
  v[b] = (upper >>> 31) | (lower << 1)
  v[b + 1] = (lower >>> 31) | (upper << 1)
}
