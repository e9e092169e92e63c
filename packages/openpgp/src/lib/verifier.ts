import type { Hash as Digest } from 'node:crypto'
import { cannotDecrypt, OpenPgpError } from './errors.ts'
import { flawOf } from './key-use.ts'
import { reasonOf } from './key-source.ts'
import { type Certificate, keyRules, type OpenPgpJs, openPgpJs } from './openpgp-js.ts'
import { readSignatureBody, withDigest } from './signature-packet.ts'
import { type AnnouncedSignature, binarySignature } from './signing.ts'

/** What a signature turned out to be. */
export interface Verdict {
  /** `good`: by that key, over this content, and the key may be used. `unproven`: that cannot be said. */
  readonly state: 'good' | 'unproven'
  /** Of the key or subkey that it names, 16 hex digits. */
  readonly keyId: string
  /** Of the primary key, when its public part is at hand. */
  readonly fingerprint: string | undefined
  /** Why it is not proven. */
  readonly reason: string | undefined
}

export interface VerifierOptions {
  /** Keys of which one has to have signed; none when absent. */
  readonly demanded?: () => Promise<readonly Certificate[]>
  /** How the demanded keys are called in messages. */
  readonly demandedNames?: string
  /** Keys by the id of the key or one of its subkeys; an OpenPgpError is a reason why there is none. */
  readonly find: (keyId: string) => Promise<readonly Certificate[]>
  readonly nowMs: () => number
  readonly onVerdict?: (verdict: Verdict) => void
}

/** Judges the signatures of the messages of a run. */
export class Verifier {
  readonly #options: VerifierOptions
  #demanded: Promise<readonly Certificate[]> | undefined

  constructor(options: VerifierOptions) {
    this.#options = options
  }

  get demands(): boolean {
    return this.#options.demanded !== undefined
  }

  /** Whether the ids of the keys that are said to have signed show that no demanded one has. */
  async refuseAtOnce(keyIds: readonly string[]): Promise<OpenPgpError | undefined> {
    if (!this.demands) return undefined
    const keys = await this.#demandedKeys()
    const known = new Set(keys.flatMap((key) => key.getKeyIDs()).map((id) => id.toHex().toUpperCase()))
    return keyIds.some((id) => known.has(id)) ? undefined : this.#notSigned(keyIds)
  }

  /** @throws OpenPgpError `bad-signature` */
  async verify(announced: AnnouncedSignature, body: Uint8Array, digest: Digest | string): Promise<Verdict> {
    const verdict = await this.#verdict(announced, body, digest)
    this.#options.onVerdict?.(verdict)
    return verdict
  }

  /** Whether all verdicts of a message together are too little. */
  decide(verdicts: readonly Verdict[]): OpenPgpError | undefined {
    if (!this.demands) return undefined
    if (verdicts.some(({ state, fingerprint }) => state === 'good' && this.#fingerprints.has(fingerprint ?? ''))) {
      return undefined
    }
    const reasons = verdicts.flatMap(({ reason }) => (reason === undefined ? [] : [reason]))
    return this.#notSigned(
      verdicts.map(({ keyId }) => keyId),
      reasons[0],
    )
  }

  /** Of the demanded primary keys, once they are known. */
  #fingerprints: ReadonlySet<string> = new Set()

  async #demandedKeys(): Promise<readonly Certificate[]> {
    const keys = await (this.#demanded ??= this.#options.demanded!())
    this.#fingerprints = new Set(keys.map((key) => key.getFingerprint().toUpperCase()))
    return keys
  }

  #notSigned(keyIds: readonly string[], reason?: string): OpenPgpError {
    const wanted = this.#options.demandedNames ?? 'the demanded key'
    if (keyIds.length === 0) return cannotDecrypt('not-signed', `it is not signed, and has to be by ${wanted}`)
    const by = `it is signed by the key ${keyIds.join(' and ')}`
    if (reason === undefined) return cannotDecrypt('not-signed', `${by}, and has to be by ${wanted}`)
    return cannotDecrypt('not-signed', `${by}, but ${reason}`)
  }

  async #verdict(announced: AnnouncedSignature, body: Uint8Array, digest: Digest | string): Promise<Verdict> {
    const { keyId } = announced
    const unproven = (reason: string, fingerprint?: string): Verdict => ({
      state: 'unproven',
      keyId,
      fingerprint,
      reason,
    })
    if (typeof digest === 'string') return unproven(digest)
    const js = await openPgpJs()
    const packet = withDigest(readAnnounced(js, announced, body), digest)
    let keys: readonly Certificate[]
    try {
      keys = await this.#keysFor(keyId)
    } catch (error) {
      // Told to the caller as the reason; a message that must be signed is refused by it.
      if (!(error instanceof OpenPgpError)) throw error
      return unproven(error.message)
    }
    let last = unproven('its public key is not at hand')
    let bad: OpenPgpError | undefined
    for (const key of keys) {
      const fingerprint = key.getFingerprint().toUpperCase()
      for (const { keyPacket } of key.getKeys().filter((one) => one.getKeyID().toHex().toUpperCase() === keyId)) {
        try {
          // Without a date: its times are judged below.
          await packet.verify(keyPacket, js.enums.signature.binary, {}, null as unknown as Date, false, keyRules(js))
        } catch (error) {
          // Another key may have the same id; otherwise this is what is said.
          if (isMismatch(error)) bad ??= badSignature(keyId)
          else last = unproven(reasonOf(error), fingerprint)
          continue
        }
        const flaw = await this.#flawOf(js, key, packet)
        return flaw === undefined
          ? { state: 'good', keyId, fingerprint, reason: undefined }
          : unproven(flaw, fingerprint)
      }
    }
    if (bad !== undefined) throw bad
    return last
  }

  async #keysFor(keyId: string): Promise<readonly Certificate[]> {
    const demanded = this.demands ? await this.#demandedKeys() : []
    const known = demanded.filter((key) => key.getKeyIDs().some((id) => id.toHex().toUpperCase() === keyId))
    return known.length > 0 ? known : this.#options.find(keyId)
  }

  /** Why a signature that is right does not count. */
  async #flawOf(
    js: OpenPgpJs,
    key: Certificate,
    packet: ReturnType<typeof readSignatureBody>,
  ): Promise<string | undefined> {
    const now = new Date(this.#options.nowMs())
    if (packet.created !== null && packet.created > now) {
      return 'the signature was made in the future; is the clock of this machine wrong?'
    }
    if (packet.isExpired(now)) return 'the signature has expired'
    try {
      await key.getSigningKey(packet.issuerKeyID, now, undefined, keyRules(js))
      return undefined
    } catch (error) {
      // Revoked, expired, or not for signing: which of them, a person is told in our words.
      const flaw = await flawOf(key, 'check signatures of', now)
      return `the key cannot be relied on: ${flaw ?? reasonOf(error)}`
    }
  }
}

/** The signature packet, if it is the one that was announced. @throws OpenPgpError `bad-signature` */
function readAnnounced(js: OpenPgpJs, announced: AnnouncedSignature, body: Uint8Array) {
  let packet: ReturnType<typeof readSignatureBody>
  try {
    packet = readSignatureBody(js, body)
  } catch (error) {
    throw cannotDecrypt('bad-signature', `its signature cannot be read (${reasonOf(error)})`, error)
  }
  const { version, signatureType, hashAlgorithm, publicKeyAlgorithm, issuerKeyID } = packet
  const found = [version, signatureType, hashAlgorithm, publicKeyAlgorithm, issuerKeyID.toHex().toUpperCase()]
  const wanted = [4, binarySignature, announced.hashId, announced.algorithm, announced.keyId]
  if (found.every((value, at) => value === wanted[at])) return packet
  throw cannotDecrypt('bad-signature', 'its signature is not the one that is announced before its content')
}

function badSignature(keyId: string): OpenPgpError {
  return cannotDecrypt('bad-signature', `its signature is not by the key ${keyId}, or not over this content`)
}

/** openpgp.js's words for a signature that is wrong; everything else says that it cannot tell. */
function isMismatch(error: unknown): boolean {
  return error instanceof Error && /^(Signed digest did not match|Signature verification failed)/.test(error.message)
}
