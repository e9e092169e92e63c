const rounds = 8
const keyWords = 6 * rounds + 4

/**
 * IDEA (Lai and Massey, 1991) as the function that encrypts one block of 8 bytes: what CFB mode needs to read messages of
 * PGP 2. Nothing is written with it. What it returns is overwritten by the next call.
 */
export function ideaEncryption(key: Uint8Array): (block: Uint8Array) => Uint8Array {
  const words = scheduleOf(key)
  const out = new Uint8Array(8)
  return (block) => {
    let a = (block[0]! << 8) | block[1]!
    let b = (block[2]! << 8) | block[3]!
    let c = (block[4]! << 8) | block[5]!
    let d = (block[6]! << 8) | block[7]!
    for (let at = 0; at < 6 * rounds; at += 6) {
      a = multiply(a, words[at]!)
      b = (b + words[at + 1]!) & 0xffff
      c = (c + words[at + 2]!) & 0xffff
      d = multiply(d, words[at + 3]!)
      const left = multiply(a ^ c, words[at + 4]!)
      const right = multiply((left + (b ^ d)) & 0xffff, words[at + 5]!)
      const both = (left + right) & 0xffff
      a ^= right
      d ^= both
      const old = b
      b = c ^ right
      c = old ^ both
    }
    write(out, 0, multiply(a, words[keyWords - 4]!))
    write(out, 2, c + words[keyWords - 3]!)
    write(out, 4, b + words[keyWords - 2]!)
    write(out, 6, multiply(d, words[keyWords - 1]!))
    return out
  }
}

function write(out: Uint8Array, at: number, word: number): void {
  out[at] = word >> 8
  out[at + 1] = word
}

/** Modulo 65,537, where 0 stands for 65,536: for minus one. */
function multiply(a: number, b: number): number {
  if (a === 0) return (1 - b) & 0xffff
  if (b === 0) return (1 - a) & 0xffff
  const product = Math.imul(a, b)
  const difference = (product & 0xffff) - (product >>> 16)
  return (difference < 0 ? difference + 1 : difference) & 0xffff
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
