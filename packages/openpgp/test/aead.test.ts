import { readFileSync } from 'node:fs'
import { collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { choppings, itWith } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import * as openpgp from 'openpgp'
import { describe, expect, it } from 'vitest'
import {
  createKeyEnvelope,
  createPassphraseEnvelope,
  decryptMessage,
  encryptMessage,
  type OpenPgpErrorCode,
} from '../src/index.ts'
import { content, edges } from './content.ts'
import { createGpg } from './gpg.ts'
import { createKeyring } from './keyring.ts'

interface Recorded {
  readonly passphrase: string
  readonly secretKey: string
  readonly contents: Record<string, string>
  readonly messages: {
    readonly name: string
    readonly by: string
    readonly content: string
    readonly bytes?: number
    readonly forKey?: boolean
    readonly refused?: { readonly code: OpenPgpErrorCode; readonly words: string }
    readonly stored: string
  }[]
}

const recorded = JSON.parse(readFileSync(new URL('vectors/aead.json', import.meta.url), 'utf8')) as Recorded
const { passphrase, secretKey } = recorded
const messages = recorded.messages.map((one) => ({
  ...one,
  stored: Buffer.from(one.stored, 'base64'),
  plain: Buffer.from(recorded.contents[one.content]!).subarray(0, one.bytes),
}))

describe('decryptMessage() of what gpg 2.4.7, Sequoia, rPGP and openpgp.js wrote with authentication', () => {
  const secretKeys = [{ name: 'recorded', bytes: Buffer.from(secretKey) }]
  for (const { name, stored, plain, forKey, refused } of messages) {
    it(`${refused === undefined ? 'reads' : 'refuses by name'}: ${name}`, async () => {
      const envelope = createKeyEnvelope(forKey === true ? { secretKeys } : { passphrase })
      for (const way of choppings(stored)) {
        const reading = collect(envelope.open('volume', { size: stored.length, open: () => way.stream() }))
        if (refused === undefined) expect(Buffer.compare(await reading, plain), way.name).toBe(0)
        else {
          await expect(reading).rejects.toMatchObject({ code: refused.code })
          await expect(reading).rejects.toThrow(new RegExp(refused.words))
        }
      }
    })
  }

  itWith('gpg', 'reads what is for a key of the keyring: gpg opens its session key (judge: gpg)', async () => {
    const ring = await createKeyring()
    await ring.out(['--import'], Buffer.from(secretKey))
    for (const { name, stored, plain } of messages.filter(({ forKey }) => forKey)) {
      const envelope = createKeyEnvelope({ gpg: { home: ring.home } })
      expect(Buffer.compare(await collect(envelope.open('volume', fromBytes(stored))), plain), name).toBe(0)
    }
  })

  itWith('gpg', 'the packets of type 20 that openpgp.js wrote are what gpg reads too (judge: gpg)', async () => {
    const gpg = await createGpg(passphrase)
    const written = messages.filter(({ by }) => by === 'openpgp.js')
    expect(written.length).toBe(12)
    for (const { name, stored, plain } of written) {
      const { code, stdout } = await gpg.decrypt(stored)
      expect({ name, code, same: stdout.equals(plain) }).toEqual({ name, code: 0, same: true })
    }
  })
})

const { enums } = openpgp
const quickArgon2 = { passes: 1, parallelism: 1, memoryExponent: 3 }

describe('decryptMessage() of what openpgp.js writes as of RFC 9580', () => {
  const { uncompressed, zip } = enums.compression
  const { aes128, aes192, aes256 } = enums.symmetric
  const { eax, ocb, gcm } = enums.aead
  const { argon2, iterated } = enums.s2k

  it('reads any mode, cipher, size and size of chunks, in any pieces (judge: openpgp.js)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          size: fc.oneof(
            { weight: 100, arbitrary: fc.integer({ min: 0, max: 300 }) },
            { weight: 1, arbitrary: fc.constantFrom(...edges.filter((edge) => edge < 9000)) },
          ),
          from: fc.integer({ min: 0, max: 1_000_000 }),
          preferredCompressionAlgorithm: fc.constantFrom(uncompressed, zip),
          preferredSymmetricAlgorithm: fc.constantFrom(aes128, aes192, aes256),
          preferredAEADAlgorithm: fc.constantFrom(eax, ocb, gcm),
          aeadChunkSizeByte: fc.constantFrom(0, 0, 1, 4, 10, 12),
          // Its Argon2 clears 64 MiB each time.
          s2kType: fc.oneof(
            { weight: 1, arbitrary: fc.constant(argon2) },
            { weight: 50, arbitrary: fc.constant(iterated) },
          ),
          pieceBytes: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 100_000 })),
        }),
        async ({ size, from, pieceBytes, ...config }) => {
          const plain = content.subarray(from, from + size)
          const message = await openpgp.createMessage({ binary: Uint8Array.from(plain) })
          const stored = await openpgp.encrypt({
            message,
            passwords: [passphrase],
            format: 'binary',
            config: { ...config, aeadProtect: true, s2kIterationCountByte: 0, s2kArgon2Params: quickArgon2 },
          })
          // Byte by byte only what is small.
          const pieces = fromBytes(stored, stored.length > 2000 ? Math.max(pieceBytes, 50) : pieceBytes)
          const read = await collect(decryptMessage(pieces.open(), { passphrase }))
          expect(Buffer.compare(read, plain)).toBe(0)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('reads a message with several passphrases by each of them, as bytes that are no text too', async () => {
    const message = await openpgp.createMessage({ binary: Uint8Array.of(1, 2, 3) })
    const config = { aeadProtect: true, s2kType: argon2, s2kArgon2Params: quickArgon2 } as const
    const stored = await openpgp.encrypt({ message, passwords: ['one', 'two', 'three'], format: 'binary', config })
    for (const passphrase of ['one', 'two', 'three']) {
      expect(await collect(decryptMessage(fromBytes(stored).open(), { passphrase }))).toEqual(Buffer.of(1, 2, 3))
    }
    for (const passphrase of [Buffer.of(0xff, 0xfe), Buffer.of(5), '']) {
      const reading = collect(decryptMessage(fromBytes(stored).open(), { passphrase }))
      await expect(reading).rejects.toMatchObject({ name: 'OpenPgpError', code: 'wrong-passphrase' })
    }
  })

  for (const v6Keys of [true, false]) {
    it(`reads what is for a key of version ${v6Keys ? 6 : 4}, and ours is read with it (judge: openpgp.js)`, async () => {
      const config = { v6Keys, aeadProtect: true }
      const userIDs = [{ name: 'someone' }]
      const types = [{ type: 'curve25519' }, { type: 'rsa', rsaBits: 2048 }] as const
      for (const how of types) {
        const { privateKey, publicKey } = await openpgp.generateKey({ ...how, userIDs, config, format: 'object' })
        const secretKeys = [{ name: 'secret', bytes: privateKey.write() }]
        const recipient = { name: 'public', bytes: publicKey.write() }
        const message = await openpgp.createMessage({ binary: Uint8Array.from(content.subarray(0, 5000)) })
        for (const wildcard of [false, true]) {
          const stored = await openpgp.encrypt({
            message,
            encryptionKeys: publicKey,
            wildcard,
            format: 'binary',
            config,
          })
          const read = await collect(createKeyEnvelope({ secretKeys }).open('volume', fromBytes(stored)))
          expect(Buffer.compare(read, content.subarray(0, 5000))).toBe(0)

          const recipients = wildcard ? { hiddenRecipients: [recipient] } : { recipients: [recipient] }
          const sealer = createKeyEnvelope({ ...recipients, profile: 'rfc9580' })
          const ours = await collect(sealer.seal('volume', fromBytes(content.subarray(0, 200_000)).open()))
          const { data } = await openpgp.decrypt({
            message: await openpgp.readMessage({ binaryMessage: ours }),
            decryptionKeys: privateKey,
            format: 'binary',
          })
          expect(Buffer.compare(data, content.subarray(0, 200_000))).toBe(0)
          await expect(collect(sealer.open('volume', fromBytes(ours)))).rejects.toMatchObject({ code: 'no-secret-key' })
        }
      }
    })
  }
})

describe('the profile rfc9580', () => {
  const quick = { passphrase, profile: 'rfc9580', argon2Bytes: 32_768 } as const

  it('writes what openpgp.js reads, for any pieces and sizes (judge: openpgp.js)', async () => {
    const drawn: Uint8Array[] = []
    const random = (count: number) => {
      const bytes = globalThis.crypto.getRandomValues(new Uint8Array(count))
      drawn.push(bytes.slice())
      return bytes
    }
    const envelopes = (['zip', 'none'] as const).map((algorithm) =>
      createPassphraseEnvelope({ ...quick, random, compression: { algorithm } }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          { weight: 150, arbitrary: fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 5 }) },
          { weight: 1, arbitrary: fc.array(fc.constantFrom(1, 8186, 20_000, 65_528, 65_536), { maxLength: 4 }) },
        ),
        fc.integer({ min: 0, max: content.length - 300_000 }),
        fc.constantFrom(...envelopes),
        fc.integer({ min: 0, max: 50 }),
        async (sizes, from, envelope, lot) => {
          let at = from
          const pieces = sizes.map((size) => content.subarray(at, (at += size)))
          drawn.length = 0
          const stored = await collect(envelope.seal('volume', fromChunks(pieces)))
          const message = await openpgp.readMessage({ binaryMessage: stored })
          // Its Argon2 clears 64 MiB each time: mostly it is given the session key, which is drawn first.
          const key = { data: drawn.find(({ length }) => length === 32)!, algorithm: 'aes256' as const }
          const how = lot === 0 ? { passwords: [passphrase] } : { sessionKeys: [key] }
          const { data } = await openpgp.decrypt({ message, ...how, format: 'binary' })
          expect(Buffer.compare(data, content.subarray(from, at))).toBe(0)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('is signed as the other profile is (judge: openpgp.js)', async () => {
    const config = { aeadProtect: true }
    const { privateKey, publicKey } = await openpgp.generateKey({ userIDs: [{ name: 'me' }], config, format: 'object' })
    const key = { name: 'me', bytes: privateKey.write() }
    const envelope = createKeyEnvelope({ recipients: [key], signer: key, secretKeys: [key], profile: 'rfc9580' })
    const plain = content.subarray(0, 100_000)
    const stored = await collect(envelope.seal('volume', fromBytes(plain).open()))
    const { data, signatures } = await openpgp.decrypt({
      message: await openpgp.readMessage({ binaryMessage: stored }),
      decryptionKeys: privateKey,
      verificationKeys: publicKey,
      expectSigned: true,
      format: 'binary',
    })
    expect(Buffer.compare(data, plain)).toBe(0)
    expect(await Promise.all(signatures.map(async ({ verified }) => verified))).toEqual([true])
    const demanding = createKeyEnvelope({ secretKeys: [key], signedBy: key })
    expect(Buffer.compare(await collect(demanding.open('volume', fromBytes(stored))), plain)).toBe(0)
  })

  itWith('gpg', 'for a key of RFC 9580 is not asked of gpg, which does not know its packets', async () => {
    const config = { aeadProtect: true, v6Keys: true }
    const { publicKey } = await openpgp.generateKey({ userIDs: [{ name: 'me' }], config, format: 'object' })
    const sealer = createKeyEnvelope({ recipients: [{ name: 'me', bytes: publicKey.write() }], profile: 'rfc9580' })
    const stored = fromBytes(await collect(sealer.seal('volume', fromChunks([]))))
    const ring = await createKeyring()
    const reading = collect(createKeyEnvelope({ gpg: { home: ring.home } }).open('volume', stored))
    await expect(reading).rejects.toMatchObject({ code: 'no-secret-key' })
    await expect(reading).rejects.toThrow(/as of RFC 9580, which gpg does not read/)
  })

  it('writes AES-256 in OCB mode, chunks of 64 KiB, and Argon2 with three passes over 64 MiB', async () => {
    const stored = await collect(encryptMessage(fromBytes(content).open(), { passphrase, profile: 'rfc9580' }))
    const head = Buffer.from(stored)
    expect([...head.subarray(0, 8)]).toEqual([0xc3, 88, 6, 38, 9, 2, 20, 4])
    expect([...head.subarray(24, 27)]).toEqual([3, 4, 16])
    expect(head[90]).toBe(0xd2)
    expect([...head.subarray(92, 96)]).toEqual([2, 9, 2, 10])
    const read = await collect(decryptMessage(fromBytes(stored).open(), { passphrase }))
    expect(Buffer.compare(read, content)).toBe(0)
  })

  it('uses no salt, nonce or session key twice', async () => {
    const seen: string[] = []
    const random = (count: number) => {
      const bytes = globalThis.crypto.getRandomValues(new Uint8Array(count))
      seen.push(Buffer.from(bytes).toString('hex'))
      return bytes
    }
    for (let i = 0; i < 3; i++) await collect(encryptMessage(fromChunks([]), { ...quick, random }))
    expect(seen.map((hex) => hex.length / 2)).toEqual([16, 32, 15, 32, 16, 32, 15, 32, 16, 32, 15, 32])
    expect(new Set(seen).size).toBe(12)
  })

  it('refuses what it does not have, and keys whose owners do not say that they read it', async () => {
    const nothing = () => fromChunks([])
    for (const argon2Bytes of [0, 1000, 16_384, 2 ** 29, Number.NaN]) {
      expect(() => encryptMessage(nothing(), { ...quick, argon2Bytes })).toThrow(RangeError)
    }
    expect(() => encryptMessage(nothing(), { ...quick, s2kCount: 1024 })).toThrow(/stretches by Argon2/)
    expect(() => encryptMessage(nothing(), { passphrase, argon2Bytes: 32_768 })).toThrow(/does not have it/)
    expect(() => encryptMessage(nothing(), { passphrase, profile: 'rfc2440' as 'rfc4880' })).toThrow(/"rfc2440"/)
    expect(() => createKeyEnvelope({ passphrase, profile: 'rfc9580', cipher: 'CAMELLIA256' })).toThrow(/Camellia-256/)
    expect(() => createKeyEnvelope({ passphrase, profile: 'rfc9580', s2kDigest: 'SHA512' })).toThrow(RangeError)

    const config = { aeadProtect: false }
    const { publicKey } = await openpgp.generateKey({ userIDs: [{ name: 'old' }], config, format: 'object' })
    const recipients = [{ name: 'old.asc', bytes: publicKey.write() }]
    const envelope = createKeyEnvelope({ recipients, profile: 'rfc9580' })
    await expect(envelope.prepare('seal')).rejects.toMatchObject({ code: 'unusable-key' })
    await expect(envelope.prepare('seal')).rejects.toThrow(/"old.asc": it does not say that its owner reads RFC 9580/)
  })
})
