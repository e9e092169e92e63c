import { OpenPgpError } from './errors.ts'
import { exportKeys, findListedKey, type KeyPurpose } from './gpg-keyring.ts'
import type { GpgProgram } from './gpg-process.ts'
import { type Certificate, readCertificates } from './openpgp-js.ts'

/** A file with one key, binary or armored. */
export interface KeyFile {
  /** For messages: the file's name. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** A key: by a name that gpg knows (a fingerprint, a key id, a mail address), or in a file. */
export type KeySource = string | KeyFile

/** How a key is called in messages. */
export function shownSource(source: KeySource): string {
  return `the key "${typeof source === 'string' ? source : source.name}"`
}

/** @throws OpenPgpError `no-key` when the file does not hold exactly one */
export async function readKeyFile(file: KeyFile, purpose: KeyPurpose): Promise<Certificate> {
  const fail = (fact: string, cause?: unknown) =>
    new OpenPgpError('no-key', `Cannot ${purpose} ${shownSource(file)}: ${fact}`, { cause })
  const keys = await readCertificates(file.bytes).catch((error: unknown) => {
    throw fail(`the file holds no key that can be read (${reasonOf(error)})`, error)
  })
  if (keys.length !== 1) throw fail(`the file holds ${keys.length} keys; each needs a file of its own`)
  return keys[0]!
}

export interface PublicKeyOptions {
  /** `undefined` when there is to be no gpg: names are then errors. */
  readonly gpg: GpgProgram | undefined
  /** Whether gpg has to hold a key for its owner's, unless it is named by its whole fingerprint. */
  readonly trusted: boolean
}

/**
 * The public key of a source. gpg is only asked for keys that are named.
 *
 * @throws OpenPgpError `no-key`, `unusable-key` or `gpg`
 */
export async function findPublicKey(
  source: KeySource,
  purpose: KeyPurpose,
  options: PublicKeyOptions,
): Promise<Certificate> {
  if (typeof source !== 'string') return readKeyFile(source, purpose)
  const { gpg, trusted } = options
  if (gpg === undefined)
    throw new TypeError(`Cannot ${purpose} ${shownSource(source)}: names need gpg, which is not to be used`)
  const { fingerprint, validity } = await findListedKey(gpg, source, purpose, 'public')
  const named = source.replace(/^0x/i, '').replaceAll(' ', '').toUpperCase() === fingerprint
  const refuse = (fact: string) => new OpenPgpError('unusable-key', `Cannot ${purpose} ${shownSource(source)}: ${fact}`)
  // What an expired or revoked key has signed is judged signature by signature.
  const flaw = purpose === 'check signatures of' ? undefined : flaws[validity]
  if (flaw !== undefined) throw refuse(`${flaw} (${fingerprint})`)
  if (trusted && !named && !/[ufm]/.test(validity)) {
    throw refuse(`gpg does not know that it is its owner's; name it by its fingerprint, ${fingerprint}, if you do`)
  }
  const bytes = await exportKeys(gpg, fingerprint, purpose)
  const keys = await readCertificates(bytes).catch((error: unknown) => {
    throw refuse(`what gpg exports cannot be read (${reasonOf(error)})`)
  })
  const key = keys.find((one) => one.getFingerprint().toUpperCase() === fingerprint)
  if (key === undefined) throw refuse(`gpg does not export the key ${fingerprint}`)
  return key
}

const flaws: Readonly<Record<string, string>> = {
  r: 'it was revoked',
  e: 'it has expired',
  d: 'it is disabled in gpg',
  i: 'gpg holds it for invalid',
  n: 'gpg is told never to trust it',
}

/** openpgp.js's own words, on one line. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 200)
}
