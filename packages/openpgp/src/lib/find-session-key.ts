import type { EncryptedData } from './encrypted-data.ts'
import { cannotDecrypt, OpenPgpError } from './errors.ts'
import type { PassphraseKeys } from './passphrase-keys.ts'
import type { LazyPassphrase } from './passphrase-source.ts'
import type { DataStart, PublicKeyPacket } from './public-key-packet.ts'
import type { S2k } from './s2k.ts'
import { openPassphrasePacket, type PassphrasePacket, type SessionKey } from './session-key.ts'

/** The packets before the data, each of which may hold the session key. */
export interface Candidates {
  readonly passphrases: PassphrasePacket[]
  readonly publicKeys: PublicKeyPacket[]
  /** Why others cannot be used. */
  readonly refused: string[]
}

/** Who opens session keys with secret keys: of a file, or of gpg's keyring. */
export interface SecretKeys {
  /**
   * The session keys that the packets hold, as far as there are keys for them; mostly one.
   *
   * @throws OpenPgpError when there are none, or the passphrase does not unlock them.
   */
  open(packets: readonly PublicKeyPacket[], data: DataStart): Promise<SessionKey[]>
}

/** What a message is opened with. */
export interface Openers {
  readonly passphrase?: LazyPassphrase
  readonly secretKeys?: SecretKeys
}

export interface Found {
  readonly session: SessionKey
  /** The passphrase that opened it, if it was one, and how it was stretched. */
  readonly by: { readonly keys: PassphraseKeys; readonly s2k: S2k } | undefined
}

/**
 * The session key of a message. A passphrase that is at hand is tried before a secret key, because it starts no other
 * program; one that has to be asked for is asked for last.
 */
export async function findSessionKey(
  all: Candidates,
  { passphrase, secretKeys }: Openers,
  data: EncryptedData,
): Promise<Found> {
  const candidates = candidatesFor(data, all)
  let refused: OpenPgpError | undefined
  if (passphrase?.atHand !== undefined) {
    const found = await byPassphrase(candidates, passphrase.atHand, data)
    if (found !== undefined) return found
  }
  if (secretKeys !== undefined && candidates.publicKeys.length > 0) {
    try {
      const session = await fitting(await secretKeys.open(candidates.publicKeys, data.head), data)
      if (session !== undefined) return { session, by: undefined }
      refused = cannotDecrypt('damaged', 'the session key that a secret key opens does not fit it')
    } catch (error) {
      // Kept: the message may be for a passphrase too. If that does not open it either, this is what is said.
      if (!(error instanceof OpenPgpError)) throw error
      refused = error
    }
  }
  if (passphrase !== undefined && passphrase.atHand === undefined && candidates.passphrases.length > 0) {
    const found = await byPassphrase(candidates, await passphrase.get(), data)
    if (found !== undefined) return found
  }
  throw refusal(candidates, passphrase?.atHand, refused)
}

/** The packets that go with the data. One that is for data of another kind was put there by somebody else. */
function candidatesFor(data: EncryptedData, all: Candidates): Candidates {
  return {
    passphrases: all.passphrases.filter(({ version }) => data.passphraseVersions.includes(version)),
    publicKeys: all.publicKeys.filter(({ version }) => data.publicKeyVersions.includes(version)),
    refused: all.refused,
  }
}

async function byPassphrase(
  candidates: Candidates,
  keys: PassphraseKeys,
  data: EncryptedData,
): Promise<Found | undefined> {
  for (const packet of candidates.passphrases) {
    const session = await openPassphrasePacket(packet, keys, data.cipher)
    if (session !== undefined && (await fitting([session], data)) !== undefined) {
      return { session, by: { keys, s2k: packet.s2k } }
    }
  }
  return undefined
}

/** The first that passes the check; the others are overwritten. */
async function fitting(sessions: readonly SessionKey[], data: EncryptedData): Promise<SessionKey | undefined> {
  let found: SessionKey | undefined
  for (const session of sessions) {
    if (found === undefined && (session.proven === true || (await data.fits(session)))) found = session
    else session.key.fill(0)
  }
  return found
}

function refusal(
  candidates: Candidates,
  tried: PassphraseKeys | undefined,
  byKeys: OpenPgpError | undefined,
): OpenPgpError {
  const [unusable] = candidates.refused
  if (byKeys !== undefined && byKeys.code !== 'no-secret-key') return byKeys
  if (candidates.passphrases.length > 0 && tried !== undefined) {
    return tried.proven
      ? cannotDecrypt('damaged', 'the passphrase, which opens other messages, does not open this one')
      : cannotDecrypt('wrong-passphrase', 'the passphrase does not open it')
  }
  if (byKeys !== undefined) return byKeys
  if (unusable !== undefined) return cannotDecrypt('unsupported', unusable)
  if (candidates.publicKeys.length > 0) {
    return cannotDecrypt('no-secret-key', 'it is encrypted to public keys only, and no secret key is at hand')
  }
  if (candidates.passphrases.length > 0) {
    return cannotDecrypt('wrong-passphrase', 'it is encrypted with a passphrase, and none is at hand')
  }
  return cannotDecrypt('damaged', 'no session key precedes its encrypted data')
}
