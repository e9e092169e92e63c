/**
 * What is wrong with a message.
 *
 * - `wrong-passphrase`: the passphrase does not open it (as far as the format can tell that from damage)
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
