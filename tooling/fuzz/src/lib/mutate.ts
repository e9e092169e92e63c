import type { Random } from '@coalmine/fixtures/random'

export interface MutateOptions {
  readonly random: Random
  /** Other inputs, to take pieces from. */
  readonly corpus: readonly Uint8Array[]
  readonly tokens: readonly Uint8Array[]
  readonly maxBytes: number
}

type Mutation = (bytes: Buffer, options: MutateOptions) => Buffer

/** A copy of an input with one to four things changed: bits, numbers, pieces, lengths. */
export function mutate(input: Uint8Array, options: MutateOptions): Buffer {
  const { random, maxBytes } = options
  let bytes: Buffer = Buffer.from(input)
  for (let left = random.pick([1, 1, 1, 2, 2, 3, 4]); left > 0; left--) {
    bytes = random.pick(mutations)(bytes, options)
    if (bytes.length > maxBytes) bytes = bytes.subarray(0, maxBytes)
  }
  return bytes
}

const someBytes = [0, 1, 2, 0x0a, 0x20, 0x22, 0x2e, 0x2f, 0x30, 0x39, 0x5c, 0x7f, 0x80, 0xc0, 0xfe, 0xff] as const
const someTexts = [
  '0',
  '1',
  '-1',
  '00',
  '7',
  '8',
  '9',
  '10',
  '255',
  '256',
  '65536',
  '2147483647',
  '2147483648',
  '4294967295',
  '9007199254740991',
  '9007199254740993',
  '18446744073709551616',
  '1e9',
  '9'.repeat(40),
] as const

const flipBit: Mutation = (bytes, { random }) => {
  if (bytes.length > 0) bytes[random.integer(0, bytes.length - 1)]! ^= 1 << random.integer(0, 7)
  return bytes
}

const setByte: Mutation = (bytes, { random }) => {
  if (bytes.length === 0) return bytes
  const at = random.integer(0, bytes.length - 1)
  bytes[at] = random.integer(0, 1) === 0 ? random.pick(someBytes) : random.integer(0, 255)
  return bytes
}

/** A number field of one to eight bytes, in either order: at its ends, near a length of the input, or a little off. */
const setNumber: Mutation = (bytes, { random }) => {
  const width = random.pick([1, 2, 2, 4, 4, 8])
  if (bytes.length < width) return bytes
  const at = random.integer(0, bytes.length - width)
  const little = random.integer(0, 1) === 0
  const field = bytes.subarray(at, at + width)
  if (little) field.reverse()
  const rest = bytes.length - at - width
  const old = BigInt(`0x${field.toString('hex')}`)
  const value = random.pick([
    0n,
    1n,
    2n ** BigInt(width * 8) - 1n,
    2n ** BigInt(width * 8 - 1),
    2n ** BigInt(width * 8 - 1) - 1n,
    BigInt(bytes.length),
    BigInt(rest),
    BigInt(rest + 1),
    BigInt(Math.max(0, rest - 1)),
    old + BigInt(random.integer(1, 16)),
    old - BigInt(random.integer(1, 16)),
    old * 2n,
    old / 2n,
  ])
  field.set(
    Buffer.from(
      BigInt.asUintN(width * 8, value)
        .toString(16)
        .padStart(width * 2, '0'),
      'hex',
    ),
  )
  if (little) field.reverse()
  return bytes
}

/** A number in digits: another one, of the same width or of its own. */
const setDigits: Mutation = (bytes, { random }) => {
  if (bytes.length === 0) return bytes
  const isDigit = (at: number) => bytes[at]! >= 0x30 && bytes[at]! <= 0x39
  let start = random.integer(0, bytes.length - 1)
  while (start < bytes.length && !isDigit(start)) start += 1
  let end = start
  while (end < bytes.length && isDigit(end)) end += 1
  if (start === end) return bytes
  const text = random.pick(someTexts)
  const fitted = random.integer(0, 1) === 0 ? text : text.slice(0, end - start).padStart(end - start, '0')
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(fitted), bytes.subarray(end)])
}

const insert: Mutation = (bytes, { random, tokens }) => {
  const at = random.integer(0, bytes.length)
  return Buffer.concat([bytes.subarray(0, at), someToken(tokens, random), bytes.subarray(at)])
}

const overwrite: Mutation = (bytes, { random, tokens }) => {
  const token = someToken(tokens, random)
  const at = random.integer(0, bytes.length)
  return Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at + token.length)])
}

const remove: Mutation = (bytes, { random }) => {
  const [start, end] = someRange(bytes, random)
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
}

const truncate: Mutation = (bytes, { random }) => bytes.subarray(0, random.integer(0, bytes.length))

const repeat: Mutation = (bytes, { random, maxBytes }) => {
  const [start, end] = someRange(bytes, random)
  if (start === end) return bytes
  const room = Math.floor((maxBytes - bytes.length) / (end - start))
  const times = Math.min(Math.max(0, room), random.pick([1, 1, 1, 2, 5, 100, 10_000]))
  const copies = Array.from({ length: times }, () => bytes.subarray(start, end))
  return Buffer.concat([bytes.subarray(0, end), ...copies, bytes.subarray(end)])
}

const fill: Mutation = (bytes, { random }) => {
  const [start, end] = someRange(bytes, random)
  return bytes.fill(random.pick(someBytes), start, end)
}

const swap: Mutation = (bytes, { random }) => {
  const cuts = Array.from({ length: 4 }, () => random.integer(0, bytes.length)).sort((a, b) => a - b)
  const [a, b, c, d] = cuts as [number, number, number, number]
  const pieces = [bytes.subarray(0, a), bytes.subarray(c, d), bytes.subarray(b, c), bytes.subarray(a, b)]
  return Buffer.concat([...pieces, bytes.subarray(d)])
}

/** The beginning of this one and the end of another. */
const splice: Mutation = (bytes, { random, corpus }) => {
  const other = corpus[random.integer(0, Math.max(0, corpus.length - 1))]
  if (other === undefined) return bytes
  const end = bytes.subarray(0, random.integer(0, bytes.length))
  return Buffer.concat([end, other.subarray(random.integer(0, other.length))])
}

/** A piece of another one in the middle of this one. */
const graft: Mutation = (bytes, { random, corpus }) => {
  const other = corpus[random.integer(0, Math.max(0, corpus.length - 1))]
  if (other === undefined) return bytes
  const [start, end] = someRange(Buffer.from(other), random)
  const at = random.integer(0, bytes.length)
  const over = random.integer(0, 1) === 0 ? end - start : 0
  return Buffer.concat([bytes.subarray(0, at), other.subarray(start, end), bytes.subarray(at + over)])
}

const mutations = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setNumber,
  setNumber,
  setDigits,
  insert,
  overwrite,
  remove,
  truncate,
  repeat,
  fill,
  swap,
  splice,
  graft,
] as const

function someToken(tokens: readonly Uint8Array[], random: Random): Uint8Array {
  const token = tokens.length === 0 ? undefined : tokens[random.integer(0, tokens.length - 1)]
  return token !== undefined && random.integer(0, 3) > 0 ? token : random.bytes(random.pick([1, 1, 2, 4, 16, 512]))
}

/** Short as a rule, sometimes blocks of an archive. */
function someRange(bytes: Buffer, random: Random): [number, number] {
  const start = random.integer(0, bytes.length)
  const length = random.pick([1, 2, 4, 16, 64, 512, 1024, bytes.length])
  return [start, Math.min(bytes.length, start + random.integer(0, length))]
}
