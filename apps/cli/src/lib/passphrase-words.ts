import { drawBelow, type RandomBytes } from './draw.ts'

/** A passphrase and how hard it is to guess for one who knows how it was made. */
export interface GeneratedPassphrase {
  readonly text: string
  readonly words: number
  /** How many words each was drawn from. */
  readonly choices: number
  /** Binary logarithm of the number of passphrases that were equally likely. */
  readonly bits: number
}

/**
 * The words that passphrases are made of: the large list of the Electronic Frontier Foundation (CC BY 3.0 US), 7776
 * words of three to nine letters, as the dictionaries of zxcvbn-ts carry it. Its few words with hyphens are others there.
 */
export async function passphraseWords(): Promise<readonly string[]> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return dictionary['diceware-common']
}

/**
 * Draws words, each independently and each as likely as any other, and puts blanks between them: the blank is the one
 * character besides letters that every keyboard has in the same place.
 */
export function generatePassphrase(list: readonly string[], words: number, random?: RandomBytes): GeneratedPassphrase {
  // A word that is in the list twice would be drawn twice as often.
  const choices = [...new Set(list)]
  const drawn = Array.from({ length: words }, () => choices[drawBelow(choices.length, random)]!)
  return { text: drawn.join(' '), words, choices: choices.length, bits: words * Math.log2(choices.length) }
}
