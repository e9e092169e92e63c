import type { Hash as Digest } from 'node:crypto'
import { cannotDecrypt, type OpenPgpError } from './errors.ts'
import { contentHash } from './signature-packet.ts'
import { type AnnouncedSignature, parseOnePass } from './signing.ts'
import type { Verdict, Verifier } from './verifier.ts'

/** Gpg makes as many as there are signers; each costs a hash. */
const maxSignatures = 16

/**
 * The signatures of one message: announced before the content, checked after it. Content that is not between the two is
 * never taken for signed, because a message has only one content.
 */
export class SignatureCheck {
  readonly #verifier: Verifier
  readonly #announced: AnnouncedSignature[] = []
  /** By number; a reason in place of a hash that there is not. */
  readonly #digests = new Map<number, Digest | string>()
  readonly #verdicts: Verdict[] = []

  constructor(verifier: Verifier) {
    this.#verifier = verifier
  }

  /** A one-pass signature packet. @throws OpenPgpError */
  announce(body: Uint8Array): void {
    if (this.#announced.at(-1)?.last === true) {
      throw cannotDecrypt('unsupported', 'a signature in it is over another signature')
    }
    const announced = parseOnePass(body)
    if (this.#announced.push(announced) > maxSignatures) {
      throw cannotDecrypt('too-large', `it has more than ${maxSignatures} signatures`)
    }
    if (!this.#digests.has(announced.hashId)) {
      const found = contentHash(announced.hashId)
      this.#digests.set(announced.hashId, typeof found === 'string' ? found : found.digest)
    }
  }

  /** How many signatures have to follow the content. */
  get pending(): number {
    return this.#announced.length - this.#verdicts.length
  }

  /** The content begins. @throws OpenPgpError `not-signed` when it shows already that no demanded key has signed it */
  async begin(): Promise<void> {
    if (this.#announced.at(-1)?.last === false) {
      throw cannotDecrypt('damaged', 'a signature that is announced to precede its data does not')
    }
    const ids = this.#announced.map(({ keyId }) => keyId)
    const refused = await this.#verifier.refuseAtOnce(ids)
    if (refused !== undefined) throw refused
  }

  update(content: Uint8Array): void {
    for (const digest of this.#digests.values()) if (typeof digest !== 'string') digest.update(content)
  }

  /** A signature packet after the content. @throws OpenPgpError `bad-signature` */
  async signature(body: Uint8Array): Promise<void> {
    // The last announced comes first: they enclose the content as brackets do.
    const announced = this.#announced.at(-1 - this.#verdicts.length)!
    const digest = this.#digests.get(announced.hashId)!
    this.#verdicts.push(await this.#verifier.verify(announced, body, digest))
  }

  /** The end of the message. @throws OpenPgpError `not-signed`, `damaged` */
  finish(): void {
    if (this.pending > 0) throw cannotDecrypt('damaged', 'a signature is missing at its end')
    const refused: OpenPgpError | undefined = this.#verifier.decide(this.#verdicts)
    if (refused !== undefined) throw refused
  }
}
