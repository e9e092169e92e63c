import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import { demand } from './target.ts'

export interface Feed {
  readonly name: string
  chunks(): Iterable<Uint8Array>
  stream(): AsyncIterable<Uint8Array>
}

// Byte by byte takes a promise or an allocation for each: for short inputs only.
const shortBytes = 1500
// Where parsers have their boundaries.
const scales = [1, 2, 7, 16, 100, 511, 512, 513, 4096] as const

/** The ways to hand over an input: whole, in pieces that the input itself decides, and byte by byte. */
export function feedsOf(input: Uint8Array): Feed[] {
  const seed = crc32(input)
  const feeds = [
    { name: 'whole', chunks: () => (input.length > 0 ? [input] : []) },
    { name: `pieces of seed ${seed}`, chunks: () => piecesOf(input, seed) },
  ]
  if (input.length <= shortBytes) feeds.push({ name: 'bytes', chunks: () => bytesOf(input) })
  return feeds.map(({ name, chunks }) => ({
    name,
    chunks,
    async *stream() {
      yield* chunks()
    },
  }))
}

function* piecesOf(input: Uint8Array, seed: number): Generator<Uint8Array> {
  let state = seed
  for (let at = 0; at < input.length;) {
    // A linear congruential generator: cheap, and good enough to cut somewhere else each time.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const scale = scales[(state >>> 8) % scales.length]!
    const length = (state >>> 16) % 2 === 0 ? scale : 1 + ((state >>> 17) % scale)
    yield input.subarray(at, at + length)
    at += length
  }
}

function* bytesOf(input: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < input.length; at++) yield input.subarray(at, at + 1)
}

/** What comes out for the input fed whole, after making sure that it is the same for every other way. */
export function sameForAll<T>(input: Uint8Array, read: (chunks: Iterable<Uint8Array>) => T): T {
  const [whole, ...others] = feedsOf(input)
  const expected = read(whole!.chunks())
  for (const feed of others) requireSame(read(feed.chunks()), expected, feed.name)
  return expected
}

/** The same for streams. */
export async function sameForAllStreams<T>(
  input: Uint8Array,
  read: (stream: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const [whole, ...others] = feedsOf(input)
  const expected = await read(whole!.stream())
  for (const feed of others) requireSame(await read(feed.stream()), expected, feed.name)
  return expected
}

function requireSame(found: unknown, expected: unknown, how: string): void {
  demand(
    isDeepStrictEqual(found, expected),
    `Fed in another way (${how}) it gives ${show(found)} and not ${show(expected)}`,
  )
}

export function show(value: unknown): string {
  const text = JSON.stringify(value, (_, one: unknown) => {
    if (one instanceof Map) return [...one]
    if (one instanceof Uint8Array) return `<${Buffer.from(one).toString('hex').slice(0, 80)}, ${one.length} bytes>`
    return one
  })
  return (text ?? String(value)).slice(0, 500)
}
