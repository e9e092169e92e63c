import type { CompressionOptions } from './encrypt.ts'
import type { GpgProgram } from './gpg-process.ts'
import type { KeyFile, KeySource } from './key-source.ts'
import type { OpenPgpProfile } from './profile.ts'
import type { Passphrase, PassphraseSource } from './passphrase-source.ts'
import type { KeyPassphrase } from './secret-key-files.ts'
import type { Verdict } from './verifier.ts'

/** The gpg of this machine. */
export interface GpgOptions {
  /** The program; `gpg`. */
  readonly binary?: string
  /** The folder of its keys and settings; what the environment says. */
  readonly home?: string
  /** How long it may take to answer, in milliseconds; 300,000. A person may have to type a passphrase meanwhile. */
  readonly timeoutMs?: number
  /** Take a key for its owner's when gpg does not, as `--trust-model always`. */
  readonly trustAll?: boolean
}

/** The passphrase of secret keys; nothing when gpg's agent shall ask for it. */
export type KeyPassphraseSource = Passphrase | (() => Promise<Passphrase | undefined>)

export interface KeyEnvelopeOptions {
  /**
   * Opens messages under a passphrase, and seals when there are no recipients. A function is asked when the first message
   * needs it, and not before secret keys were tried.
   */
  readonly passphrase?: PassphraseSource
  /** Whom sealed messages are for: nobody else can open them, not even who sealed them. */
  readonly recipients?: readonly KeySource[]
  /** The same, and the messages do not show it. */
  readonly hiddenRecipients?: readonly KeySource[]
  /** Whose key signs what is sealed. */
  readonly signer?: KeySource
  /** Whose key must have signed what is opened. Without it signatures are checked as far as there are public keys. */
  readonly signedBy?: KeySource
  /** Files with secret keys to open with. They are tried before gpg's. */
  readonly secretKeys?: readonly KeyFile[]
  /** Of the secret keys to open with; `passphrase`, when that is not a function. */
  readonly keyPassphrase?: KeyPassphraseSource
  /** Of the signer's secret key. */
  readonly signPassphrase?: KeyPassphraseSource
  /** Names are looked up there, and its secret keys are used. When absent, no other program is ever started. */
  readonly gpg?: GpgOptions
  /** `zip` at level 4. */
  readonly compression?: CompressionOptions
  /** What is written: `rfc4880`, which every GnuPG reads; or `rfc9580`, which none does so far. Both are always read. */
  readonly profile?: OpenPgpProfile
  /** `AES256`; also `AES192`, `AES128`, `CAMELLIA256`, `CAMELLIA192`, `CAMELLIA128`, `3DES`. Of the profile `rfc9580` only AES. */
  readonly cipher?: string
  /** Of signatures: `SHA512`; also `SHA384`, `SHA256`, `SHA224`. */
  readonly digest?: string
  /** Stretches the passphrase: `SHA256`; also `SHA512`, `SHA384`, `SHA224`, `SHA1`. Of the profile `rfc4880`. */
  readonly s2kDigest?: string
  /** Bytes hashed to stretch the passphrase: one of OpenPGP's 256 values; 65,011,712, the largest. Of the profile `rfc4880`. */
  readonly s2kCount?: number
  /** Memory that Argon2 takes to stretch the passphrase, a power of two; 64 MiB. Of the profile `rfc9580`. */
  readonly argon2Bytes?: number
  /** Random bytes; the system's. */
  readonly random?: (count: number) => Uint8Array
  /** The clock, in milliseconds: for dates, and for whether keys have expired. */
  readonly nowMs?: () => number
  readonly signal?: AbortSignal
  /** What each signature turned out to be. The same message may be read twice. */
  readonly onSignature?: (verdict: Verdict) => void
}

export function gpgProgram({ gpg, signal }: KeyEnvelopeOptions): GpgProgram | undefined {
  if (gpg === undefined) return undefined
  const { binary = 'gpg', home, timeoutMs = 300_000 } = gpg
  return { binary, home, timeoutMs, signal }
}

/** The passphrase as bytes, asked for once. */
export function keyPassphrase(source: KeyPassphraseSource | undefined): KeyPassphrase {
  let asked: Promise<Uint8Array | undefined> | undefined
  const bytes = (passphrase: Passphrase | undefined) =>
    typeof passphrase === 'string' ? new TextEncoder().encode(passphrase) : passphrase
  return async () => {
    asked ??= typeof source === 'function' ? source().then(bytes) : Promise.resolve(bytes(source))
    return asked
  }
}
