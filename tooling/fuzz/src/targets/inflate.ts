import { createHash } from 'node:crypto'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { inflate, InflateError } from '@coalmine/deflate'
import { gzipEnvelope } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { sameForAllStreams, show } from '../lib/feed.ts'
import { Python } from '../lib/python.ts'
import { demand, type Outcome, type Target } from '../lib/target.ts'

const formats = ['raw', 'zlib', 'gzip'] as const
const codes = ['truncated', 'corrupt', 'trailing', 'too-large']
const mostBytes = 4 << 20
const python = new Python()
const compressors = { raw: deflateRawSync, zlib: deflateSync, gzip: gzipSync }

interface Read {
  readonly code?: string
  readonly bytes: number
  readonly sha256: string
}

/** Compressed data. The first byte chooses the format, the second a limit. */
export const inflating: Target = {
  name: 'inflate',
  about: 'raw, zlib and gzip data, gzip headers and members (inflate, gzipEnvelope)',
  maxBytes: 8192,
  memory: { base: 8 << 20, perByte: 16 },
  tokens: [
    Buffer.from('1f8b0800000000000003', 'hex'),
    Buffer.from('1f8b081f', 'hex'),
    Buffer.from('789c', 'hex'),
    Buffer.alloc(8),
  ].concat([deflateRawSync('canary '.repeat(9)), gzipSync('canary'), deflateSync('canary')]),
  arbitrary: fc
    .tuple(fc.nat(2), fc.nat(255), fc.uint8Array({ maxLength: 80 }), fc.nat(40))
    .map(([format, limit, bytes, times]) =>
      Buffer.concat([
        Buffer.of(format, limit),
        compressors[formats[format]!](Buffer.concat(Array.from({ length: times }, () => bytes))),
      ]),
    ),
  async run(input) {
    const { format, maxBytes, data } = partsOf(input)
    let outputBytes = 0
    const count = (more: number) => (outputBytes += more)
    const found = await sameForAllStreams(data, (stream) => read(inflate(stream, { format, maxBytes }), count))
    demand(found.bytes <= maxBytes, `${found.bytes} bytes come, ${maxBytes} were allowed`)
    if (format === 'gzip' && found.code === undefined) {
      const sealed = await read(gzipEnvelope().open('volume', { size: data.length, open: () => only(data) }))
      demand(show(sealed) === show(found), `The envelope gives ${show(sealed)}, without it it is ${show(found)}`)
    }
    return { accepted: found.code === undefined, outputBytes } satisfies Outcome
  },
  judge: {
    needs: ['python3'],
    sees: 'all',
    async check(input) {
      const { format, maxBytes, data } = partsOf(input)
      const ours = await read(inflate(only(data), { format, maxBytes }))
      const { ok } = (await python.ask(format, data)) as { ok?: Read & { trailing: number } }
      if (ours.code === 'too-large') return
      const isSound = ok !== undefined && ok.trailing === 0
      demand(
        ours.code === undefined ? isSound && ours.sha256 === ok.sha256 : !isSound,
        `Ours is ${show(ours)}, that of Python ${show(ok)}`,
      )
    },
    close: () => python.close(),
  },
}

function partsOf(input: Uint8Array): { format: (typeof formats)[number]; maxBytes: number; data: Uint8Array } {
  const limit = input[1] ?? 255
  return {
    format: formats[(input[0] ?? 0) % 3]!,
    maxBytes: limit < 32 ? limit * 7 : mostBytes,
    data: input.subarray(2),
  }
}

async function* only(data: Uint8Array): AsyncIterable<Uint8Array> {
  if (data.length > 0) yield data
}

async function read(stream: AsyncIterable<Uint8Array>, count: (more: number) => void = () => {}): Promise<Read> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const piece of stream) {
      demand(piece.length > 0, 'An empty piece comes')
      bytes += piece.length
      count(piece.length)
      hash.update(piece)
      if (bytes > 4 * mostBytes) break
    }
  } catch (error) {
    if (!(error instanceof InflateError) || !codes.includes(error.code)) throw error
    // How much came before the error is a matter of chunks; but never more than allowed.
    return { code: error.code, bytes: 0, sha256: '' }
  }
  return { bytes, sha256: hash.digest('hex') }
}
