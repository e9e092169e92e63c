import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { seal } from './encrypt.ts'
import { lagBytesOf, type ObjectKind } from './envelope.ts'
import { createOpener } from './key-opening.ts'
import type { KeyEnvelopeOptions } from './key-options.ts'
import { createKeySealer } from './key-sealing.ts'
import { LazyPassphrase } from './passphrase-source.ts'
import { maxSignatureBytes } from './signing.ts'

/** Seals and opens the objects of a backup with keys. */
export interface KeyEnvelope {
  /** What the name of a sealed object ends with. */
  suffixOf(kind: ObjectKind): '.gpg'
  /** For the recipients, or with the passphrase; signed, if there is a signer. */
  seal(kind: ObjectKind, plain: ByteStream): ByteStream
  /**
   * With the passphrase or a secret key, whichever the message is for. When a signature is demanded, the object is read
   * twice: nothing is handed on before it is proven.
   */
  open(kind: ObjectKind, stored: ByteSource): ByteStream
  /** Fewer plain bytes than this have been taken and do not show in the sealed bytes yet. */
  readonly lagBytes: number
  /**
   * Looks up every key that sealing or opening needs, and signs something for a try: so that what is wrong with a key shows
   * before anything is written. `seal` and `open` do it too, when they are first needed.
   *
   * @throws OpenPgpError `no-key`, `unusable-key`, `wrong-passphrase` or `gpg`, naming the key
   */
  prepare(use: 'seal' | 'open'): Promise<void>
}

/**
 * Keeps the objects of a backup as OpenPGP messages for public keys or a passphrase, signed if wanted.
 *
 * Bulk is encrypted, hashed and compressed here. Keys in files are used by openpgp.js; of gpg's keyring, gpg and its agent
 * open session keys and make signatures, and never see content other than to sign it.
 *
 * @throws RangeError when an option is out of range
 */
export function createKeyEnvelope(options: KeyEnvelopeOptions): KeyEnvelope {
  const passphrase = options.passphrase === undefined ? undefined : new LazyPassphrase(options.passphrase)
  const sealer = createKeySealer(options, passphrase)
  const opener = createOpener(options, passphrase)
  const signature = options.signer === undefined ? 0 : maxSignatureBytes
  return {
    suffixOf: () => '.gpg',
    seal: (_kind, plain) => seal(plain, sealer),
    open: (_kind, stored) => opener.open(stored),
    lagBytes: lagBytesOf(sealer) + signature,
    prepare: async (use) => (use === 'seal' ? sealer.prepare() : opener.prepare()),
  }
}
