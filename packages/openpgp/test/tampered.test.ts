import { readFileSync } from 'node:fs'
import { collect, concat, fromBytes } from '@coalmine/bytes'
import { chop } from '@coalmine/fixtures'
import * as openpgp from 'openpgp'
import { describe, expect, it } from 'vitest'
import { decryptMessage, encryptMessage, OpenPgpError, type PassphraseOptions } from '../src/index.ts'
import { PassphraseKeys } from '../src/lib/passphrase-keys.ts'
import { LazyPassphrase } from '../src/lib/passphrase-source.ts'
import { open } from '../src/lib/decrypt.ts'
import { content } from './content.ts'

interface Recorded {
  readonly passphrase: string
  readonly messages: { readonly name: string; readonly stored: string }[]
}

const recorded = (name: string) =>
  JSON.parse(readFileSync(new URL(`vectors/${name}`, import.meta.url), 'utf8')) as Recorded
const { passphrase } = recorded('gpg.json')
const messages = [...recorded('gpg.json').messages, ...recorded('aead.json').messages]
// One for all, so that the passphrase is stretched once for every salt.
const keys = new PassphraseKeys(passphrase)

function byGpg(name: string): Buffer {
  return Buffer.from(messages.find((one) => one.name === name)!.stored, 'base64')
}

async function byUs(
  plain: Uint8Array,
  algorithm: 'zip' | 'none',
  more: Partial<PassphraseOptions> = {},
): Promise<Buffer> {
  const options = { passphrase, s2kCount: 1024, ...more, compression: { algorithm } }
  return Buffer.from(await collect(encryptMessage(fromBytes(plain).open(), options)))
}

const rfc9580 = { profile: 'rfc9580', s2kCount: undefined, argon2Bytes: 32_768 } as const
const { aead } = openpgp.enums

/** With authenticated encryption, in chunks of 64 bytes. */
async function byOpenPgpJs(plain: Uint8Array, preferredAEADAlgorithm: openpgp.enums.aead): Promise<Buffer> {
  const message = await openpgp.createMessage({ binary: Uint8Array.from(plain) })
  const config = { aeadProtect: true, preferredAEADAlgorithm, aeadChunkSizeByte: 0, s2kIterationCountByte: 0 }
  return Buffer.from(await openpgp.encrypt({ message, passwords: [passphrase], format: 'binary', config }))
}

/** The error that reading ends with. Fails when it does not. */
async function errorOf(stored: Uint8Array, note: string): Promise<OpenPgpError> {
  const read: Uint8Array[] = []
  try {
    for await (const piece of open(fromBytes(stored).open(), { passphrase: new LazyPassphrase(keys) })) read.push(piece)
  } catch (error) {
    expect(error, note).toBeInstanceOf(OpenPgpError)
    // Small ones are not even handed out.
    if (stored.length < 50_000) expect(read, note).toEqual([])
    return error as OpenPgpError
  }
  throw new Error(`A message was read that must not be: ${note}, ${concat(read).length} bytes of plaintext`)
}

const small = [
  ['ours, not compressed', await byUs(content.subarray(0, 40), 'none')],
  ['ours, compressed', await byUs(Buffer.alloc(500, 'canary '), 'zip')],
  ['ours, empty', await byUs(new Uint8Array(0), 'zip')],
  ['gpg, zip', byGpg('compression zip')],
  ['gpg, zlib', byGpg('compression zlib')],
  ['gpg, bzip2', byGpg('compression bzip2')],
  ['gpg, not compressed, Camellia', byGpg('cipher CAMELLIA192')],
  ['gpg, 3DES', byGpg('cipher 3DES')],
  ['gpg, simple S2K', byGpg('s2k mode 0')],
  ['gpg, CAST5', byGpg('cipher CAST5')],
  ['gpg, IDEA', byGpg('cipher IDEA')],
  ['gpg, OCB', byGpg('gpg: OCB')],
  ['gpg, OCB, three chunks', byGpg('gpg: OCB, chunks of 64 bytes, 129 in all')],
  ['ours, RFC 9580', await byUs(content.subarray(0, 40), 'none', rfc9580)],
  ['openpgp.js, EAX, three chunks', await byOpenPgpJs(content.subarray(0, 150), aead.eax)],
  ['openpgp.js, GCM, two whole chunks', await byOpenPgpJs(content.subarray(0, 120), aead.gcm)],
] as const

describe.each(small)('%s', (name, stored) => {
  it('cut at any length is an error', async () => {
    for (let end = 0; end < stored.length; end++) {
      expect((await errorOf(stored.subarray(0, end), `${end} bytes`)).code, `${end} bytes`).toBe('truncated')
    }
  })

  // Every bit of what is written here, one in every byte of what gpg wrote, and of what Argon2 is asked again for.
  const everyBit = (at: number) => name.startsWith('ours') && !(name.includes('9580') && at >= 6 && at < 30)
  it('with any bit changed is an error', async () => {
    for (let bit = 0; bit < stored.length * 8; bit += everyBit(bit >> 3) ? 1 : 7) {
      const changed = Uint8Array.from(stored)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      await errorOf(changed, `byte ${bit >> 3}, bit ${bit & 7}`)
    }
  })

  it('with a byte lost, doubled, or two swapped is an error', async () => {
    for (let at = 0; at < stored.length; at++) {
      const [before, after] = [stored.subarray(0, at), stored.subarray(at + 1)]
      await errorOf(Buffer.concat([before, after]), `without byte ${at}`)
      await errorOf(Buffer.concat([before, stored.subarray(at, at + 1), stored.subarray(at)]), `byte ${at} doubled`)
      if (at + 1 < stored.length && stored[at] !== stored[at + 1]) {
        const swapped = Uint8Array.from(stored)
        swapped.set([stored[at + 1]!, stored[at]!], at)
        await errorOf(swapped, `bytes ${at} and ${at + 1} swapped`)
      }
    }
  })
})

const large = [
  ['ours, not compressed', await byUs(content.subarray(0, 200_000), 'none')],
  ['ours, compressed', await byUs(content.subarray(0, 500_000), 'zip')],
  ['gpg, compressed, partial lengths', byGpg('compression zip, partial lengths')],
  ['gpg, bzip2, partial lengths', byGpg('compression bzip2, partial lengths')],
  ['gpg, Twofish, partial lengths', byGpg('cipher TWOFISH, partial lengths')],
  ['gpg, OCB, chunks of 64 bytes', byGpg('gpg: OCB, chunks of 64 bytes, partial lengths')],
  ['gpg, OCB, chunks of 4 KiB', byGpg('gpg: OCB, chunks of 4 KiB')],
  ['gpg, OCB, one chunk of 4 MiB', byGpg('gpg: OCB, one chunk of 4 MiB')],
  ['ours, RFC 9580', await byUs(content.subarray(0, 200_000), 'none', rfc9580)],
] as const

describe.each(large)('%s, of many chunks', (_name, stored) => {
  const places = new Set<number>()
  for (let at = 0; at < stored.length; at += Math.floor(stored.length / 40)) places.add(at)
  for (const edge of [8192, 65_536, 131_072, stored.length]) {
    for (let at = edge - 24; at < edge + 80; at += 3) if (at > 0 && at < stored.length) places.add(at)
  }

  it('cut is an error', async () => {
    for (const end of places) expect((await errorOf(stored.subarray(0, end), `${end}`)).code).toBe('truncated')
  })

  it('with a bit changed is an error, which the code shows before the content does', async () => {
    const codes = new Set<string>()
    for (const at of places) {
      const changed = Uint8Array.from(stored)
      changed[at]! ^= 1 << (at & 7)
      const { code } = await errorOf(changed, `byte ${at}`)
      if (at > 200) codes.add(code)
    }
    // A chunk's length may be what was changed.
    for (const code of codes) expect(['damaged', 'truncated', 'trailing']).toContain(code)
  })

  it('with blocks swapped is an error', async () => {
    for (const at of [1000, 5000, stored.length - 3000]) {
      const swapped = Buffer.concat([
        stored.subarray(0, at),
        stored.subarray(at + 512, at + 1024),
        stored.subarray(at, at + 512),
        stored.subarray(at + 1024),
      ])
      await errorOf(swapped, `at ${at}`)
    }
  })
})

describe('a message in chunks that are authenticated one by one', () => {
  const frame = (at: number, body: Buffer, stored: Buffer) =>
    Buffer.concat([stored.subarray(0, at), Buffer.of(0xd2, 0xff, 0, 0, 0, 0), body]).fill(
      Buffer.of(body.length >> 24, body.length >> 16, body.length >> 8, body.length),
      at + 2,
      at + 6,
    )

  it('without its last chunks, its last tag, or with chunks in another order is never a shorter one', async () => {
    const stored = await byOpenPgpJs(content.subarray(0, 1000), aead.ocb)
    // The passphrase packet; then the data, a kilobyte of it and the rest.
    const at = 2 + stored[1]!
    expect([...stored.subarray(at, at + 5)]).toEqual([0xd2, 0xea, 2, 9, 2])
    const body = Buffer.concat([stored.subarray(at + 2, at + 1026), stored.subarray(at + 1028)])
    const chunks: Buffer[] = []
    for (let from = 36; from < body.length - 16; from += 80)
      chunks.push(body.subarray(from, Math.min(from + 80, body.length - 16)))
    const [header, last] = [body.subarray(0, 36), body.subarray(-16)]
    const whole = frame(at, Buffer.concat([header, ...chunks, last]), stored)
    const read = await collect(open(fromBytes(whole).open(), { passphrase: new LazyPassphrase(keys) }))
    expect(Buffer.compare(read, content.subarray(0, 1000))).toBe(0)
    for (let kept = 0; kept < chunks.length; kept++) {
      const fewer = chunks.slice(0, kept)
      await errorOf(frame(at, Buffer.concat([header, ...fewer, last]), stored), `${kept} chunks and the last tag`)
      await errorOf(frame(at, Buffer.concat([header, ...fewer]), stored), `${kept} chunks`)
      const swapped = chunks.with(kept, chunks[(kept + 1) % 15]!).with((kept + 1) % 15, chunks[kept]!)
      await errorOf(frame(at, Buffer.concat([header, ...swapped, last]), stored), `chunk ${kept} and the next`)
      const doubled = [...chunks.slice(0, kept + 1), ...chunks.slice(kept)]
      await errorOf(frame(at, Buffer.concat([header, ...doubled, last]), stored), `chunk ${kept} doubled`)
    }
  })

  it('hands nothing on of a chunk that was changed, and all before it', async () => {
    const stored = await byUs(content.subarray(0, 1_000_000), 'none', rfc9580)
    for (const chunk of [2, 7, 13]) {
      const changed = Uint8Array.from(stored)
      changed[chunk * 65_552 + 3000]! ^= 1
      const read: Uint8Array[] = []
      const reading = (async () => {
        const pieces = fromBytes(changed, 10_000).open()
        for await (const piece of open(pieces, { passphrase: new LazyPassphrase(keys) })) read.push(piece)
      })()
      await expect(reading).rejects.toMatchObject({ code: 'damaged' })
      await expect(reading).rejects.toThrow(new RegExp(`tag of its chunk ${chunk + 1} does not match`))
      const all = concat(read)
      expect(Buffer.compare(all, content.subarray(0, all.length))).toBe(0)
      expect(all.length).toBeLessThanOrEqual(chunk * 65_536)
    }
  })

  it('tells a wrong passphrase from damage, always', async () => {
    const stored = await byUs(content.subarray(0, 40), 'none', rfc9580)
    const changed = Uint8Array.from(stored)
    changed[stored.length - 40]! ^= 1
    expect((await errorOf(changed, 'data changed')).code).toBe('damaged')
    const reading = collect(decryptMessage(fromBytes(stored).open(), { passphrase: 'wrong' }))
    await expect(reading).rejects.toMatchObject({ code: 'wrong-passphrase' })
  })
})

describe('a wrong passphrase', () => {
  it('is told from damage as far as the format allows', async () => {
    let told = 0
    for (const [, stored] of small) {
      for (let i = 0; i < 20; i++) {
        const reading = collect(decryptMessage(fromBytes(stored).open(), { passphrase: `wrong ${i}` }))
        const error = await reading.catch((error: unknown) => error as OpenPgpError)
        expect(error).toBeInstanceOf(OpenPgpError)
        expect((error as Error).message).not.toContain(`wrong ${i}`)
        if ((error as OpenPgpError).code === 'wrong-passphrase') told += 1
      }
    }
    // One in 65,536 passes the check and shows as damage.
    expect(told).toBeGreaterThanOrEqual(small.length * 20 - 1)
  })
})

describe('a large message', () => {
  it('shows its beginning before its end is there, and the error at the end', async () => {
    const stored = await byUs(content, 'none')
    stored[stored.length - 1]! ^= 1
    let read = 0
    const reading = (async () => {
      for await (const piece of decryptMessage(fromBytes(stored).open(), { passphrase })) read += piece.length
    })()
    await expect(reading).rejects.toMatchObject({ code: 'damaged' })
    expect(read).toBeGreaterThan(content.length - 600_000)
    expect(read).toBeLessThan(content.length)
  })

  it('is read in pieces of any size', async () => {
    const stored = await byUs(content.subarray(0, 400_000), 'zip')
    for (const how of ['whole', 'bytes', { seed: 1 }, { seed: 2 }] as const) {
      async function* pieces() {
        yield* chop(stored, how)
      }
      const plain = await collect(decryptMessage(pieces(), { passphrase }))
      expect(Buffer.compare(plain, content.subarray(0, 400_000))).toBe(0)
    }
  })
})
