import { readFileSync } from 'node:fs'
import { type Peer, peer, run } from '@coalmine/fixtures'
import { env } from './duplicity.ts'

/** Python, as duplicity runs on it. */
export const python: Peer = peer('python3')

/** Asks Python questions, as `python.py` says. */
export async function askPython(questions: readonly unknown[]): Promise<unknown[]> {
  const script = readFileSync(new URL('python.py', import.meta.url), 'utf8')
  const input = Buffer.from(questions.map((each) => `${JSON.stringify(each)}\n`).join(''))
  const { stdout } = await run(['python3', '-c', script], { env, input, check: true })
  const answers = stdout.toString().trimEnd().split('\n')
  if (answers.length !== questions.length) {
    throw new Error(`Cannot compare with Python: ${answers.length} answers to ${questions.length} questions`)
  }
  return answers.map((line) => JSON.parse(line) as unknown)
}
