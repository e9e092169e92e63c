/** The bytes (7i + 3) mod 251, which the vectors are made of. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (7 * i + 3) % 251)
}

const text = (value: string) => new TextEncoder().encode(value)
const hex = (value: string) => new Uint8Array(Buffer.from(value.replaceAll(' ', ''), 'hex'))
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

/** Contents, and what `rdiff -H md4 -R rollsum -b 512 -S 8 signature` wrote for them. */
export const signatureVectors: readonly { name: string; content: Uint8Array; signature: Uint8Array }[] = [
  ['nothing', pattern(0), ''],
  ['1 byte', pattern(1), '002200227a71b83fcd0caf6f'],
  ['511 bytes', pattern(511), '2052341601422796c7034128'],
  ['512 bytes', pattern(512), '54c9347731b054e3eb3b3d6e'],
  ['513 bytes', pattern(513), '54c9347731b054e3eb3b3d6e 006800680e52bf2974a2b3bb'],
  ['1025 bytes', pattern(1025), '54c9347731b054e3eb3b3d6e 5279373337258c9eba2526d6 00ae00ae5276fc041e8e7fc5'],
  ['x', text('x'), '0097009751b834b7c1ef0b59'],
  ['hello and a line end', text('hello\n'), '0ad002d863481c78ae04c201'],
  ['512 zeros', new Uint8Array(512), '1f003e00956cd9194731bbd1'],
].map(([name, content, entries]) => ({
  name: name as string,
  content: content as Uint8Array,
  signature: hex(`727301360000020000000008${entries as string}`),
}))

const p512 = pattern(512)
const a512 = new Uint8Array(512).fill(0x41)
const r512 = pattern(512).reverse()

/** Old and new contents, and the delta that `rdiff delta` wrote for them, with blocks of 512 bytes. */
export const deltaVectors: readonly { name: string; old: Uint8Array; next: Uint8Array; delta: Uint8Array }[] = [
  { name: 'nothing to nothing', old: text(''), next: text(''), delta: hex('7273023600') },
  { name: 'nothing to x', old: text(''), next: text('x'), delta: hex('72730236 0178 00') },
  { name: 'x to nothing', old: text('x'), next: text(''), delta: hex('7273023600') },
  { name: 'unchanged', old: text('hello'), next: text('hello'), delta: hex('72730236 450005 00') },
  {
    name: 'shorter than a block',
    old: text('hello'),
    next: text('hello world'),
    delta: hex('72730236 0b68656c6c6f20776f726c64 00'),
  },
  { name: 'four blocks unchanged', old: pattern(2048), next: pattern(2048), delta: hex('72730236 46000800 00') },
  {
    name: 'something put before',
    old: pattern(2048),
    next: join(text('abc'), pattern(2048)),
    delta: hex('72730236 03616263 46000800 00'),
  },
  {
    name: 'blocks in another order',
    old: join(p512, a512, r512),
    next: join(r512, p512, a512),
    delta: hex('72730236 4a04000200 46000400 00'),
  },
  {
    name: 'a literal of 65 bytes',
    old: text(''),
    next: Uint8Array.from({ length: 65 }, (_, i) => i),
    delta: join(
      hex('72730236 4141'),
      Uint8Array.from({ length: 65 }, (_, i) => i),
      hex('00'),
    ),
  },
  {
    name: 'a literal of 300 bytes',
    old: text(''),
    next: Uint8Array.from({ length: 300 }, (_, i) => i),
    delta: join(
      hex('72730236 42012c'),
      Uint8Array.from({ length: 300 }, (_, i) => i),
      hex('00'),
    ),
  },
  {
    name: 'one block sixteen times',
    old: new Uint8Array(4096),
    next: new Uint8Array(8192),
    delta: hex(`72730236 ${'46000200'.repeat(16)} 00`),
  },
]
