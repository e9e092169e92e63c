import { randomBytes } from 'node:crypto'
import { aes256, cipherByName, type Hash, hashByName, sha256, sha512 } from './algorithms.ts'
import { checkedCompression, passphraseWrap, type Sealer } from './encrypt.ts'
import { gpgSigner } from './gpg-signer.ts'
import { keyFileSigner } from './key-file-signer.ts'
import { gpgProgram, type KeyEnvelopeOptions, keyPassphrase } from './key-options.ts'
import { type KeySource, shownSource } from './key-source.ts'
import type { LazyPassphrase } from './passphrase-source.ts'
import { chooseWriting, type Writing } from './profile.ts'
import { findRecipients } from './recipients.ts'
import type { Signer } from './signing.ts'

export interface KeySealer extends Sealer {
  /** Looks up all that sealing needs. @throws OpenPgpError */
  prepare(): Promise<void>
}

/**
 * Seals for recipients, or else with the passphrase; signed, if there is a signer.
 *
 * @throws RangeError for an option that is out of range
 */
export function createKeySealer(options: KeyEnvelopeOptions, passphrase: LazyPassphrase | undefined): KeySealer {
  const { random = randomBytes, nowMs = Date.now, signal } = options
  const cipher = chosen('cipher', options.cipher, aes256, cipherByName)
  const hash = chosen('digest', options.digest, sha512, (name) => strong(hashByName(name)))
  const s2kHash = options.s2kDigest === undefined ? undefined : chosen('digest', options.s2kDigest, sha256, hashByName)
  const { profile, s2kCount, argon2Bytes } = options
  const writing = chooseWriting({ profile, cipher, s2kHash, s2kCount, argon2Bytes, random })
  const wrap = once(() => findWrap(options, passphrase, writing, nowMs))
  const { signer: source } = options
  const signer = source === undefined ? undefined : once(() => findSigner(source, hash, options, nowMs))
  return {
    writing,
    wrap: async (session) => (await wrap())(session),
    signer,
    compression: checkedCompression(options.compression),
    random,
    nowMs,
    signal,
    async prepare() {
      await wrap()
      await signer?.()
    },
  }
}

async function findWrap(
  options: KeyEnvelopeOptions,
  passphrase: LazyPassphrase | undefined,
  writing: Writing,
  nowMs: () => number,
): Promise<Sealer['wrap']> {
  const { recipients = [], hiddenRecipients = [], gpg } = options
  if (recipients.length + hiddenRecipients.length > 0) {
    const trusted = gpg?.trustAll !== true
    const { publicKeyVersion: version } = writing
    const found = await findRecipients({
      recipients,
      hiddenRecipients,
      gpg: gpgProgram(options),
      trusted,
      version,
      nowMs,
    })
    return async (session) => found.wrap(session)
  }
  if (passphrase === undefined) throw new TypeError('Cannot encrypt: there are neither recipients nor a passphrase')
  const keys = await passphrase.get()
  if (keys.empty) throw new RangeError('Cannot encrypt with the passphrase: it is empty')
  return passphraseWrap(keys, writing)
}

async function findSigner(
  source: KeySource,
  hash: Hash,
  options: KeyEnvelopeOptions,
  nowMs: () => number,
): Promise<Signer> {
  const passphrase = keyPassphrase(options.signPassphrase)
  if (typeof source !== 'string') return keyFileSigner(source, { passphrase, hash, nowMs })
  const gpg = gpgProgram(options)
  if (gpg === undefined)
    throw new TypeError(`Cannot sign with ${shownSource(source)}: names need gpg, which is not to be used`)
  return gpgSigner(gpg, source, { passphrase, digest: hash.name.replaceAll('-', '') })
}

/** Signatures need a hash for which nobody finds two contents. */
function strong(hash: Hash | undefined): Hash | undefined {
  return hash !== undefined && /^SHA-(224|256|384|512)$/.test(hash.name) ? hash : undefined
}

function chosen<T>(what: string, name: string | undefined, standard: T, find: (name: string) => T | undefined): T {
  if (name === undefined) return standard
  const found = find(name)
  if (found === undefined) throw new RangeError(`Cannot use the ${what} "${name}": it is not written here`)
  return found
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return async () => (made ??= make())
}
