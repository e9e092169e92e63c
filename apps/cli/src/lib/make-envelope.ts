import { createKeyEnvelope, type KeyEnvelope, type OpenPgpProfile, type Verdict } from '@coalmine/openpgp'
import { CommandError, exitCode } from './exit-codes.ts'
import { keysOf } from './keys.ts'
import type { Log } from './log.ts'
import { hasPassphrase, type PassphraseOptions, readPassphrase, signPassphrase } from './passphrase.ts'
import type { Settings } from './settings.ts'

export interface EnvelopeParts {
  readonly settings: Settings
  readonly log: Log
  readonly signal: AbortSignal
  readonly sources: PassphraseOptions
  /** For what is written: the passphrase, unless it is for keys. */
  readonly passphrase: Buffer | undefined
  /** Signatures are demanded of what is read. */
  readonly demanding: boolean
  readonly compression: { readonly level: number; readonly chunkBytes: number; readonly parallel: number }
}

/** The envelope that the options say: for keys or a passphrase, signed or not. */
export function makeEnvelope(parts: EnvelopeParts): KeyEnvelope {
  const { settings, log, signal, sources, passphrase, demanding } = parts
  const keys = keysOf(settings)
  const { mapped, signer, useAgent } = keys
  let asked: Promise<Buffer> | undefined
  const ask = async () => (asked ??= passphrase === undefined ? readPassphrase(sources) : Promise.resolve(passphrase))
  const atHand = hasPassphrase(sources)
  const algorithm = settings.flag('no-compression') ? 'none' : (mapped.compression?.algorithm ?? 'zip')
  const { cipher, digest, s2kDigest, s2kCount } = mapped
  try {
    return createKeyEnvelope({
      passphrase: passphrase ?? ask,
      recipients: keys.recipients,
      hiddenRecipients: keys.hiddenRecipients,
      signer,
      signedBy: demanding ? signer : undefined,
      secretKeys: keys.secretKeys,
      // Without a passphrase gpg's agent asks for it; a locked key file has no agent.
      keyPassphrase: async () => {
        if (useAgent) return undefined
        if (atHand || keys.secretKeys.length > 0) return ask()
        return keys.signerIsRecipient ? signPassphrase() : undefined
      },
      signPassphrase: async () => {
        if (useAgent) return undefined
        if (signPassphrase() !== undefined) return signPassphrase()
        return keys.signerIsRecipient && atHand ? ask() : undefined
      },
      gpg: keys.gpg,
      profile: settings.text('openpgp-profile') as OpenPgpProfile | undefined,
      cipher,
      digest,
      s2kDigest,
      s2kCount,
      compression: algorithm === 'none' ? { algorithm } : { ...parts.compression, ...mapped.compression, algorithm },
      signal,
      onSignature: tellOnce(log),
    })
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(exitCode.user, error.message, { cause: error })
    throw error
  }
}

/** Each key once, however many objects it has signed. */
function tellOnce(log: Log): (verdict: Verdict) => void {
  const told = new Set<string>()
  return ({ state, keyId, fingerprint, reason }) => {
    const text = `${state} ${keyId} ${reason ?? ''}`
    if (told.has(text)) return
    told.add(text)
    if (state === 'good') log.info(`Signed by the key ${fingerprint ?? keyId}`)
    else log.warning(`The signature of the key ${keyId} is not proven: ${reason ?? 'its public key is not at hand'}`)
  }
}
