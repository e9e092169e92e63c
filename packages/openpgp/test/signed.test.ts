import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromBytes } from '@coalmine/bytes'
import { itWith, tempDir } from '@coalmine/fixtures'
import * as openpgp from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { createKeyEnvelope, type KeyEnvelopeOptions, type KeySource, type Verdict } from '../src/index.ts'
import { content } from './content.ts'
import { createKeyring, type Keyring, type KeyKind, scriptFor } from './keyring.ts'

const plain = content.subarray(0, 200_000)
const secret = 'geheim \u00fc'
const passphrase = 'words'

let ring: Keyring
let keys: Map<KeyKind, string>
let locked = ''

beforeAll(async () => {
  ring = await createKeyring()
  keys = await ring.importKinds()
  locked = await ring.make('locked', { passphrase: secret })
}, 120_000)

const gpg = () => ({ home: ring.home })
const quick = { passphrase, s2kCount: 1024 }

async function publicFile(key: string) {
  return { name: `${key}.asc`, bytes: await ring.out(['--armor', '--export', key]) }
}
async function secretFile(key: string, phrase = '') {
  return { name: `${key}.asc`, bytes: await ring.out(['--armor', '--passphrase', phrase, '--export-secret-keys', key]) }
}

async function written(options: KeyEnvelopeOptions, bytes: Uint8Array = plain): Promise<Buffer> {
  return Buffer.from(await collect(createKeyEnvelope(options).seal('volume', fromBytes(bytes, 30_000).open())))
}

/** What is read, and what its signatures were. */
async function read(stored: Uint8Array, options: KeyEnvelopeOptions) {
  const verdicts: Verdict[] = []
  const envelope = createKeyEnvelope({ ...quick, ...options, onSignature: (verdict) => verdicts.push(verdict) })
  const bytes = await collect(envelope.open('volume', fromBytes(stored)))
  return { same: Buffer.compare(bytes, plain) === 0, verdicts }
}

describe('a signature of ours', () => {
  itWith('gpg', 'is good for gpg, of every kind of key, by file and through the agent (judge: gpg)', async () => {
    for (const [kind, key] of keys) {
      for (const signer of [key, await secretFile(key)] as KeySource[]) {
        const stored = await written({ ...quick, signer, gpg: gpg() })
        const { code, stdout, stderr } = await ring.gpg(['--passphrase', passphrase, '--decrypt'], stored)
        expect({ code, same: stdout.equals(plain) }, kind).toEqual({ code: 0, same: true })
        const said = stderr.toString()
        expect(said).toContain(`[GNUPG:] GOODSIG ${key.slice(-16)} `)
        expect(said).toContain(`[GNUPG:] VALIDSIG ${key} `)
        expect(said).not.toMatch(/warning|error|bad/i)
      }
    }
  })

  itWith('gpg', 'stands where gpg puts its own, inside the compressed data (judge: gpg)', async () => {
    const key = keys.get('ed25519')!
    const packets = async (stored: Uint8Array) => {
      const { stdout } = await ring.gpg(['--passphrase', passphrase, '--list-packets'], stored)
      return stdout
        .toString()
        .split('\n')
        .filter((line) => /^:|^\tversion 3|^\tdigest/.test(line))
        .map((line) => line.replace(/algo=\d|version 4, c.*|, begin.*/, ''))
    }
    const theirs = await ring.out(
      ['--passphrase', passphrase, '--local-user', key, '--digest-algo', 'SHA512', '--sign', '--symmetric'],
      plain,
    )
    const ours = await written({ ...quick, signer: key, gpg: gpg() })
    expect((await packets(ours)).slice(1)).toEqual((await packets(theirs)).slice(1))
    const uncompressed = await written({ ...quick, signer: key, gpg: gpg(), compression: { algorithm: 'none' } })
    expect((await packets(uncompressed)).slice(1)).toEqual(
      (await packets(theirs)).slice(1).filter((line) => !line.startsWith(':compressed')),
    )
  })

  it('is good for openpgp.js (judge: openpgp.js)', async () => {
    for (const type of ['ecc', 'curve25519', 'curve448', 'rsa'] as const) {
      const { privateKey, publicKey } = await openpgp.generateKey({
        type,
        rsaBits: 2048,
        userIDs: { name: 'js' },
        format: 'object',
      })
      const stored = await written({ ...quick, signer: { name: 'js', bytes: privateKey.write() } })
      const message = await openpgp.readMessage({ binaryMessage: Uint8Array.from(stored) })
      const options = { message, passwords: passphrase, verificationKeys: publicKey, expectSigned: true } as const
      const { data, signatures } = await openpgp.decrypt({ ...options, format: 'binary' })
      expect(await signatures[0]!.verified).toBe(true)
      expect(Buffer.compare(data, plain)).toBe(0)
    }
  })

  itWith('gpg', 'of a locked key needs its passphrase, by file and through the agent (judge: gpg)', async () => {
    for (const signer of [locked, await secretFile(locked, secret)] as KeySource[]) {
      await ring.forget()
      const wrong = written({ ...quick, signer, gpg: gpg(), signPassphrase: 'another' })
      await expect(wrong).rejects.toMatchObject({ code: 'wrong-passphrase' })
      await expect(wrong).rejects.toThrow(/the passphrase does not unlock it/)
      const stored = await written({ ...quick, signer, gpg: gpg(), signPassphrase: async () => secret })
      const { stderr } = await ring.gpg(['--passphrase', passphrase, '--decrypt'], stored)
      expect(stderr.toString()).toContain(`VALIDSIG ${locked}`)
    }
  })

  itWith(
    'gpg',
    'is made by a subkey where there is one for it, with the hash that is asked for (judge: gpg)',
    async () => {
      const key = await ring.make('sub')
      await ring.out(['--passphrase', '', '--quick-add-key', key, 'ed25519', 'sign', 'never'])
      for (const signer of [key, await secretFile(key)] as KeySource[]) {
        const stored = await written({ ...quick, signer, gpg: gpg(), digest: 'SHA256' })
        const { stderr } = await ring.gpg(['--passphrase', passphrase, '--decrypt'], stored)
        const [, sub, hash, primary] = /VALIDSIG (\w+) \S+ \d+ 0 4 0 22 (\d+) 00 (\w+)/.exec(stderr.toString())!
        expect([hash, primary]).toEqual(['8', key])
        expect(sub).not.toBe(key)
        expect((await read(stored, { signedBy: key, gpg: gpg() })).verdicts[0]).toMatchObject({
          state: 'good',
          fingerprint: key,
        })
      }
    },
  )
})

describe('a signature of gpg', () => {
  itWith('gpg', 'is found good, of every kind of key and hash, by file and keyring (judge: gpg)', async () => {
    for (const [kind, key] of keys) {
      for (const hash of kind === 'rsa2048' ? ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512'] : ['SHA512']) {
        const how = ['--digest-algo', hash, '--s2k-count', '2048', '--passphrase', passphrase, '--local-user', key]
        const stored = await ring.out([...how, '--sign', '--symmetric'], plain)
        const good = { state: 'good', keyId: key.slice(-16), fingerprint: key, reason: undefined }
        for (const signedBy of [undefined, key, await publicFile(key)]) {
          const found = await read(stored, { signedBy, gpg: gpg() })
          expect(found.same).toBe(true)
          for (const verdict of found.verdicts) expect(verdict, `${kind} ${hash}`).toEqual(good)
          // When it is demanded, the object is read twice.
          expect(found.verdicts).toHaveLength(signedBy === undefined ? 1 : 2)
        }
      }
    }
  })

  itWith(
    'gpg',
    'that is demanded of a public-key message is proven with one question to gpg for its session key',
    async () => {
      const key = keys.get('ed25519')!
      const count = join(await tempDir('count'), 'count')
      const binary = await scriptFor(`echo "$*" >> ${count}; exec gpg "$@"`)
      const stored = await ring.out(['--recipient', key, '--local-user', key, '--sign', '--encrypt'], plain)
      const secretKeys = [await secretFile(key)]
      for (const way of [{ gpg: { ...gpg(), binary } }, { gpg: gpg(), secretKeys }]) {
        const { same, verdicts } = await read(stored, { ...way, signedBy: key, passphrase: undefined })
        expect(same).toBe(true)
        expect(verdicts.map(({ state }) => state)).toEqual(['good', 'good'])
      }
      expect(readFileSync(count, 'utf8').match(/--show-session-key/g)).toHaveLength(1)
    },
  )

  itWith('gpg', 'by several keys is checked for each of them (judge: gpg)', async () => {
    const [first, second] = [keys.get('rsa2048')!, keys.get('nistp384')!]
    const stored = await ring.out(
      ['--s2k-count', '2048', '--passphrase', passphrase, '-u', first, '-u', second, '--sign', '--symmetric'],
      plain,
    )
    const { verdicts } = await read(stored, { gpg: gpg() })
    expect(verdicts.map(({ state, fingerprint }) => `${state} ${fingerprint}`).sort()).toEqual(
      [`good ${first}`, `good ${second}`].sort(),
    )
    for (const signedBy of [first, second]) expect((await read(stored, { signedBy, gpg: gpg() })).same).toBe(true)
    const other = read(stored, { signedBy: keys.get('ed25519'), gpg: gpg() })
    await expect(other).rejects.toMatchObject({ code: 'not-signed' })
  })
})
