import type { ByteStream } from '@coalmine/bytes'
import { type Envelope, gzipEnvelope } from '@coalmine/volume-format'
import { Channel } from './channel.ts'
import type { Spool, SpoolFile } from './spool.ts'

/** Where the gzipped copy for the archive dir goes. */
export interface SignatureCopy {
  writeAll(stream: ByteStream): Promise<void>
  commit(): void
  discard(): void
}

// The copy is read often and never sent: the fastest level.
const gzip = gzipEnvelope({ level: 1 })

/** Seals the sigtar for the storage and gzips it for the archive dir, both while it is being written. */
export class SignatureWriter {
  readonly #sealed: SpoolFile
  readonly #sealing: Job
  readonly #copy: SignatureCopy | undefined
  #copying: Job | undefined
  #bytes = 0

  /** @param parts.copy - Called when the rest is ready, so that nothing is left behind when that fails. */
  constructor(parts: {
    readonly envelope: Envelope
    readonly spool: Spool
    readonly copy: () => SignatureCopy | undefined
  }) {
    this.#sealed = parts.spool.create()
    this.#sealing = new Job((plain) => this.#sealed.writeAll(parts.envelope.seal('signatures', plain)))
    this.#copy = parts.copy()
  }

  /** Plain bytes so far. */
  get bytes(): number {
    return this.#bytes
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.again(bytes)
    const copy = this.#copy
    if (copy === undefined || bytes.length === 0) return
    this.#copying ??= new Job((plain) => copy.writeAll(gzip.seal('signatures', plain)))
    await this.#copying.write(bytes)
  }

  /** What the copy has already. */
  async again(bytes: Uint8Array): Promise<void> {
    this.#bytes += bytes.length
    await this.#sealing.write(bytes)
  }

  /** All that was written is in the copy, and what comes next begins a gzip member of its own. */
  async cut(): Promise<void> {
    await this.#copying?.end()
    this.#copying = undefined
  }

  async finish(): Promise<SpoolFile> {
    await this.#sealing.end()
    // Nothing at all is a member too.
    if (this.#bytes === 0) await this.#copy?.writeAll(gzip.seal('signatures', nothing()))
    await this.cut()
    return this.#sealed
  }

  async abort(reason: unknown): Promise<void> {
    await Promise.all([this.#sealing.fail(reason), this.#copying?.fail(reason)])
    this.#sealed.remove()
    this.#copy?.discard()
  }

  /** Gives the copy its name. */
  keep(): void {
    this.#copy?.commit()
  }

  discardCopy(): void {
    this.#copy?.discard()
  }
}

/** Bytes on their way to whoever consumes them. */
class Job {
  readonly #channel = new Channel()
  readonly #done: Promise<void>

  constructor(consume: (plain: ByteStream) => Promise<void>) {
    this.#done = consume(this.#channel.read())
    // A consumer that fails makes the next write fail; `end` sees it in any case.
    this.#done.catch((error: unknown) => this.#channel.fail(error))
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#channel.write(bytes)
  }

  async end(): Promise<void> {
    this.#channel.end()
    await this.#done
  }

  async fail(reason: unknown): Promise<void> {
    this.#channel.fail(reason)
    await Promise.allSettled([this.#done])
  }
}

async function* nothing(): ByteStream {}
