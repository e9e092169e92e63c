import { collect, fromBytes } from '@coalmine/bytes'
import { choppings, itWith } from '@coalmine/fixtures'
import * as openpgp from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { createKeyEnvelope, type KeyEnvelopeOptions } from '../src/index.ts'
import { content } from './content.ts'
import { createKeyring, type Keyring, type KeyKind, keyKinds } from './keyring.ts'

const plain = content.subarray(0, 200_000)
const secret = 'geheim \u00fc'

let ring: Keyring
let keys: Map<KeyKind, string>
/** Has a passphrase. */
let locked = ''

beforeAll(async () => {
  ring = await createKeyring()
  keys = await ring.importKinds()
  locked = await ring.make('locked', { passphrase: secret })
}, 120_000)

const gpg = () => ({ home: ring.home })
const secretFile = async (key: string, ...more: string[]) => ({
  name: 'key.asc',
  bytes: await ring.out([...more, '--export-secret-keys', key]),
})

async function read(stored: Uint8Array, options: KeyEnvelopeOptions): Promise<Uint8Array> {
  return collect(createKeyEnvelope(options).open('volume', fromBytes(stored)))
}

async function written(options: KeyEnvelopeOptions, bytes: Uint8Array = plain): Promise<Buffer> {
  return Buffer.from(await collect(createKeyEnvelope(options).seal('volume', fromBytes(bytes).open())))
}

/** Key ids for which a message is. */
async function recipientsOf(stored: Uint8Array): Promise<string[]> {
  const { stdout } = await ring.gpg(['--list-packets', '--list-only'], stored)
  return [...stdout.toString().matchAll(/^:pubkey enc packet: .*keyid (\w+)/gm)].map(([, id]) => id!)
}

/** Key id of the subkey for encryption. */
async function encryptionId(key: string): Promise<string> {
  const listing = (await ring.out(['--with-colons', '--list-keys', key])).toString()
  return /^sub:[^:]*:\d+:\d+:([0-9A-F]{16})/m.exec(listing)![1]!
}

describe('a public-key message of gpg', () => {
  for (const kind of keyKinds) {
    itWith('gpg', `for ${kind} is read with the keyring and with a key file (judge: gpg)`, async () => {
      const key = keys.get(kind)!
      const stored = await ring.out(['--recipient', key, '--encrypt'], plain)
      expect(Buffer.compare(await read(stored, { gpg: gpg() }), plain)).toBe(0)
      const secretKeys = [await secretFile(key, '--armor')]
      for (const way of choppings(stored)) {
        const source = { size: stored.length, open: () => way.stream() }
        const opened = await collect(createKeyEnvelope({ secretKeys }).open('volume', source))
        expect(Buffer.compare(opened, plain), way.name).toBe(0)
      }
    })
  }

  itWith('gpg', 'is read with every cipher and hidden recipients, by file and keyring (judge: gpg)', async () => {
    const key = keys.get('ed25519')!
    const secretKeys = [await secretFile(key)]
    const camellia = ['CAMELLIA128', 'CAMELLIA192', 'CAMELLIA256']
    const old = ['3DES', 'IDEA', 'CAST5', 'BLOWFISH', 'TWOFISH']
    for (const cipher of ['AES', 'AES192', 'AES256', ...camellia, ...old]) {
      const others = ['--hidden-recipient', keys.get('nistp384')!, '--hidden-recipient', key]
      const stored = await ring.out(['--cipher-algo', cipher, ...others, '--encrypt'], plain)
      expect(await recipientsOf(stored)).toEqual(['0000000000000000', '0000000000000000'])
      expect(Buffer.compare(await read(stored, { secretKeys }), plain), cipher).toBe(0)
      expect(Buffer.compare(await read(stored, { gpg: gpg() }), plain), cipher).toBe(0)
    }
  })

  itWith('gpg', 'for a locked key is read with its passphrase, by file and keyring (judge: gpg)', async () => {
    const stored = await ring.out(['--recipient', locked, '--encrypt'], plain)
    const secretKeys = [{ name: 'l', bytes: await ring.out(['--passphrase', secret, '--export-secret-keys', locked]) }]
    await ring.forget()
    expect(Buffer.compare(await read(stored, { gpg: gpg(), passphrase: secret }), plain)).toBe(0)
    for (const keyPassphrase of [secret, Buffer.from(secret), async () => secret]) {
      expect(Buffer.compare(await read(stored, { secretKeys, keyPassphrase }), plain)).toBe(0)
    }
    await ring.forget()
    for (const way of [{ gpg: gpg() }, { secretKeys }]) {
      const reading = read(stored, { ...way, keyPassphrase: 'another' })
      await expect(reading).rejects.toMatchObject({ code: 'wrong-passphrase' })
      await expect(reading).rejects.toThrow(/the passphrase does not unlock/)
      await expect(reading).rejects.not.toThrow(/another/)
    }
    await expect(read(stored, { secretKeys })).rejects.toThrow(/it is locked, and its passphrase is not at hand/)
  })

  itWith('gpg', 'for a passphrase too is read either way, and asks nobody before the keys were tried', async () => {
    const args = ['--passphrase', 'words', '--recipient', keys.get('ed25519')!, '--encrypt', '--symmetric']
    const stored = await ring.out(['--s2k-count', '2048', ...args], plain)
    expect(Buffer.compare(await read(stored, { passphrase: 'words' }), plain)).toBe(0)
    const nobody = async (): Promise<string> => Promise.reject(new Error('Nobody is to be asked'))
    expect(Buffer.compare(await read(stored, { gpg: gpg(), passphrase: nobody }), plain)).toBe(0)
    const empty = await createKeyring()
    expect(
      Buffer.compare(await read(stored, { gpg: { home: empty.home }, passphrase: async () => 'words' }), plain),
    ).toBe(0)
    await expect(read(stored, { gpg: { home: empty.home }, passphrase: 'other' })).rejects.toMatchObject({
      code: 'wrong-passphrase',
    })
  })
})

describe('a public-key message of openpgp.js', () => {
  it('is read with the key file, also of the new algorithms (judge: openpgp.js)', async () => {
    for (const type of ['ecc', 'curve25519', 'curve448'] as const) {
      const options = { type, userIDs: { name: 'js' }, format: 'object' } as const
      const { privateKey, publicKey } = await openpgp.generateKey(options)
      const message = await openpgp.createMessage({ binary: Uint8Array.from(plain) })
      for (const wildcard of [false, true]) {
        const stored = await openpgp.encrypt({ message, encryptionKeys: publicKey, wildcard, format: 'binary' })
        const secretKeys = [{ name: 'js', bytes: privateKey.write() }]
        expect(Buffer.compare(await read(stored, { secretKeys }), plain), type).toBe(0)
      }
    }
  })
})

describe('createKeyEnvelope().seal()', () => {
  itWith('gpg', 'writes what gpg reads without a warning, for every kind of key (judge: gpg)', async () => {
    for (const [kind, key] of keys) {
      const file = { name: `${kind}.asc`, bytes: await ring.out(['--armor', '--export', key]) }
      for (const recipient of [key, file]) {
        const { code, stdout, stderr } = await ring.gpg(
          ['--decrypt'],
          await written({ recipients: [recipient], gpg: gpg() }),
        )
        expect({ code, same: stdout.equals(plain) }, kind).toEqual({ code: 0, same: true })
        expect(stderr.toString()).toMatch(/DECRYPTION_INFO 2 9 0\n[^]*GOODMDC/)
        expect(stderr.toString()).not.toMatch(/warning|error|bad/i)
      }
    }
  })

  itWith(
    'gpg',
    'writes for several recipients, hidden ones too; each of them alone reads it (judge: gpg)',
    async () => {
      const [first, second, third] = [keys.get('ed25519')!, keys.get('rsa2048')!, keys.get('nistp384')!]
      const options = { recipients: [first, second, first], hiddenRecipients: [third], gpg: gpg() }
      const stored = await written(options)
      expect(await recipientsOf(stored)).toEqual([
        await encryptionId(first),
        await encryptionId(second),
        '0000000000000000',
      ])
      for (const key of [first, second, third]) {
        const alone = await createKeyring()
        await alone.out(['--import'], await ring.out(['--export-secret-keys', key]))
        expect((await alone.out(['--decrypt'], stored)).equals(plain)).toBe(true)
      }
    },
  )

  it('writes what openpgp.js reads (judge: openpgp.js)', async () => {
    const options = { userIDs: { name: 'js' }, format: 'object' } as const
    const pairs = [
      await openpgp.generateKey({ ...options, type: 'ecc' }),
      await openpgp.generateKey({ ...options, type: 'curve25519' }),
    ]
    const files = pairs.map(({ publicKey }, at) => ({ name: `${at}`, bytes: publicKey.write() }))
    const stored = await written({ recipients: [files[0]!], hiddenRecipients: [files[1]!] })
    for (const { privateKey } of pairs) {
      const message = await openpgp.readMessage({ binaryMessage: Uint8Array.from(stored) })
      const { data } = await openpgp.decrypt({ message, decryptionKeys: privateKey, format: 'binary' })
      expect(Buffer.compare(data, plain)).toBe(0)
    }
  })

  itWith('gpg', 'takes the newest subkey for encryption, as gpg does (judge: gpg)', async () => {
    const key = await ring.make('renewed', { at: '20200101T000000' })
    const old = await encryptionId(key)
    await ring.out(['--passphrase', '', '--quick-add-key', key, 'cv25519', 'encr', 'never'])
    await ring.out([
      '--faked-system-time',
      '20210101T000000!',
      '--passphrase',
      '',
      '--quick-add-key',
      key,
      'rsa2048',
      'encr',
      '10d',
    ])
    const [theirs] = await recipientsOf(await ring.out(['--recipient', key, '--encrypt'], plain))
    expect(await recipientsOf(await written({ recipients: [key], gpg: gpg() }))).toEqual([theirs])
    expect(theirs).not.toBe(old)
  })

  itWith('gpg', 'encrypts with the cipher that is asked for (judge: gpg)', async () => {
    for (const [cipher, id] of [
      ['AES128', 7],
      ['camellia256', 13],
      ['3DES', 2],
    ] as const) {
      const stored = await written({ recipients: [keys.get('ed25519')!], gpg: gpg(), cipher })
      const { stdout, stderr } = await ring.gpg(['--decrypt'], stored)
      expect(stdout.equals(plain)).toBe(true)
      expect(stderr.toString()).toContain(`DECRYPTION_INFO 2 ${id} 0`)
    }
  })

  itWith('gpg', 'with a passphrase, writes the stretching and cipher that are asked for (judge: gpg)', async () => {
    const options = { passphrase: 'words', s2kDigest: 'SHA512', s2kCount: 1024, cipher: 'AES192' }
    const { stdout } = await ring.gpg(['--list-packets', '--passphrase', 'words'], await written(options))
    expect(stdout.toString()).toContain(':symkey enc packet: version 4, cipher 9, aead 0,s2k 3, hash 10')
    const { stderr } = await ring.gpg(['--passphrase', 'words', '--decrypt'], await written(options))
    expect(stderr.toString()).toContain('DECRYPTION_INFO 2 8 0')
  })
})

describe('a machine with the public key alone', () => {
  itWith('gpg', 'seals and cannot open, whatever it is told', async () => {
    const server = await createKeyring()
    const key = keys.get('rsa2048')!
    await server.out(['--import'], await ring.out(['--export', key]))
    const envelope = createKeyEnvelope({ recipients: [key], gpg: { home: server.home }, passphrase: 'of no use' })
    await envelope.prepare('seal')
    const stored = await collect(envelope.seal('volume', fromBytes(plain).open()))
    const reading = collect(envelope.open('volume', fromBytes(stored)))
    await expect(reading).rejects.toMatchObject({ code: 'no-secret-key' })
    await expect(reading).rejects.toThrow(`gpg does not have the secret key ${await encryptionId(key)}`)
    await expect(server.out(['--decrypt'], stored)).rejects.toThrow(/No secret key/)
    expect((await ring.out(['--decrypt'], stored)).equals(plain)).toBe(true)
  })
})
