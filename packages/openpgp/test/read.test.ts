import { readFileSync } from 'node:fs'
import { collect, fromBytes } from '@coalmine/bytes'
import { choppings, itWith } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import * as openpgp from 'openpgp'
import { describe, expect, it } from 'vitest'
import { decryptMessage, type OpenPgpErrorCode } from '../src/index.ts'
import { content, edges } from './content.ts'
import { createGpg } from './gpg.ts'

interface Recorded {
  readonly passphrase: string
  readonly contents: Record<string, string>
  readonly messages: {
    readonly name: string
    readonly content: string
    readonly times?: number
    readonly refused?: { readonly code: OpenPgpErrorCode; readonly words: string }
    readonly stored: string
  }[]
}

const recorded = JSON.parse(readFileSync(new URL('vectors/gpg.json', import.meta.url), 'utf8')) as Recorded
const { passphrase } = recorded

describe('decryptMessage() of what gpg 2.2.40 wrote', () => {
  for (const one of recorded.messages) {
    const stored = Buffer.from(one.stored, 'base64')
    const expected = Buffer.from(recorded.contents[one.content]!.repeat(one.times ?? 1))
    const { refused } = one

    it(`${refused === undefined ? 'reads' : 'refuses by name'}: ${one.name}`, async () => {
      for (const way of choppings(stored)) {
        const reading = collect(decryptMessage(way.stream(), { passphrase }))
        if (refused === undefined) expect(Buffer.compare(await reading, expected), way.name).toBe(0)
        else {
          await expect(reading).rejects.toMatchObject({ code: refused.code })
          await expect(reading).rejects.toThrow(new RegExp(`^Cannot decrypt the message: .*${refused.words}`))
        }
      }
    })
  }
})

describe('decryptMessage() of what the gpg here writes', () => {
  const options = [
    ['--compress-algo', 'none'],
    ['--compress-algo', 'zip', '--cipher-algo', 'AES128'],
    ['--compress-algo', 'zlib', '--cipher-algo', 'CAMELLIA256'],
    ['--compress-algo', 'bzip2', '--cipher-algo', '3DES'],
    ...['IDEA', 'CAST5', 'BLOWFISH', 'TWOFISH'].map((cipher) => ['--compress-algo', 'zip', '--cipher-algo', cipher]),
    ['--force-mdc', '--s2k-digest-algo', 'SHA512', '--s2k-count', '65011712'],
  ]
  for (const args of options) {
    itWith('gpg', `reads a long stream with ${args.join(' ')} (judge: gpg)`, async () => {
      const gpg = await createGpg(passphrase)
      // A decoder of bzip2 is the slowest part here, and ciphers that are none of Node's.
      const slow = args.includes('bzip2')
        ? 1_500_000
        : args.includes('zip') && !args.includes('AES128')
          ? 300_000
          : undefined
      const plain = content.subarray(0, slow)
      const { stdout } = await gpg.run(['--s2k-count', '2048', ...args, '--symmetric'], plain)
      const read = await collect(decryptMessage(fromBytes(stdout).open(), { passphrase }))
      expect(Buffer.compare(read, plain)).toBe(0)
    })
  }

  itWith('gpg', 'reads every edge size (judge: gpg)', async () => {
    const gpg = await createGpg(passphrase)
    for (const size of [0, 8185, 8186, 8187, 65_530, 262_144]) {
      for (const algorithm of ['none', 'zip']) {
        const plain = content.subarray(0, size)
        const args = ['--s2k-count', '2048', '--compress-algo', algorithm, '--symmetric']
        const { stdout } = await gpg.run(args, plain)
        const read = await collect(decryptMessage(fromBytes(stdout).open(), { passphrase }))
        expect(Buffer.compare(read, plain), `${size} ${algorithm}`).toBe(0)
      }
    }
  })
})

const { enums } = openpgp

async function writtenByOpenPgpJs(plain: Uint8Array, passwords: string[], config: openpgp.PartialConfig) {
  const message = await openpgp.createMessage({ binary: plain })
  const full = { aeadProtect: false, s2kIterationCountByte: 0, ...config }
  return openpgp.encrypt({ message, passwords, format: 'binary', config: full })
}

describe('decryptMessage() of what openpgp.js writes', () => {
  const { uncompressed, zip, zlib } = enums.compression
  const { aes128, aes192, aes256 } = enums.symmetric

  it('reads any size, cipher and compression (judge: openpgp.js)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          { weight: 40, arbitrary: fc.integer({ min: 0, max: 700 }) },
          { weight: 1, arbitrary: fc.constantFrom(...edges) },
        ),
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.constantFrom(uncompressed, zip, zlib),
        fc.constantFrom(aes128, aes192, aes256),
        fc.integer({ min: 1, max: 100_000 }),
        async (size, from, compression, cipher, pieceBytes) => {
          const plain = content.subarray(from, from + size)
          const config = { preferredCompressionAlgorithm: compression, preferredSymmetricAlgorithm: cipher }
          const stored = await writtenByOpenPgpJs(Uint8Array.from(plain), [passphrase], config)
          const read = await collect(decryptMessage(fromBytes(stored, pieceBytes).open(), { passphrase }))
          expect(Buffer.compare(read, plain)).toBe(0)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('reads a message with several passphrases by each of them', async () => {
    const passwords = ['one', 'two', 'three', 'four']
    const stored = await writtenByOpenPgpJs(Uint8Array.of(1, 2, 3), passwords, {})
    for (const passphrase of passwords) {
      expect(await collect(decryptMessage(fromBytes(stored).open(), { passphrase }))).toEqual(Buffer.of(1, 2, 3))
    }
    const reading = collect(decryptMessage(fromBytes(stored).open(), { passphrase: 'five' }))
    await expect(reading).rejects.toMatchObject({ code: 'wrong-passphrase' })
  })
})
