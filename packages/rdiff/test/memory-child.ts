/**
 * Signs, makes a delta, and patches with it, a content of so many MiB that is nowhere as a whole; writes what came of it as
 * JSON. Run by memory.test.ts, which watches from outside how much memory it takes.
 */
import { createCipheriv, createHash } from 'node:crypto'
import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { blockLengthFor, delta, patch, readSignature, SignatureEncoder } from '../src/index.ts'

const size = Number(process.argv[2]) * 2 ** 20
const pieceBytes = 65_536
const zeros = Buffer.alloc(pieceBytes)

/** Piece `number` of a content without end: any piece can be had at any time. */
function piece(key: number, number: number): Buffer {
  const iv = Buffer.alloc(16)
  iv.writeUInt32BE(number, 4)
  return createCipheriv('aes-256-ctr', Buffer.alloc(32, key), iv).update(zeros)
}

const basis: ByteSource = {
  size,
  async *open({ start = 0, end = size } = {}) {
    for (let at = start; at < end;) {
      const into = at % pieceBytes
      const part = piece(1, Math.floor(at / pieceBytes)).subarray(into, into + end - at)
      at += part.length
      yield part
    }
  },
}

/** The same with something put in near its beginning, and every fiftieth piece another one. */
async function* changed(): ByteStream {
  yield piece(1, 0)
  yield piece(3, 0).subarray(0, 1000)
  for (let number = 1; number * pieceBytes < size; number++) yield piece(number % 50 === 0 ? 2 : 1, number)
}

async function* signed(): ByteStream {
  const encoder = new SignatureEncoder({ blockBytes: blockLengthFor(size) })
  for await (const chunk of basis.open()) {
    const entries = encoder.push(chunk)
    if (entries.length > 0) yield entries
  }
  yield encoder.finish()
}

let deltaBytes = 0

async function* difference(): ByteStream {
  for await (const chunk of delta(changed(), await readSignature(signed()))) {
    deltaBytes += chunk.length
    yield chunk
  }
}

const [expected, made] = [createHash('sha256'), createHash('sha256')]
for await (const chunk of changed()) expected.update(chunk)
for await (const chunk of patch(basis, difference())) made.update(chunk)
console.log(JSON.stringify({ same: expected.digest('hex') === made.digest('hex'), deltaBytes }))
