import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { ByteStream } from '@coalmine/bytes'
import { expect, it } from 'vitest'
import { decryptMessage, encryptMessage } from '../src/index.ts'

const chunk = randomBytes(1024 * 1024)

async function* repeated(piece: Uint8Array, times: number): ByteStream {
  for (let i = 0; i < times; i++) yield piece
}

/** Bytes, CRC-32 and the memory that came on top. */
async function measured(stream: ByteStream) {
  const before = process.memoryUsage().rss
  let digest = 0
  let bytes = 0
  let peak = 0
  for await (const piece of stream) {
    digest = crc32(piece, digest)
    bytes += piece.length
    peak = Math.max(peak, process.memoryUsage().rss)
  }
  return { bytes, digest, grownMiB: (peak - before) / 1024 / 1024 }
}

function digestOf(piece: Uint8Array, times: number): number {
  let digest = 0
  for (let i = 0; i < times; i++) digest = crc32(piece, digest)
  return digest
}

const options = { passphrase: 'x', s2kCount: 1024 }

it('320 MiB that do not shrink go through in constant memory', async () => {
  const mebibytes = 320
  const encrypted = encryptMessage(repeated(chunk, mebibytes), { ...options, compression: { algorithm: 'none' } })
  const { bytes, digest, grownMiB } = await measured(decryptMessage(encrypted, options))
  expect({ bytes, digest }).toEqual({ bytes: mebibytes * chunk.length, digest: digestOf(chunk, mebibytes) })
  expect(grownMiB).toBeLessThan(200)
}, 120_000)

it('a small message that becomes 128 MiB is read in constant memory', async () => {
  const zeros = new Uint8Array(1024 * 1024)
  const encrypted = encryptMessage(repeated(zeros, 128), { ...options, compression: { algorithm: 'zip', level: 1 } })
  const { bytes, grownMiB } = await measured(decryptMessage(encrypted, options))
  expect(bytes).toBe(128 * zeros.length)
  expect(grownMiB).toBeLessThan(200)
}, 120_000)

it('256 MiB in authenticated chunks go through in constant memory', async () => {
  const mebibytes = 256
  const authenticated = { passphrase: 'x', profile: 'rfc9580', argon2Bytes: 32_768 } as const
  const encrypted = encryptMessage(repeated(chunk, mebibytes), { ...authenticated, compression: { algorithm: 'none' } })
  const { bytes, digest, grownMiB } = await measured(decryptMessage(encrypted, options))
  expect({ bytes, digest }).toEqual({ bytes: mebibytes * chunk.length, digest: digestOf(chunk, mebibytes) })
  expect(grownMiB).toBeLessThan(200)
}, 120_000)
