import { createCipheriv, hkdfSync } from 'node:crypto'
import { type Aead, aeadOf, createOcbCipher, ocb, openSealed, tagBytes } from './aead.ts'
import { aes256, type Cipher, cipherById } from './algorithms.ts'
import { createCfbDecipher } from './cfb.ts'
import type { PassphraseKeys } from './passphrase-keys.ts'
import { encodeS2k, parseS2k, type S2k } from './s2k.ts'

/**
 * A passphrase packet, which holds a session key: version 4 (RFC 4880, section 5.3), version 6 (RFC 9580, section 5.3.2),
 * or what GnuPG writes before its packets of type 20, version 5.
 */
export interface PassphrasePacket {
  readonly version: number
  readonly cipher: Cipher
  readonly s2k: S2k
  /** The session key under the passphrase's key; empty when the passphrase's key is the session key. */
  readonly encryptedKey: Uint8Array
  /** From version 5 on: how it is sealed. */
  readonly sealed?: { readonly aead: Aead; readonly nonce: Uint8Array }
}

/** Overwrite `key` when it has been given to the cipher. */
export interface SessionKey {
  readonly cipher: Cipher
  readonly key: Uint8Array
  /** Whether what it was in has shown that it is the right one. */
  readonly proven?: boolean
}

const tooShort = 'its passphrase packet ends too early'

/** A passphrase packet's body read, or why it cannot be used. */
export function parsePassphrasePacket(body: Uint8Array): PassphrasePacket | string {
  const [version] = body
  if (version === 5 || version === 6) return parseSealedPacket(body, version)
  if (version !== 4) return `its passphrase packet has version ${version ?? 'none'}, which is not supported`
  if (body.length < 2) return tooShort
  const cipher = cipherById(body[1]!)
  if (typeof cipher === 'string') return cipher
  const parsed = parseS2k(body.subarray(2))
  if (typeof parsed === 'string') return parsed
  return { version, cipher, s2k: parsed.s2k, encryptedKey: body.slice(2 + parsed.length) }
}

function parseSealedPacket(body: Uint8Array, version: 5 | 6): PassphrasePacket | string {
  // In version 6 counts stand before the fields, and before the specifier.
  const fields = body.subarray(version === 6 ? 2 : 1)
  const [cipherId, modeId, specifierBytes] = fields
  if (cipherId === undefined || modeId === undefined) return tooShort
  const cipher = cipherById(cipherId)
  if (typeof cipher === 'string') return cipher
  const aead = aeadOf(modeId, cipher)
  if (typeof aead === 'string') return aead
  const rest = fields.subarray(version === 6 ? 3 : 2)
  const parsed = parseS2k(rest)
  if (typeof parsed === 'string') return parsed
  const { nonceBytes } = aead.mode
  const encryptedKey = rest.slice(parsed.length + nonceBytes)
  if (version === 6 && (specifierBytes !== parsed.length || body[1] !== 3 + parsed.length + nonceBytes)) {
    return 'its passphrase packet contradicts itself'
  }
  if (encryptedKey.length <= tagBytes) return tooShort
  const nonce = rest.slice(parsed.length, parsed.length + nonceBytes)
  return { version, cipher, s2k: parsed.s2k, encryptedKey, sealed: { aead, nonce } }
}

/** The body of a packet of version 4 that carries a session key under AES-256. */
export function encodePassphrasePacket(s2k: S2k, passphraseKey: Uint8Array, session: SessionKey): Uint8Array {
  const plain = Uint8Array.of(session.cipher.id, ...session.key)
  const encrypted = createCipheriv(aes256.native, passphraseKey, new Uint8Array(aes256.blockBytes)).update(plain)
  plain.fill(0)
  return Uint8Array.of(4, aes256.id, ...encodeS2k(s2k), ...encrypted)
}

/** The body of a packet of version 6 that carries a session key under AES-256 in OCB mode. */
export function encodeSealedPacket(
  s2k: S2k,
  passphraseKey: Uint8Array,
  session: SessionKey,
  nonce: Uint8Array,
): Uint8Array {
  const ad = associatedData(6, aes256, ocb.id)
  const key = expandedKey(passphraseKey, ad)
  const seal = createOcbCipher('aes-256', { key, nonce, ad })
  const encrypted = Buffer.concat([seal.update(session.key), seal.final(), seal.getAuthTag()])
  key.fill(0)
  const specifier = encodeS2k(s2k)
  const fields = Uint8Array.of(aes256.id, ocb.id, specifier.length, ...specifier, ...nonce)
  return Uint8Array.of(6, fields.length, ...fields, ...encrypted)
}

/** The session key in a packet; `undefined` when it shows that the passphrase is another. */
export async function openPassphrasePacket(
  packet: PassphrasePacket,
  keys: PassphraseKeys,
  dataCipher?: Cipher,
): Promise<SessionKey | undefined> {
  const { cipher, s2k, encryptedKey, sealed } = packet
  const key = await keys.derive(s2k, cipher.keyBytes)
  if (sealed !== undefined) return openSealedKey(packet, sealed, key, dataCipher)
  if (encryptedKey.length === 0) return { cipher, key }
  const decipher = await createCfbDecipher(cipher, key)
  const plain = decipher.update(encryptedKey)
  key.fill(0)
  // The session key may be for another cipher than the one it is encrypted with.
  const inner = cipherById(plain[0]!)
  if (typeof inner !== 'string' && plain.length === 1 + inner.keyBytes) return { cipher: inner, key: plain.subarray(1) }
  plain.fill(0)
  return undefined
}

function openSealedKey(
  { version, cipher, encryptedKey }: PassphrasePacket,
  { aead, nonce }: NonNullable<PassphrasePacket['sealed']>,
  passphraseKey: Uint8Array,
  dataCipher: Cipher = cipher,
): SessionKey | undefined {
  const ad = associatedData(version, cipher, aead.mode.id)
  const key = version === 6 ? expandedKey(passphraseKey, ad) : passphraseKey
  const plain = openSealed(aead, { key, nonce, ad }, encryptedKey)
  key.fill(0)
  passphraseKey.fill(0)
  if (plain === undefined) return undefined
  // It does not say for which cipher it is: the data does.
  if (plain.length === dataCipher.keyBytes) return { cipher: dataCipher, key: plain, proven: true }
  plain.fill(0)
  return undefined
}

function associatedData(version: number, { id }: Cipher, modeId: number): Uint8Array {
  return Uint8Array.of(0xc3, version, id, modeId)
}

function expandedKey(passphraseKey: Uint8Array, info: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', passphraseKey, new Uint8Array(0), info, passphraseKey.length))
}
