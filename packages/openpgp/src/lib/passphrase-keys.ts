import { deriveKey, nameOfS2k, type S2k, stretchesLike } from './s2k.ts'

/** A set of several hundred files has at most a few dozen runs, each with a salt of its own. */
const keptKeys = 256

/** A passphrase and the keys derived from it, each derived once however many ask at the same time. */
export class PassphraseKeys {
  readonly #passphrase: Uint8Array
  readonly #derived = new Map<string, Promise<Uint8Array>>()
  /** How it was stretched for a message that it has opened, to its intact end. */
  #provenBy: S2k | undefined

  constructor(passphrase: string | Uint8Array) {
    if (typeof passphrase !== 'string' && !(passphrase instanceof Uint8Array)) {
      throw new TypeError('Cannot use the passphrase: it is neither text nor bytes')
    }
    this.#passphrase = typeof passphrase === 'string' ? new TextEncoder().encode(passphrase) : passphrase.slice()
  }

  get empty(): boolean {
    return this.#passphrase.length === 0
  }

  /** Whether the passphrase has opened a message: another one that it does not open is then more likely damaged. */
  get proven(): boolean {
    return this.#provenBy !== undefined
  }

  /** Notes that it has opened a message to its intact end: nobody without the passphrase has written that. */
  prove(s2k: S2k): void {
    this.#provenBy = s2k
  }

  /**
   * How to stretch it for what is written: with the salt of a message that it has opened, if that was stretched as much,
   * so that who reads both stretches once; else as given.
   */
  toWrite(fresh: S2k): S2k {
    return this.#provenBy !== undefined && stretchesLike(this.#provenBy, fresh) ? this.#provenBy : fresh
  }

  /** A copy of the key, which the caller overwrites when done. */
  async derive(s2k: S2k, keyBytes: number): Promise<Uint8Array> {
    const name = `${nameOfS2k(s2k)} ${keyBytes}`
    let derived = this.#derived.get(name)
    // Taken out and put back: the oldest used comes first.
    this.#derived.delete(name)
    derived ??= deriveKey(this.#passphrase, s2k, keyBytes)
    this.#derived.set(name, derived)
    if (this.#derived.size > keptKeys) this.#forgetOldest()
    return derived.then((key) => key.slice())
  }

  // Whoever still waits for the key asked earlier, so takes its copy before it is overwritten.
  #forgetOldest(): void {
    for (const [name, derived] of this.#derived) {
      this.#derived.delete(name)
      // One that failed was told to whoever asked for it, and holds nothing.
      derived.then((key) => key.fill(0)).catch(() => undefined)
      return
    }
  }
}
