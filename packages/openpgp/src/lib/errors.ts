/**
 * What is wrong with a message.
 *
 * - `wrong-passphrase`: the passphrase does not open it (as far as the format can tell that from damage), or does not
 *   unlock the secret key
 * - `no-secret-key`: it is for keys that are not at hand
 * - `no-key`: a key that was named is not there, or is not the only one of that name
 * - `unusable-key`: a key has expired, was revoked, or is not for this use
 * - `bad-signature`: a signature in it is not by the key that it names, or not over this content
 * - `not-signed`: a key has to have signed it, and it is not proven that it has
 * - `gpg`: gpg is not there, hangs, or fails for a reason of its own
 * - `damaged`: its bytes are not what was written
 * - `no-integrity`: nothing in it would show a change, so it is not read
 * - `truncated`: it ends too early
 * - `trailing`: something follows its end
 * - `unsupported`: a part of OpenPGP that is not read here; the sentence names it
 * - `not-openpgp`: something else
 * - `too-large`: it declares more than any honest message
 */
export type OpenPgpErrorCode =
  | 'wrong-passphrase'
  | 'no-secret-key'
  | 'no-key'
  | 'unusable-key'
  | 'bad-signature'
  | 'not-signed'
  | 'gpg'
  | 'damaged'
  | 'no-integrity'
  | 'truncated'
  | 'trailing'
  | 'unsupported'
  | 'not-openpgp'
  | 'too-large'

/** A message that cannot be read. Never holds a passphrase, a key or plaintext. */
export class OpenPgpError extends Error {
  override readonly name = 'OpenPgpError'
  readonly code: OpenPgpErrorCode
  constructor(code: OpenPgpErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** The error for a message that cannot be decrypted, with the sentence's second half. */
export function cannotDecrypt(code: OpenPgpErrorCode, fact: string, cause?: unknown): OpenPgpError {
  return new OpenPgpError(code, `Cannot decrypt the message: ${fact}`, cause === undefined ? undefined : { cause })
}
