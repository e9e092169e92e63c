/** Cuts pieces out of an input, large ones first, as long as the answer stays the same. At most `tries` questions. */
export async function minimise(
  input: Uint8Array,
  stays: (candidate: Uint8Array) => Promise<boolean>,
  tries = 1000,
): Promise<Uint8Array> {
  let best = input
  let left = tries
  for (let size = Math.ceil(input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length;) {
      if (left-- <= 0) return best
      const candidate = new Uint8Array(Buffer.concat([best.subarray(0, at), best.subarray(at + size)]))
      if (await stays(candidate)) best = candidate
      else at += size
    }
  }
  return best
}
