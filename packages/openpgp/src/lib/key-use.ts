import type { Config, Key, Subkey } from 'openpgp'
import { OpenPgpError } from './errors.ts'
import type { KeyPurpose } from './gpg-keyring.ts'
import { type KeySource, reasonOf, shownSource } from './key-source.ts'
import { keyRules, openPgpJs } from './openpgp-js.ts'

/** The key or subkey of a certificate that is for a use. */
export type UsableKey = Key | Subkey

/** Key flags (RFC 4880, section 5.2.3.21): sign data; encrypt communications and storage. */
const flagsOf = { 'encrypt to': 0x0c, 'sign with': 0x02, 'check signatures of': 0x02 } as const
const usesOf = { 'encrypt to': 'encryption', 'sign with': 'signing', 'check signatures of': 'signing' } as const

/**
 * The key or subkey to use now: the newest one that is for this use, has not expired and was not revoked, as gpg chooses.
 *
 * @throws OpenPgpError `unusable-key` with the reason, naming the key
 */
export async function chooseKey(
  key: Key,
  source: KeySource,
  purpose: KeyPurpose,
  nowMs: number,
  versions: readonly number[] = [4],
): Promise<UsableKey> {
  const config = keyRules(await openPgpJs())
  const now = new Date(nowMs)
  let reason: unknown
  try {
    const chosen = await (purpose === 'encrypt to'
      ? key.getEncryptionKey(undefined, now, undefined, config)
      : key.getSigningKey(undefined, now, undefined, config))
    // Session key packets and one-pass signatures of version 3 are for keys of version 4.
    if (versions.includes(chosen.keyPacket.version)) return chosen
    reason = new Error(`it has version ${chosen.keyPacket.version}, which is not supported`)
  } catch (error) {
    // Its words are for programmers; what a person needs is found out here.
    reason = error
  }
  const fact = (await flawOf(key, purpose, now)) ?? reasonOf(reason)
  throw new OpenPgpError(
    'unusable-key',
    `Cannot ${purpose} ${shownSource(source)}: ${fact} (${key.getFingerprint().toUpperCase()})`,
    { cause: reason },
  )
}

/** Feature flag (RFC 9580, section 5.2.3.32): encrypted data of version 2. */
const readsVersion2 = 0x08

/** Whether a key says that its owner reads what is written as of RFC 9580. */
export async function readsRfc9580(key: Key, nowMs: number): Promise<boolean> {
  const config = keyRules(await openPgpJs())
  const signed = key as unknown as SelfSigned
  const { features } = await signed.getPrimarySelfSignature(new Date(nowMs), undefined, config)
  return ((features?.[0] ?? 0) & readsVersion2) !== 0
}

/** What openpgp.js's keys have and do not declare: the signature that says what a key is for. */
interface SelfSigned {
  getPrimarySelfSignature(date: Date, user: undefined, config: Config): Promise<{ features: Uint8Array | null }>
}

/** Why a certificate has no key for a use; `undefined` when it is nothing of what is looked for. */
export async function flawOf(key: Key, purpose: KeyPurpose, now: Date): Promise<string | undefined> {
  const config = keyRules(await openPgpJs())
  if (await key.isRevoked(undefined, undefined, now, config)) return 'it was revoked'
  const expires = await key.getExpirationTime(undefined, config)
  if (expires instanceof Date && expires <= now) return `it expired on ${dayOf(expires)}`
  if (key.getCreationTime() > now) return 'it was made in the future; is the clock of this machine wrong?'
  const use = usesOf[purpose]
  const subkeys = key.subkeys.filter((subkey) => isFor(subkey, flagsOf[purpose]))
  if (subkeys.length === 0) return `it has no key for ${use}`
  const flaws: string[] = []
  for (const subkey of subkeys) {
    const ends = await subkey.getExpirationTime(undefined, config)
    const revoked = subkey.revocationSignatures.length > 0
    if (revoked) flaws.push('was revoked')
    else if (ends instanceof Date && ends <= now) flaws.push(`expired on ${dayOf(ends)}`)
  }
  return flaws.length === subkeys.length ? `its key for ${use} ${flaws[0]!}` : undefined
}

function isFor(subkey: Subkey, flags: number): boolean {
  return subkey.bindingSignatures.some(({ keyFlags }) => keyFlags === null || ((keyFlags[0] ?? 0) & flags) !== 0)
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10)
}
