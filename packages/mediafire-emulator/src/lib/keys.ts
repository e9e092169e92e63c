import { randomBytes } from 'node:crypto'

/** Gives `length` random bytes. */
export type RandomBytes = (length: number) => Uint8Array

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Makes the keys of the service: lower-case letters and digits, or hex. */
export interface Keys {
  /** 15 characters; with `numeric` fifteen digits, which careless clients turn into a number. */
  quick(numeric?: boolean): string
  /** 13 characters. */
  folder(): string
  /** 11 characters; those of filedrop uploads are 32 hex digits. */
  upload(): string
  /** Hex, as long as asked. */
  hex(length: number): string
  /** Letters and digits, as long as asked. */
  text(length: number): string
  /** A whole number from 0 to below `limit` (at most 2^31). */
  below(limit: number): number
}

/** @param random - Where chance comes from; tests may bring their own. */
export function createKeys(random: RandomBytes = randomBytes): Keys {
  const pick = (length: number, alphabet: string): string => {
    let text = ''
    // 252 is the largest multiple of 36 (and 250 of 10) in a byte; what is above would favour the first letters.
    const limit = 256 - (256 % alphabet.length)
    while (text.length < length) {
      for (const byte of random(length)) {
        if (byte < limit && text.length < length) text += alphabet.charAt(byte % alphabet.length)
      }
    }
    return text
  }
  return {
    quick: (numeric = false) => (numeric ? `9${pick(14, '0123456789')}` : `q${pick(14, letters)}`),
    folder: () => `f${pick(12, letters)}`,
    upload: () => pick(11, letters),
    hex: (length) => pick(length, '0123456789abcdef'),
    text: (length) => pick(length, letters),
    below: (limit) => Math.floor((Number.parseInt(pick(8, '0123456789abcdef'), 16) / 2 ** 32) * limit),
  }
}
