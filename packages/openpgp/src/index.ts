export { createPassphraseEnvelope, type ObjectKind, type PassphraseEnvelope } from './lib/envelope.ts'
export { type CompressionOptions, encryptMessage, type PassphraseOptions } from './lib/encrypt.ts'
export { decryptMessage, type DecryptOptions } from './lib/decrypt.ts'
export { OpenPgpError, type OpenPgpErrorCode } from './lib/errors.ts'
