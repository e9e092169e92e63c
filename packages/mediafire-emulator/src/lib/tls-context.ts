import { createSecureContext, type SecureContext } from 'node:tls'
import { EmulatorError } from './emulator-error.ts'
import type { Identity } from './tls-certificate.ts'

/** @throws EmulatorError with `bad-option` for a key and a certificate that are none. */
export function createTlsContext({ key, cert }: Identity): SecureContext {
  try {
    return createSecureContext({ key, cert })
  } catch (cause) {
    // The cause's words are about the structure of the file, never about the key itself.
    throw new EmulatorError('bad-option', 'Cannot use the TLS key and certificate: they are not PEM', { cause })
  }
}
