import { createHash } from 'node:crypto'
import type { Config } from 'openpgp'
import type { Hash } from './algorithms.ts'
import { OpenPgpError } from './errors.ts'
import { type KeyFile, readKeyFile, shownSource } from './key-source.ts'
import { chooseKey } from './key-use.ts'
import { keyRules, openPgpJs } from './openpgp-js.ts'
import { encodePacket } from './packet-writer.ts'
import { type AnySecretPacket, isSecret, type KeyPassphrase, unlock } from './secret-key-files.ts'
import { withDigest } from './signature-packet.ts'
import { binarySignature, type Signer } from './signing.ts'

export interface KeyFileSignerOptions {
  readonly passphrase: KeyPassphrase
  readonly hash: Hash
  readonly nowMs: () => number
}

/** What openpgp.js does not declare: rules for the signature. */
interface Signing {
  sign(key: AnySecretPacket, data: object, date: Date, detached: boolean, rules: Config): Promise<void>
}

/**
 * Signs with the secret key in a file: content is hashed here, the signature is made by openpgp.js.
 *
 * @throws OpenPgpError `no-key`, `unusable-key`, `wrong-passphrase`
 */
export async function keyFileSigner(file: KeyFile, options: KeyFileSignerOptions): Promise<Signer> {
  const { passphrase, hash, nowMs } = options
  const js = await openPgpJs()
  const key = await readKeyFile(file, 'sign with')
  const { keyPacket } = await chooseKey(key, file, 'sign with', nowMs())
  if (!isSecret(keyPacket)) {
    const fact = key.isPrivate() ? 'without the secret part of its key for signing' : 'without a secret key'
    throw new OpenPgpError('no-key', `Cannot sign with ${shownSource(file)}: the file is ${fact}`)
  }
  const secret: AnySecretPacket = keyPacket
  await unlock(secret, passphrase, 'sign with')
  return {
    onePass: { hash, algorithm: secret.algorithm, keyId: Buffer.from(secret.getKeyID().toHex(), 'hex') },
    begin() {
      const digest = createHash(hash.native)
      return {
        update: (content) => void digest.update(content),
        async finish() {
          const packet = Object.assign(withDigest(new js.SignaturePacket(), digest), {
            signatureType: binarySignature,
            publicKeyAlgorithm: secret.algorithm,
            hashAlgorithm: hash.id,
          })
          await (packet as unknown as Signing).sign(secret, {}, new Date(nowMs()), false, keyRules(js))
          return encodePacket(2, packet.write())
        },
        stop: () => undefined,
      }
    },
  }
}
