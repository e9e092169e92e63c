import { collect, fromBytes } from '@coalmine/bytes'
import { itWith } from '@coalmine/fixtures'
import * as openpgp from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { createKeyEnvelope, type KeyEnvelopeOptions, type OpenPgpErrorCode } from '../src/index.ts'
import { createKeyring, type Keyring, type KeyKind } from './keyring.ts'

let ring: Keyring
let keys: Map<KeyKind, string>

beforeAll(async () => {
  ring = await createKeyring()
  keys = await ring.importKinds()
}, 120_000)

const gpg = () => ({ home: ring.home })

async function refusal(
  options: KeyEnvelopeOptions,
  code: OpenPgpErrorCode,
  words: RegExp,
  use: 'seal' | 'open' = 'seal',
) {
  const envelope = createKeyEnvelope({ passphrase: 'x', s2kCount: 1024, gpg: gpg(), ...options })
  await expect(envelope.prepare(use)).rejects.toMatchObject({ name: 'OpenPgpError', code })
  await expect(envelope.prepare(use)).rejects.toThrow(words)
  await expect(envelope.prepare(use)).rejects.toThrow(/^Cannot [^\n]*[^.\n]$/)
  if (use === 'open') return
  const sealing = collect(envelope.seal('manifest', fromBytes(Buffer.from('x')).open()))
  await expect(sealing).rejects.toMatchObject({ code })
}

describe('a recipient', () => {
  itWith('gpg', 'whose key is not there is refused by name, others or not (judge: gpg)', async () => {
    for (const name of [
      'nobody@example.org',
      '0123456789ABCDEF',
      '0'.repeat(40),
      '--no-batch',
      '-a',
      '--',
      '@',
      ' ',
      '',
    ]) {
      const words = new RegExp(
        `^Cannot encrypt to the key "${name}": (gpg has no public key of this name|this is no name)$`,
      )
      await refusal({ recipients: [name] }, 'no-key', words)
      await refusal({ recipients: [keys.get('ed25519')!], hiddenRecipients: [name] }, 'no-key', words)
    }
  })

  itWith(
    'gpg',
    'whose key has expired, was revoked or does not encrypt is refused, by keyring and file (judge: gpg)',
    async () => {
      const old = await ring.make('old', { at: '20200101T000000', expires: '10d' })
      const revoked = await ring.make('revoked')
      await ring.revoke(revoked)
      const signing = await ring.make('signing', { signsOnly: true })
      for (const [key, byRing, byFile] of [
        [old, /it has expired/, /it expired on 2020-01-11/],
        [revoked, /it was revoked/, /it was revoked/],
        [signing, /it has no key for encryption/, /it has no key for encryption/],
      ] as const) {
        const theirs = await ring.gpg(['--trust-model', 'always', '--recipient', key, '--encrypt'], Buffer.from('x'))
        expect(theirs.code).toBe(2)
        await refusal({ recipients: [key] }, 'unusable-key', byRing)
        await refusal({ recipients: [key] }, 'unusable-key', new RegExp(`\\(${key}\\)$`))
        const file = { name: 'file.asc', bytes: await ring.out(['--armor', '--export', key]) }
        await refusal({ hiddenRecipients: [file] }, 'unusable-key', new RegExp(`the key "file.asc": ${byFile.source}`))
      }
    },
  )

  itWith('gpg', 'whose subkey for encryption alone has expired or was revoked is refused (judge: gpg)', async () => {
    const expiring = await ring.make('expiring', { at: '20200101T000000', signsOnly: true })
    const past = ['--faked-system-time', '20200101T000000!', '--passphrase', '']
    await ring.out([...past, '--quick-add-key', expiring, 'cv25519', 'encr', '5d'])
    await refusal({ recipients: [expiring] }, 'unusable-key', /its key for encryption expired on 2020-01-06/)
    expect((await ring.gpg(['--recipient', expiring, '--encrypt'], Buffer.from('x'))).code).toBe(2)
  })

  itWith('gpg', 'is refused when the name means several keys, and says which', async () => {
    const [one, two] = [await ring.make('twin one'), await ring.make('twin two')]
    await refusal(
      { recipients: ['twin'] },
      'no-key',
      new RegExp(`2 keys have this name.*(${one}|${two}), (${one}|${two})$`),
    )
    await ring.revoke(one)
    const envelope = createKeyEnvelope({ recipients: ['twin'], gpg: gpg() })
    await envelope.prepare('seal')
  })

  itWith('gpg', 'whom gpg does not trust is refused unless named by its fingerprint (judge: gpg)', async () => {
    const other = await createKeyring()
    const key = keys.get('rsa2048')!
    await other.out(['--import'], await ring.out(['--export', key]))
    const options = { gpg: { home: other.home } }
    expect((await other.gpg(['--recipient', key, '--encrypt'], Buffer.from('x'))).code).toBe(2)
    for (const name of ['rsa2048@example.org', key.slice(-8), `0x${key.slice(-16)}`]) {
      await refusal({ ...options, recipients: [name] }, 'unusable-key', /gpg does not know that it is its owner's/)
      await createKeyEnvelope({ recipients: [name], gpg: { home: other.home, trustAll: true } }).prepare('seal')
    }
    for (const name of [key, `0x${key.toLowerCase()}`])
      await createKeyEnvelope({ ...options, recipients: [name] }).prepare('seal')
  })

  it('in a file without a key, or with several, is refused', async () => {
    const { publicKey } = await openpgp.generateKey({ userIDs: { name: 'js' }, format: 'object' })
    const bytes = publicKey.write()
    const two = Buffer.concat([bytes, bytes])
    await refusal({ recipients: [{ name: 'k', bytes: two }] }, 'no-key', /"k": the file holds 2 keys/)
    const armored = Buffer.from(publicKey.armor().repeat(2))
    await refusal({ recipients: [{ name: 'k', bytes: armored }] }, 'no-key', /"k": the file holds 2 keys/)
    for (const nothing of ['', 'words', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n', '\u0099\u0001']) {
      const file = { name: 'k', bytes: Buffer.from(nothing, 'latin1') }
      await refusal({ recipients: [file] }, 'no-key', /"k": the file holds no key that can be read/)
      await refusal({ signer: file }, 'no-key', /^Cannot sign with the key "k": the file holds no key/)
      await refusal({ signedBy: file }, 'no-key', /^Cannot check signatures of the key "k"/, 'open')
    }
    const v6 = await openpgp.generateKey({
      type: 'curve25519',
      userIDs: { name: 'js' },
      format: 'object',
      config: { v6Keys: true },
    })
    await refusal(
      { recipients: [{ name: 'k', bytes: v6.publicKey.write() }] },
      'unusable-key',
      /version 6, which is not supported/,
    )
  })
})

describe('a signer', () => {
  itWith('gpg', 'without a secret key, expired or revoked is refused by name (judge: gpg)', async () => {
    await refusal(
      { signer: 'nobody@example.org' },
      'no-key',
      /^Cannot sign with the key "nobody@example.org": gpg has no secret key/,
    )
    await refusal({ signer: '--yes' }, 'no-key', /gpg has no secret key of this name/)
    await refusal({ signer: 'old@example.org' }, 'unusable-key', /it has expired/)
    await refusal({ signer: 'revoked@example.org' }, 'unusable-key', /it was revoked/)
    const other = await createKeyring()
    const bytes = await ring.out(['--export', keys.get('rsa2048')!])
    await other.out(['--import'], bytes)
    await refusal({ signer: keys.get('rsa2048'), gpg: { home: other.home } }, 'no-key', /gpg has no secret key/)
    await refusal({ signer: { name: 'public', bytes } }, 'no-key', /the file is without a secret key/)
    const old = await ring.out(['--export-secret-keys', 'old@example.org'])
    await refusal({ signer: { name: 'old', bytes: old } }, 'unusable-key', /it expired on 2020-01-11/)
  })
})

describe('options', () => {
  it('that cannot be are refused at once', () => {
    const refuse = (options: KeyEnvelopeOptions, words: RegExp) => {
      expect(() => createKeyEnvelope(options)).toThrow(RangeError)
      expect(() => createKeyEnvelope(options)).toThrow(words)
    }
    refuse({ cipher: 'TWOFISH' }, /Cannot use the cipher "TWOFISH"/)
    refuse({ digest: 'SHA1' }, /Cannot use the digest "SHA1"/)
    refuse({ s2kDigest: 'TIGER' }, /Cannot use the digest "TIGER"/)
    refuse({ s2kCount: 1000 }, /no octet for this count/)
    refuse({ compression: { algorithm: 'bzip2' as 'zip' } }, /the algorithms are zip and none/)
  })

  it('names without gpg, and nothing to encrypt with, are mistakes of the program', async () => {
    await expect(createKeyEnvelope({}).prepare('seal')).rejects.toThrow(TypeError)
    await expect(createKeyEnvelope({ recipients: ['a'] }).prepare('seal')).rejects.toThrow(TypeError)
    await expect(createKeyEnvelope({ passphrase: 'x', s2kCount: 1024, signer: 'a' }).prepare('seal')).rejects.toThrow(
      TypeError,
    )
    await expect(createKeyEnvelope({ passphrase: '' }).prepare('seal')).rejects.toThrow(RangeError)
    await createKeyEnvelope({}).prepare('open')
  })
})
