import type { SecretKeyPacket, SecretSubkeyPacket } from 'openpgp'
import { type Cipher, cipherById } from './algorithms.ts'
import { cannotDecrypt, OpenPgpError } from './errors.ts'
import type { SecretKeys } from './find-session-key.ts'
import { type KeyFile, shownSource } from './key-source.ts'
import { type OpenPgpJs, openPgpJs, readCertificates } from './openpgp-js.ts'
import { hiddenKeyId, type PublicKeyPacket } from './public-key-packet.ts'
import type { SessionKey } from './session-key.ts'

export type AnySecretPacket = SecretKeyPacket | SecretSubkeyPacket

/** Gives a passphrase, or `undefined` when there is none. */
export type KeyPassphrase = () => Promise<Uint8Array | undefined>

/** As many as there may be private operations in vain. */
const maxHiddenPackets = 32

/**
 * The secret keys in files. A file may hold several; all of them are tried, also when they have expired or were revoked
 * since: what was encrypted to them stays readable.
 */
export function secretKeyFiles(files: readonly KeyFile[], passphrase: KeyPassphrase): SecretKeys {
  let reading: Promise<AnySecretPacket[]> | undefined
  return {
    async open(packets, data) {
      const js = await openPgpJs()
      const keys = await (reading ??= readAll(files))
      const found: SessionKey[] = []
      let locked: OpenPgpError | undefined
      let hidden = 0
      for (const packet of packets) {
        if (packet.keyId === hiddenKeyId && ++hidden > maxHiddenPackets) {
          throw cannotDecrypt('too-large', `it has more than ${maxHiddenPackets} hidden recipients`)
        }
        for (const key of keys.filter((one) => fits(packet, one))) {
          try {
            await unlock(key, passphrase, 'decrypt the message with')
          } catch (error) {
            // Another key may open it. If none does, this is why.
            if (!(error instanceof OpenPgpError)) throw error
            locked ??= error
            continue
          }
          const session = await openPacket(js, packet, key, data.cipher)
          if (session !== undefined) found.push(session)
        }
      }
      if (found.length > 0) return found
      if (locked !== undefined) throw locked
      throw cannotDecrypt('no-secret-key', `none of the secret keys in ${files.map(shownSource).join(', ')} opens it`)
    },
  }
}

async function readAll(files: readonly KeyFile[]): Promise<AnySecretPacket[]> {
  const all = await Promise.all(files.map(readSecretPackets))
  return all.flat()
}

async function readSecretPackets(file: KeyFile): Promise<AnySecretPacket[]> {
  const refuse = (fact: string) => new OpenPgpError('no-key', `Cannot decrypt with ${shownSource(file)}: ${fact}`)
  const keys = await readCertificates(file.bytes).catch(() => {
    throw refuse('the file holds no key that can be read')
  })
  const packets = keys.flatMap((key) => [key, ...key.subkeys]).map(({ keyPacket }) => keyPacket)
  const secret = packets.filter((packet): packet is AnySecretPacket => isSecret(packet))
  if (secret.length === 0) throw refuse('the file holds no secret key')
  return secret
}

/** Whether the secret part is here: not on a smart card, and not taken off. */
export function isSecret(packet: object): packet is AnySecretPacket {
  return 'isMissingSecretKeyMaterial' in packet && !(packet as AnySecretPacket).isMissingSecretKeyMaterial()
}

function fits(packet: PublicKeyPacket, key: AnySecretPacket): boolean {
  return packet.keyId === hiddenKeyId || packet.keyId === key.getKeyID().toHex().toUpperCase()
}

/** What openpgp.js has in its packets and does not declare. */
interface SessionKeyPacket {
  version: number | null
  publicKeyAlgorithm: number | null
  sessionKey: Uint8Array | null
  sessionKeyAlgorithm: number | null
  read(body: Uint8Array): void
  decrypt(key: AnySecretPacket): Promise<void>
}

async function openPacket(
  js: OpenPgpJs,
  packet: PublicKeyPacket,
  key: AnySecretPacket,
  dataCipher: Cipher | undefined,
): Promise<SessionKey | undefined> {
  const opened = new js.PublicKeyEncryptedSessionKeyPacket() as unknown as SessionKeyPacket
  const { x25519, x448 } = js.enums.publicKey
  try {
    opened.read(packet.body)
    if (opened.publicKeyAlgorithm !== key.algorithm) return undefined
    if (packet.version === 6) {
      await opened.decrypt(key)
      // It does not say for which cipher it is: the data does.
      return dataCipher === undefined ? undefined : sessionKeyOf(dataCipher.id, opened.sessionKey!)
    }
    const inTheOpen = key.algorithm === x25519 || key.algorithm === x448
    // As one of version 6 it is not asked for its cipher, of which openpgp.js knows fewer: that is then the first byte.
    if (!inTheOpen) opened.version = 6
    await opened.decrypt(key)
    const plain = opened.sessionKey!
    if (inTheOpen) return sessionKeyOf(opened.sessionKeyAlgorithm ?? 0, plain)
    const session = sessionKeyOf(plain[0] ?? 0, plain.slice(1))
    plain.fill(0)
    return session
  } catch (error) {
    // Damage, or a hidden recipient who is somebody else: the caller says that nothing opened it.
    if (error instanceof OpenPgpError) throw error
    return undefined
  }
}

function sessionKeyOf(cipherId: number, key: Uint8Array): SessionKey | undefined {
  const cipher = cipherById(cipherId)
  if (typeof cipher === 'string') throw cannotDecrypt('unsupported', cipher)
  return key.length === cipher.keyBytes ? { cipher, key } : undefined
}

/** Makes the secret part of a key usable, once. @throws OpenPgpError `wrong-passphrase` */
export async function unlock(key: AnySecretPacket, passphrase: KeyPassphrase, purpose: string): Promise<void> {
  if (key.isDecrypted()) return
  const refuse = (fact: string) => {
    const id = key.getKeyID().toHex().toUpperCase()
    return new OpenPgpError('wrong-passphrase', `Cannot ${purpose} the secret key ${id}: ${fact}`)
  }
  const given = await passphrase()
  if (given === undefined) throw refuse('it is locked, and its passphrase is not at hand')
  const text = Buffer.from(given).toString('utf8')
  if (Buffer.compare(Buffer.from(text), given) !== 0) throw refuse('its passphrase is not UTF-8')
  try {
    await key.decrypt(text)
  } catch (error) {
    if (key.isDecrypted()) return
    const wrong = error instanceof Error && /passphrase/i.test(error.message)
    throw refuse(wrong ? 'the passphrase does not unlock it' : 'it cannot be unlocked here')
  }
}
