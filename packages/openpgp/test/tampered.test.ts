import { readFileSync } from 'node:fs'
import { collect, concat, fromBytes } from '@coalmine/bytes'
import { chop } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { decryptMessage, encryptMessage, OpenPgpError } from '../src/index.ts'
import { PassphraseKeys } from '../src/lib/passphrase-keys.ts'
import { LazyPassphrase } from '../src/lib/passphrase-source.ts'
import { open } from '../src/lib/decrypt.ts'
import { content } from './content.ts'

interface Recorded {
  readonly passphrase: string
  readonly messages: { readonly name: string; readonly stored: string }[]
}

const { passphrase, messages } = JSON.parse(
  readFileSync(new URL('vectors/gpg.json', import.meta.url), 'utf8'),
) as Recorded
// One for all, so that the passphrase is stretched once for every salt.
const keys = new PassphraseKeys(passphrase)

function byGpg(name: string): Buffer {
  return Buffer.from(messages.find((one) => one.name === name)!.stored, 'base64')
}

async function byUs(plain: Uint8Array, algorithm: 'zip' | 'none'): Promise<Buffer> {
  const options = { passphrase, s2kCount: 1024, compression: { algorithm } }
  return Buffer.from(await collect(encryptMessage(fromBytes(plain).open(), options)))
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
] as const

describe.each(small)('%s', (name, stored) => {
  it('cut at any length is an error', async () => {
    for (let end = 0; end < stored.length; end++) {
      expect((await errorOf(stored.subarray(0, end), `${end} bytes`)).code, `${end} bytes`).toBe('truncated')
    }
  })

  // Every bit of what is written here, one in every byte of what gpg wrote.
  it('with any bit changed is an error', async () => {
    for (let bit = 0; bit < stored.length * 8; bit += name.startsWith('ours') ? 1 : 7) {
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
