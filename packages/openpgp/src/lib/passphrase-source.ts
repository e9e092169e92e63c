import { PassphraseKeys } from './passphrase-keys.ts'

/** Text is taken as its UTF-8 bytes. */
export type Passphrase = string | Uint8Array

/** A passphrase, or who is asked for it when the first message needs it. */
export type PassphraseSource = Passphrase | (() => Promise<Passphrase>)

/** The one passphrase of a run, asked for at most once. */
export class LazyPassphrase {
  readonly #ask: (() => Promise<Passphrase>) | undefined
  #asked: Promise<PassphraseKeys> | undefined
  #atHand: PassphraseKeys | undefined

  constructor(source: PassphraseSource | PassphraseKeys) {
    if (typeof source === 'function') this.#ask = source
    else if (source instanceof PassphraseKeys) this.#atHand = source
    else this.#atHand = new PassphraseKeys(source)
  }

  /** Without asking anybody. */
  get atHand(): PassphraseKeys | undefined {
    return this.#atHand
  }

  async get(): Promise<PassphraseKeys> {
    if (this.#atHand !== undefined) return this.#atHand
    this.#asked ??= this.#ask!().then((passphrase) => (this.#atHand = new PassphraseKeys(passphrase)))
    return this.#asked
  }
}
