import type { ByteSource, ByteStream } from '@coalmine/bytes'
import type { Envelope, ObjectKind, StoredObject } from '@coalmine/volume-format'
import { errorCode, RepositoryError, type RepositoryErrorCode } from './errors.ts'

/** What envelopes say of which one can do something about: as OpenPGP's does. */
const byEnvelope = new Map<string, RepositoryErrorCode>([
  ['wrong-passphrase', 'wrong-passphrase'],
  ['no-secret-key', 'no-key'],
  ['no-key', 'no-key'],
  ['unusable-key', 'no-key'],
  ['gpg', 'no-key'],
  ['bad-signature', 'bad-signature'],
  ['not-signed', 'not-signed'],
])

/**
 * The plain bytes of a sealed object. What goes wrong is said in the repository's words, with the object's name; the
 * reason of the signal stays what it is, wherever it comes out.
 */
export async function* openObject(
  kind: ObjectKind,
  object: StoredObject,
  source: ByteSource,
  { envelope, signal }: { readonly envelope: Envelope; readonly signal: AbortSignal | undefined },
): ByteStream {
  try {
    yield* envelope.open(kind, source)
  } catch (error) {
    if (signal?.aborted === true) throw error
    const message = error instanceof Error ? error.message : String(error)
    const code = byEnvelope.get(errorCode(error) ?? '') ?? 'unreadable'
    throw new RepositoryError(code, `Cannot read the ${kind} "${object.key}": ${message}`, { cause: error })
  }
}
