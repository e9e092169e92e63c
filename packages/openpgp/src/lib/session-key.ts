import { createCipheriv, createDecipheriv } from 'node:crypto'
import { aes256, type Cipher, cipherById } from './algorithms.ts'
import type { PassphraseKeys } from './passphrase-keys.ts'
import { encodeS2k, parseS2k, type S2k } from './s2k.ts'

/** A passphrase packet: a symmetric-key encrypted session key, version 4 (RFC 4880, section 5.3). */
export interface PassphrasePacket {
  readonly cipher: Cipher
  readonly s2k: S2k
  /** The session key under the passphrase's key; empty when the passphrase's key is the session key. */
  readonly encryptedKey: Uint8Array
}

/** Overwrite `key` when it has been given to the cipher. */
export interface SessionKey {
  readonly cipher: Cipher
  readonly key: Uint8Array
}

/** A passphrase packet's body read, or why it cannot be used. */
export function parsePassphrasePacket(body: Uint8Array): PassphrasePacket | string {
  if (body[0] !== 4) return `its passphrase packet has version ${body[0] ?? 'none'}, which is not supported`
  if (body.length < 2) return 'its passphrase packet ends too early'
  const cipher = cipherById(body[1]!)
  if (typeof cipher === 'string') return cipher
  const parsed = parseS2k(body.subarray(2))
  if (typeof parsed === 'string') return parsed
  return { cipher, s2k: parsed.s2k, encryptedKey: body.slice(2 + parsed.length) }
}

/** The body of a passphrase packet that carries a session key under AES-256. */
export function encodePassphrasePacket(s2k: S2k, passphraseKey: Uint8Array, session: SessionKey): Uint8Array {
  const plain = Uint8Array.of(session.cipher.id, ...session.key)
  const encrypted = createCipheriv(aes256.native, passphraseKey, new Uint8Array(aes256.blockBytes)).update(plain)
  plain.fill(0)
  return Uint8Array.of(4, aes256.id, ...encodeS2k(s2k), ...encrypted)
}

/** The session key in a packet; `undefined` when it shows that the passphrase is another. */
export async function openPassphrasePacket(
  packet: PassphrasePacket,
  keys: PassphraseKeys,
): Promise<SessionKey | undefined> {
  const { cipher, s2k, encryptedKey } = packet
  const key = await keys.derive(s2k, cipher.keyBytes)
  if (encryptedKey.length === 0) return { cipher, key }
  const plain = createDecipheriv(cipher.native, key, new Uint8Array(cipher.blockBytes)).update(encryptedKey)
  key.fill(0)
  // The session key may be for another cipher than the one it is encrypted with.
  const inner = cipherById(plain[0]!)
  if (typeof inner !== 'string' && plain.length === 1 + inner.keyBytes) return { cipher: inner, key: plain.subarray(1) }
  plain.fill(0)
  return undefined
}
