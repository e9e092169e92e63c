import type { ByteSource, ByteStream } from '@coalmine/bytes'

/** What an object is, for the envelope that it travels in. */
export type ObjectKind = 'volume' | 'signatures' | 'manifest'

/**
 * What objects are wrapped in on the storage. `seal` and `open` are lazy: nothing is read before the first pull. What
 * `open` yields counts only when the stream has ended without an error.
 */
export interface Envelope {
  /** What the names of such objects end with: `.gpg`, `.gz` or nothing. */
  suffixOf(kind: ObjectKind): string
  seal(kind: ObjectKind, plain: ByteStream): ByteStream
  open(kind: ObjectKind, stored: ByteSource): ByteStream
  /**
   * How many plain bytes `seal` may hold back before they show in its output, 0 when absent. Who decides by the length
   * of the output where to cut counts so many as if they did not shrink.
   */
  readonly lagBytes?: number
}

/** No envelope at all: what `--no-encryption --no-compression` writes. */
export function plainEnvelope(): Envelope {
  return {
    suffixOf: () => '',
    seal: (_, plain) => plain,
    open: (_, stored) => stored.open(),
    lagBytes: 0,
  }
}
