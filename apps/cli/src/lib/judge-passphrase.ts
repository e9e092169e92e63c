/** What an attacker who has the stored files would make of a passphrase. */
export interface Judgement {
  /** 0 (found at once) to 4; see {@link scoreNames}. */
  readonly score: 0 | 1 | 2 | 3 | 4
  /** Guesses that are likely needed. */
  readonly guesses: number
  /** Their binary logarithm. */
  readonly bits: number
  /** What makes it easy to guess, a sentence; none for a good one. */
  readonly warning: string | undefined
  /** What would make it better, sentences. */
  readonly suggestions: readonly string[]
  /** Only a part of a long passphrase was looked at. */
  readonly partly: boolean
}

/**
 * Guesses per second at a passphrase that is stretched over 65 million bytes, which is what Coalmine and GnuPG write: a
 * graphics card that hashes 1.3 TB/s (SHA-256, or SHA-1 with as much to spare) tries 20,000.
 */
const cardRate = 20_000
const manyCards = 1000

/**
 * Guesses below which a passphrase has the score 0, 1, 2, 3. Twelve characters that no dictionary knows are 10^12 to
 * zxcvbn, which allows ten choices for each, lest a word of another language pass for chance: so that is good, and
 * sixteen are strong.
 */
const limits = { 0: 1e6, 1: 1e9, 2: 5e11, 3: 5e15 } as const

export const scoreNames = ['useless', 'very weak', 'weak', 'good', 'strong'] as const

const goodScore = 3

/** Longer ones are judged by their ends, because the time that judging takes grows with the square of the length. */
const judgedChars = 100

/** zxcvbn's own rates; it wants them stated, and nothing here looks at the times it makes of them. */
const attackTime = {
  onlineThrottlingXPerHour: 100,
  onlineNoThrottlingXPerSecond: 10,
  offlineSlowHashingXPerSecond: 1e4,
  offlineFastHashingXPerSecond: 1e10,
}

/** Whether one graphics card finds the passphrase within two years. */
export function isWeak({ score }: Judgement): boolean {
  return score < goodScore
}

/**
 * Passphrases of fewer characters are weak, whatever they are: ten choices are the most that zxcvbn allows a character, and
 * a good passphrase takes more guesses than eleven of them give.
 */
export const shortChars = 12

export function isShort(passphrase: Uint8Array): boolean {
  return asText(passphrase).length < shortChars
}

/** How long a passphrase stands, in words: against one card and against many. */
export function standsFor({ guesses }: Judgement): { one: string; thousand: string } {
  return { one: timeText(guesses / cardRate), thousand: timeText(guesses / cardRate / manyCards) }
}

/**
 * Judges passphrases with zxcvbn-ts: dictionaries (passwords, English words and names), keyboard patterns, repetitions,
 * dates. Loading takes a few tenths of a second and 60 MB, a judgement at most about as long again.
 *
 * The guesses are an estimate for one who does not know how the passphrase was made. It is too low for random characters
 * and too high for random words, whose bits whoever drew them knows.
 */
export async function createJudge(): Promise<(passphrase: Uint8Array) => Judgement> {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ])
  const zxcvbn = new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
    maxLength: judgedChars,
    // 100 by default, which takes six times as long and finds no more in any passphrase that was tried.
    l33tMaxSubstitutions: 16,
    timeEstimationValues: { scoring: limits, attackTime },
  })
  return (passphrase) => {
    const text = asText(passphrase)
    const partly = text.length > judgedChars
    const parts = partly ? [text.slice(0, judgedChars), text.slice(-judgedChars)] : [text]
    // All of it takes at least as many guesses as the harder of its parts.
    const [best] = parts.map((part) => zxcvbn.check(part)).sort((a, b) => b.guesses - a.guesses)
    const { score, guesses, feedback } = best!
    return {
      score,
      guesses,
      bits: Math.log2(guesses),
      warning: feedback.warning ?? undefined,
      suggestions: feedback.suggestions,
      partly,
    }
  }
}

/** UTF-8, or one character per byte where it is none. */
function asText(passphrase: Uint8Array): string {
  const bytes = Buffer.from(passphrase)
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') ? bytes.toString('latin1') : text
}

const day = 86_400
const year = 31_557_600

/** A time as people say it: `3 days`, `40 million years`. */
export function timeText(seconds: number): string {
  if (seconds < 1) return 'less than a second'
  const units = [
    ['second', 1, 60],
    ['minute', 60, 3600],
    ['hour', 3600, day],
    ['day', day, year],
    ['year', year, 1e6 * year],
    ['million years', 1e6 * year, 1.4e10 * year],
  ] as const
  const unit = units.find(([, , end]) => seconds < end)
  if (unit === undefined) return 'longer than the world is old'
  const [name, size] = unit
  const count = Math.floor(seconds / size)
  const shown = count.toLocaleString('en-US')
  return name.endsWith('s') || count === 1 ? `${shown} ${name}` : `${shown} ${name}s`
}
