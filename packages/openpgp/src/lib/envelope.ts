import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { deflateLagBytes } from '@coalmine/deflate'
import { open } from './decrypt.ts'
import { createSealer, type PassphraseOptions, seal, type Sealer } from './encrypt.ts'
import { heldPacketBytes } from './packet-writer.ts'
import { PassphraseKeys } from './passphrase-keys.ts'
import { LazyPassphrase } from './passphrase-source.ts'

/** What a backup stores: a volume of files, the signatures of a set, or its manifest. */
export type ObjectKind = 'volume' | 'signatures' | 'manifest'

/** Seals and opens the objects of a backup with one passphrase. */
export interface PassphraseEnvelope {
  /** What the name of a sealed object ends with. */
  suffixOf(kind: ObjectKind): '.gpg'
  /** As {@link encryptMessage}, but the passphrase is stretched once for all objects. */
  seal(kind: ObjectKind, plain: ByteStream): ByteStream
  /**
   * As {@link decryptMessage}. Once the passphrase has opened an object, another one that it does not open is
   * `damaged`; until then it is `wrong-passphrase`.
   */
  open(kind: ObjectKind, stored: ByteSource): ByteStream
  /** Fewer plain bytes than this have been taken and do not show in the sealed bytes yet. */
  readonly lagBytes: number
}

/**
 * Keeps the objects of a backup as OpenPGP messages under one passphrase.
 *
 * Every object has a random session key of its own. They share one salt, so one stretching of the passphrase (35 ms) is
 * enough for all that is sealed, and for all of it that is opened. What was opened before the first is sealed gives its
 * salt, if the passphrase was stretched as much for it: then one is enough for both.
 *
 * @throws RangeError when the passphrase is empty or an option is out of range.
 */
export function createPassphraseEnvelope(options: PassphraseOptions): PassphraseEnvelope {
  const keys = new PassphraseKeys(options.passphrase)
  const sealer = createSealer(keys, options)
  const opening = { passphrase: new LazyPassphrase(keys), signal: options.signal }
  return {
    suffixOf: () => '.gpg',
    seal: (_kind, plain) => seal(plain, sealer),
    open: (_kind, stored) => open(stored.open(), opening),
    lagBytes: lagBytesOf(sealer),
  }
}

/** Literal packet and encrypted packet each hold back less than one chunk. */
export function lagBytesOf({ compression, writing }: Sealer): number {
  const { algorithm, ...deflating } = compression
  return 2 * heldPacketBytes + writing.extraBytes + (algorithm === 'none' ? 0 : deflateLagBytes(deflating))
}
