const rounds = 8
const keyWords = 6 * rounds + 4

/**
 * IDEA (Lai and Massey, 1991) as the function that encrypts one block of 8 bytes: what CFB mode needs to read messages of
 * PGP 2. Nothing is written with it.
 */
export function ideaEncryption(key: Uint8Array): (block: Uint8Array) => Uint8Array {
  const words = scheduleOf(key)
  const add = (a: number, at: number) => (a + words[at]!) & 0xffff
  const times = (a: number, at: number) => multiply(a, words[at]!)
  return (block) => {
    const view = new DataView(block.buffer, block.byteOffset, 8)
    let [a, b, c, d] = [view.getUint16(0), view.getUint16(2), view.getUint16(4), view.getUint16(6)]
    for (let at = 0; at < 6 * rounds; at += 6) {
      a = times(a, at)
      b = add(b, at + 1)
      c = add(c, at + 2)
      d = times(d, at + 3)
      const left = times(a ^ c, at + 4)
      const right = times((left + (b ^ d)) & 0xffff, at + 5)
      const both = (left + right) & 0xffff
      a ^= right
      d ^= both
      ;[b, c] = [c ^ right, b ^ both]
    }
    const out = new DataView(new ArrayBuffer(8))
    out.setUint16(0, times(a, keyWords - 4))
    out.setUint16(2, add(c, keyWords - 3))
    out.setUint16(4, add(b, keyWords - 2))
    out.setUint16(6, times(d, keyWords - 1))
    return new Uint8Array(out.buffer)
  }
}

/** Modulo 65,537, where 0 stands for 65,536. */
function multiply(a: number, b: number): number {
  return (((a || 0x1_0000) * (b || 0x1_0000)) % 0x1_0001) & 0xffff
}

/** The key's eight words, then again and again those of the key turned left by 25 bits. */
function scheduleOf(key: Uint8Array): Uint16Array {
  const words = new Uint16Array(keyWords)
  const view = new DataView(key.buffer, key.byteOffset, 16)
  for (let at = 0; at < 8; at++) words[at] = view.getUint16(2 * at)
  for (let at = 8; at < keyWords; at++) {
    const [group, place] = [at - 8 - (at % 8), at % 8]
    // 25 bits are one word and nine bits.
    words[at] = (words[group + ((place + 1) % 8)]! << 9) | (words[group + ((place + 2) % 8)]! >> 7)
  }
  return words
}
