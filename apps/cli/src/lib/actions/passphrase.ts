import type { RawPath } from '@coalmine/bytes'
import { CommandError, exitCode, UsageError } from '../exit-codes.ts'
import { textOf } from '../parse-arguments.ts'
import { findPassphrase } from '../passphrase.ts'
import { type Context, passphraseSources } from '../session.ts'

const defaultWords = 6
/** A thousand graphics cards would find three words within a day. */
const leastWords = 4
const mostWords = 32

/** `passphrase`: makes one of words, or judges one. */
export async function passphrase([verb]: readonly RawPath[], context: Context): Promise<void> {
  const { settings } = context
  if (verb === undefined || verb === 'generate') return generate(context)
  if (verb !== 'judge') throw new UsageError(`Cannot run "passphrase ${textOf(verb)}": it is generate or judge`)
  if (settings.integer('words') !== undefined) {
    throw new UsageError('Cannot take "--words" with "passphrase judge": it belongs to "passphrase generate"')
  }
  return judge(context)
}

/** Standard output has the passphrase and nothing else; neither it nor what is said about it goes into a log. */
async function generate({ settings, log }: Context): Promise<void> {
  const words = settings.integer('words') ?? defaultWords
  if (words < leastWords || words > mostWords) {
    throw new UsageError(`Cannot take "--words ${words}": it must be ${leastWords} to ${mostWords}`)
  }
  const { generatePassphrase, passphraseWords } = await import('../passphrase-words.ts')
  const { text, choices, bits } = generatePassphrase(await passphraseWords(), words)
  process.stdout.write(`${text}\n`)
  if (!log.shows('notice')) return
  process.stderr.write(
    `${words} words, each drawn from ${choices}: ${bits.toFixed(1)} bits. Write it down and keep it away from this ` +
      'computer: without it nobody gets the files back.\n',
  )
}

async function judge(context: Context): Promise<void> {
  const { bytes, from } = await findPassphrase({ ...passphraseSources(context), fromInput: true })
  const { createJudge, isWeak, scoreNames, standsFor } = await import('../judge-passphrase.ts')
  const judgement = (await createJudge())(bytes)
  const { score, bits, warning, suggestions, partly } = judgement
  const { one, thousand } = standsFor(judgement)
  const lines = [
    `Score: ${score} of 4, ${scoreNames[score]}`,
    `Guesses: about 2^${bits.toFixed(1)} (${bits.toFixed(1)} bits), for one who does not know how it was made`,
    `Time: one graphics card needs ${one}, a thousand ${thousand}`,
    ...(partly ? ['Looked at: the first and the last 100 characters'] : []),
    ...(warning === undefined ? [] : [`Warning: ${warning}`]),
    ...suggestions.map((text) => `Suggestion: ${text}`),
  ]
  context.log.notice(`Judging the passphrase from ${from}`)
  context.log.always('notice', lines.join('\n'))
  if (isWeak(judgement)) {
    throw new CommandError(exitCode.generic, 'The passphrase is weak: "coalmine passphrase" makes a better one')
  }
}
