import { AeadWriter, aeadSaltBytes } from './aead-data.ts'
import { aeadOf, ocb } from './aead.ts'
import { aes256, type Hash, type NativeCipher, sha256 } from './algorithms.ts'
import { argon2SaltBytes } from './argon2.ts'
import { IntegrityProtectedWriter } from './integrity-protected.ts'
import { encodeCount, saltBytes, type S2k } from './s2k.ts'
import { encodePassphrasePacket, encodeSealedPacket } from './session-key.ts'

/**
 * What messages are written as. `rfc4880`: what every OpenPGP program reads. `rfc9580`: authenticated encryption (AES in
 * OCB mode) and Argon2, which GnuPG does not read.
 */
export type OpenPgpProfile = 'rfc4880' | 'rfc9580'

/** A session key to write with. */
export interface NewSession {
  readonly cipher: NativeCipher
  readonly key: Uint8Array
}

/** Packets go in, the encrypted packet comes out. */
export interface DataWriter {
  push(packets: readonly Uint8Array[]): Uint8Array[]
  finish(): Uint8Array[]
}

/** How the messages of a run are written. */
export interface Writing {
  readonly cipher: NativeCipher
  /** Of the packets that hold session keys for public keys. */
  readonly publicKeyVersion: 3 | 6
  /** Plain bytes that its writer holds back, and bytes that it adds, are fewer than this. */
  readonly extraBytes: number
  createWriter(session: NewSession): DataWriter
  /** How the passphrase is stretched, with a new salt. */
  newS2k(): S2k
  /** The body of a packet that holds a session key under a key that {@link newS2k} gave. */
  encodeKey(s2k: S2k, passphraseKey: Uint8Array, session: NewSession): Uint8Array
}

export interface WritingOptions {
  readonly profile?: OpenPgpProfile
  readonly cipher?: NativeCipher
  readonly s2kHash?: Hash
  readonly s2kCount?: number
  readonly argon2Bytes?: number
  readonly random: (count: number) => Uint8Array
}

/** @throws RangeError for an option that the profile does not have, or that is out of range */
export function chooseWriting({ profile = 'rfc4880', ...options }: WritingOptions): Writing {
  if (profile === 'rfc4880') return writingOfRfc4880(options)
  if (profile === 'rfc9580') return writingOfRfc9580(options)
  throw new RangeError(`Cannot write OpenPGP as "${String(profile)}": the profiles are rfc4880 and rfc9580`)
}

function writingOfRfc4880(options: WritingOptions): Writing {
  const { cipher = aes256, s2kHash = sha256, s2kCount = 65_011_712, argon2Bytes, random } = options
  if (argon2Bytes !== undefined) throw new RangeError('Cannot stretch by Argon2: the profile rfc4880 does not have it')
  encodeCount(s2kCount)
  return {
    cipher,
    publicKeyVersion: 3,
    extraBytes: 0,
    createWriter: (session) => new IntegrityProtectedWriter(session, random(cipher.blockBytes)),
    newS2k: () => ({ hash: s2kHash, salt: random(saltBytes), count: s2kCount }),
    encodeKey: encodePassphrasePacket,
  }
}

/** Argon2's second choice in RFC 9106: three passes over 64 MiB, which openpgp.js and rPGP write too. */
const passes = 3
const lanes = 4
const standardMemory = 64 * 1024 * 1024

function writingOfRfc9580({ cipher = aes256, s2kHash, s2kCount, argon2Bytes, random }: WritingOptions): Writing {
  if (s2kHash !== undefined || s2kCount !== undefined) {
    throw new RangeError('Cannot stretch by a hash: the profile rfc9580 stretches by Argon2')
  }
  const aead = aeadOf(ocb.id, cipher)
  if (typeof aead === 'string') {
    throw new RangeError(
      `Cannot use the cipher "${cipher.name}": the profile rfc9580 is written with AES in OCB mode here`,
    )
  }
  const memoryExponent = Math.log2((argon2Bytes ?? standardMemory) / 1024)
  if (!Number.isInteger(memoryExponent) || memoryExponent < 5 || memoryExponent > 18) {
    throw new RangeError(`Cannot stretch by Argon2 in ${argon2Bytes} bytes: it may be powers of two, 32 KiB to 256 MiB`)
  }
  return {
    cipher,
    publicKeyVersion: 6,
    extraBytes: 1024,
    createWriter: (session) => new AeadWriter(session, aead.aes, random(aeadSaltBytes)),
    newS2k: () => ({ salt: random(argon2SaltBytes), passes, lanes, memoryExponent }),
    encodeKey: (s2k, passphraseKey, session) => encodeSealedPacket(s2k, passphraseKey, session, random(ocb.nonceBytes)),
  }
}
