import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect, fromBytes } from '@coalmine/bytes'
import { patch, patchAll, RdiffError, readSignature } from '@coalmine/rdiff'
import * as fc from 'fast-check'
import { sameForAllStreams, show } from '../lib/feed.ts'
import { output } from '../lib/program.ts'
import { splitAt } from './difftar.ts'
import { demand, refused, type Target } from '../lib/target.ts'

const magics = [0x72730136, 0x72730137, 0x72730146, 0x72730147]

/** Signatures of librsync, of all four kinds. */
export const signatures: Target = {
  name: 'rdiff-signature',
  about: 'signatures of librsync (readSignature)',
  maxBytes: 8192,
  tokens: [
    ...magics.map((magic) => bigEndian(magic)),
    bigEndian(2048),
    bigEndian(8),
    bigEndian(2 ** 31),
    bigEndian(32),
  ],
  arbitrary: fc
    .tuple(
      fc.constantFrom(...magics),
      fc.constantFrom(0, 1, 512, 2048, 2 ** 28, 2 ** 32 - 1),
      fc.constantFrom(0, 1, 8, 16, 17, 32, 33, 2 ** 31),
      fc.uint8Array({ maxLength: 200 }),
    )
    .map(([magic, block, strong, entries]) =>
      Buffer.concat([bigEndian(magic), bigEndian(block), bigEndian(strong), entries]),
    ),
  async run(input) {
    const read = await sameForAllStreams(input, async (stream) => {
      try {
        return await readSignature(stream)
      } catch (error) {
        if (error instanceof RdiffError) return error.code
        throw error
      }
    })
    const wanted = bySight(Buffer.from(input))
    const isSignature = typeof read !== 'string'
    demand(isSignature === (wanted !== undefined), `It is ${show(read)}, and seen by eye ${show(wanted)}`)
    if (!isSignature) return refused
    const { weak, strong, blockBytes, strongBytes } = read
    demand(
      show([blockBytes, strongBytes, [...weak], strong]) === show(wanted),
      `It is ${show([blockBytes, strongBytes, [...weak], strong])}, and seen by eye ${show(wanted)}`,
    )
    return { accepted: weak.length > 0, outputBytes: input.length }
  },
}

/** What a signature says, read from fixed places. */
function bySight(bytes: Buffer): [number, number, number[], Uint8Array] | undefined {
  if (bytes.length < 12 || !magics.includes(bytes.readUInt32BE(0))) return undefined
  const [blockBytes, strongBytes] = [bytes.readUInt32BE(4), bytes.readUInt32BE(8)]
  const longest = (bytes[3]! & 0x0f) === 6 ? 16 : 32
  if (blockBytes === 0 || blockBytes > 2 ** 28 || strongBytes === 0 || strongBytes > longest) return undefined
  const each = 4 + strongBytes
  if ((bytes.length - 12) % each !== 0) return undefined
  const starts = Array.from({ length: (bytes.length - 12) / each }, (_, at) => 12 + at * each)
  const strong = Buffer.concat(starts.map((at) => bytes.subarray(at + 4, at + each)))
  return [blockBytes, strongBytes, starts.map((at) => bytes.readUInt32BE(at)), new Uint8Array(strong)]
}

const mostMade = 1 << 20
const folder = { path: '' }

/** Deltas of librsync. The first two bytes say how long the basis is. */
export const deltas: Target = {
  name: 'rdiff-delta',
  about: 'deltas of librsync, applied (patch)',
  maxBytes: 8192,
  tokens: [
    bigEndian(0x72730236),
    Buffer.of(0),
    Buffer.of(0x41, 0x05),
    Buffer.of(0x45, 0, 9),
    Buffer.of(0x54),
    Buffer.of(0x44),
  ],
  arbitrary: fc
    .tuple(fc.nat(9000), fc.array(command(), { maxLength: 12 }), fc.boolean())
    .map(([basis, commands, ended]) =>
      Buffer.concat([
        Buffer.of(basis >> 8, basis & 255),
        bigEndian(0x72730236),
        ...commands,
        Buffer.alloc(ended ? 1 : 0),
      ]),
    ),
  memory: { base: 2 << 20, perByte: 300 },
  async run(input) {
    const { basis, delta } = partsOf(input)
    const made = await sameForAllStreams(delta, async (stream) => {
      try {
        return new Uint8Array(await collect(patch(fromBytes(basis), stream, { maxBytes: mostMade })))
      } catch (error) {
        if (error instanceof RdiffError) return error.code
        throw error
      }
    })
    const wanted = bySteps(basis, Buffer.from(delta))
    demand(
      typeof made === 'string' ? wanted === undefined : wanted !== undefined && Buffer.compare(made, wanted) === 0,
      `It makes ${show(made)}, and step by step ${show(wanted)}`,
    )
    return typeof made === 'string' ? refused : { accepted: true, outputBytes: made.length }
  },
  judge: {
    needs: ['rdiff'],
    async check(input) {
      const { basis, delta } = partsOf(input)
      const wanted = bySteps(basis, Buffer.from(delta))
      folder.path ||= mkdtempSync(join(tmpdir(), 'coalmine-fuzz-rdiff-'))
      const [old, change, made] = ['old', 'delta', 'new'].map((name) => join(folder.path, name)) as [
        string,
        string,
        string,
      ]
      writeFileSync(old, basis)
      writeFileSync(change, delta)
      const { code } = await output(['rdiff', '--force', 'patch', old, change, made])
      demand(code === 0 && wanted !== undefined && readFileSync(made).equals(wanted), `rdiff ends with code ${code}`)
    },
    async close() {
      if (folder.path !== '') rmSync(folder.path, { recursive: true })
      folder.path = ''
    },
  },
}

/** Stands between two deltas of a chain. */
const nextDelta = Buffer.from('=====next delta=====')

/** Deltas that build on one another, applied at once. */
export const deltaChains: Target = {
  name: 'rdiff-chain',
  about: 'deltas on deltas, applied at once (patchAll), against one after the other',
  maxBytes: 8192,
  tokens: [...(deltas.tokens ?? []), nextDelta, Buffer.concat([nextDelta, bigEndian(0x72730236)])],
  arbitrary: fc
    .tuple(fc.nat(3000), fc.array(fc.array(command(), { maxLength: 8 }), { minLength: 2, maxLength: 4 }))
    .map(([basis, chain]) => {
      const each = chain.map((commands) => Buffer.concat([bigEndian(0x72730236), ...commands, Buffer.of(0)]))
      const joined = each.flatMap((delta, at) => (at === 0 ? [delta] : [nextDelta, delta]))
      return Buffer.concat([Buffer.of(basis >> 8, basis & 255), ...joined])
    }),
  memory: { base: 24 << 20, perByte: 400 },
  async run(input) {
    const { basis, delta } = partsOf(input)
    const chain = splitAt(Buffer.from(delta), nextDelta)
    // What a chain makes on its way is limited too: the last delta alone is, where they are applied at once.
    let wanted: Buffer | undefined = basis
    for (const one of chain) wanted = wanted === undefined ? undefined : bySteps(wanted, one)
    let made: Uint8Array | string
    try {
      const sources = chain.map((one) => fromBytes(one))
      made = await collect(patchAll(fromBytes(basis), sources, { maxBytes: mostMade, maxSegments: 100_000 }))
    } catch (error) {
      if (!(error instanceof RdiffError)) throw error
      made = error.code
    }
    if (typeof made === 'string') {
      // Too many pieces, or more on the way than is ever made: then deltas are applied one by one.
      demand(wanted === undefined || made === 'segments', `It is ${made}, and step by step ${show(wanted)}`)
      return refused
    }
    const isKnown = wanted === undefined || Buffer.compare(made, wanted) === 0
    demand(isKnown, `It makes ${show(made)}, and step by step ${show(wanted)}`)
    return { accepted: true, outputBytes: made.length }
  },
}

function partsOf(input: Uint8Array): { basis: Buffer; delta: Uint8Array } {
  const length = ((input[0] ?? 0) << 8) | (input[1] ?? 0)
  return { basis: Buffer.from(Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 255)), delta: input.subarray(2) }
}

/** A delta applied in the plainest way, within the same limit; `undefined` when it is not sound. */
function bySteps(basis: Buffer, delta: Buffer): Buffer | undefined {
  if (delta.length < 4 || delta.readUInt32BE(0) !== 0x72730236) return undefined
  const made: Buffer[] = []
  let bytes = 0
  let at = 4
  const number = (width: number): number => {
    const value = at + width <= delta.length ? Number(BigInt(`0x${delta.toString('hex', at, at + width)}`)) : Number.NaN
    at += width
    return value
  }
  for (;;) {
    const code = delta[at++]
    if (code === undefined || code > 0x54) return undefined
    if (code === 0) return at === delta.length ? Buffer.concat(made) : undefined
    let piece: Buffer
    let length: number
    if (code <= 0x44) {
      length = code <= 0x40 ? code : number(1 << (code - 0x41))
      piece = delta.subarray(at, at + Math.min(length || 0, mostMade))
      at += length
    } else {
      const start = number(1 << ((code - 0x45) >> 2))
      length = number(1 << ((code - 0x45) & 3))
      if (!(start + length <= basis.length)) return undefined
      piece = basis.subarray(start, start + length)
    }
    bytes += length
    if (!(length > 0) || bytes > mostMade || piece.length !== length) return undefined
    made.push(piece)
  }
}

function command(): fc.Arbitrary<Buffer> {
  const literal = fc
    .uint8Array({ minLength: 1, maxLength: 64 })
    .map((bytes) => Buffer.concat([Buffer.of(bytes.length), bytes]))
  const long = fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes) => Buffer.concat([Buffer.of(0x42, bytes.length >> 8, bytes.length & 255), bytes]))
  const copy = fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.nat(5000), fc.nat(3000))
    .map(([a, b, start, length]) =>
      Buffer.concat([Buffer.of(0x45 + a * 4 + b), sized(start, 1 << a), sized(length, 1 << b)]),
    )
  return fc.oneof(literal, long, copy)
}

function sized(value: number, width: number): Buffer {
  return Buffer.from(
    BigInt.asUintN(width * 8, BigInt(value))
      .toString(16)
      .padStart(width * 2, '0'),
    'hex',
  )
}

function bigEndian(value: number): Buffer {
  return sized(value, 4)
}
