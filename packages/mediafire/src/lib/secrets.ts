// Sessions come and go; answers that speak of an old one do not come much later.
const mostKept = 256

/** What must not appear in any message: passwords, tokens, keys, cookies. */
export class Secrets {
  readonly #lasting = new Set<string>()
  readonly #passing = new Set<string>()

  add(secret: string): void {
    keep(this.#lasting, secret)
  }

  /** For what every call has anew, such as its signature. */
  addPassing(secret: string): void {
    keep(this.#passing, secret)
  }

  /** The text with every secret taken out, also where it is escaped as in a form or an address. */
  conceal(text: string): string {
    let concealed = text
    for (const secret of [...this.#lasting, ...this.#passing]) {
      for (const form of new Set([
        secret,
        encodeURIComponent(secret),
        encodeURIComponent(secret).replaceAll('%20', '+'),
      ])) {
        concealed = concealed.replaceAll(form, '***')
      }
    }
    return concealed
  }
}

/** Texts of less than four characters are not looked for: they would be found in every word. */
function keep(kept: Set<string>, secret: string): void {
  if (secret.length < 4) return
  kept.delete(secret)
  kept.add(secret)
  if (kept.size > mostKept) {
    const [oldest] = kept
    kept.delete(oldest!)
  }
}
