import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { displayPath, rawFromText } from '@coalmine/bytes'
import { CommandError, exitCode } from './exit-codes.ts'
import type { KeyringAnswer, KeyringRequest } from './keyring-process.ts'

export interface KeyringOptions {
  readonly signal: AbortSignal
  /** How long the keyring may take, in milliseconds; somebody may have to type a password for it. Two minutes. */
  readonly limitMs?: number
  /** The operating system; this one. */
  readonly platform?: NodeJS.Platform
  /** The program that talks to the keyring. */
  readonly script?: string
  /** What is kept, for messages; the passphrase. */
  readonly what?: string
}

/** @returns what is kept, `undefined` when there is nothing under this name. */
export async function secretInKeyring(account: string, options: KeyringOptions): Promise<Buffer | undefined> {
  const { secret } = await askKeyring({ verb: 'get', account }, 'take', options)
  return typeof secret === 'string' ? Buffer.from(secret, 'base64') : undefined
}

/** Keeps something, in place of what was there before. */
export async function keepInKeyring(account: string, passphrase: Buffer, options: KeyringOptions): Promise<void> {
  const request = { verb: 'set', account, secret: passphrase.toString('base64') } as const
  await askKeyring(request, 'store', options)
}

/** @returns whether there was one. */
export async function forgetInKeyring(account: string, options: KeyringOptions): Promise<boolean> {
  return (await askKeyring({ verb: 'forget', account }, 'remove', options)).existed === true
}

const prepositions = { take: 'from', store: 'in', remove: 'from' } as const

const builtScript = fileURLToPath(
  new URL(`./keyring-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

/** @throws CommandError when the keyring cannot be used, the signal's reason when the run is stopped. */
async function askKeyring(
  request: KeyringRequest,
  verb: keyof typeof prepositions,
  options: KeyringOptions,
): Promise<Exclude<KeyringAnswer, { error: string }>> {
  const { signal, limitMs = 120_000, platform = process.platform, script = builtScript } = options
  const what = `${verb} ${options.what ?? 'the passphrase'} ${prepositions[verb]}`
  const failed = (reason: string, cause?: unknown) =>
    new CommandError(exitCode.user, `Cannot ${what} the keyring: ${displayPath(rawFromText(reason))}`, { cause })
  if (platform !== 'linux') {
    const problem = `Cannot ${what} the keyring of this system: it was tried with the Secret Service of Linux only`
    throw new CommandError(exitCode.unbuilt, problem)
  }
  signal.throwIfAborted()
  const limit = AbortSignal.timeout(limitMs)
  // Neither arguments nor environment of the process hold a secret.
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'ignore'] })
  const stop = () => void child.kill('SIGKILL')
  for (const one of [signal, limit]) one.addEventListener('abort', stop)
  try {
    child.stdin.on('error', () => undefined) // It ended before it was asked: its exit tells.
    child.stdin.end(JSON.stringify(request))
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    const [code, ended] = (await once(child, 'close')) as [number | null, string | null]
    signal.throwIfAborted()
    if (limit.aborted) throw failed(`it did not answer within ${limitMs / 1000} s; does it wait to be unlocked?`)
    if (code !== 0) throw failed(`the process that asks it ended with ${code ?? ended}`)
    const answer = JSON.parse(Buffer.concat(chunks).toString()) as KeyringAnswer
    if ('error' in answer) throw failed(sentenceOf(answer.error))
    return answer
  } catch (error) {
    if (error instanceof CommandError || signal.aborted) throw error
    throw failed('the process that asks it could not be started or gave no answer', error)
  } finally {
    for (const one of [signal, limit]) one.removeEventListener('abort', stop)
  }
}

/** What the library says, where that would help nobody in other words. */
function sentenceOf(message: string): string {
  if (/DBus error|autolaunch|D-Bus/i.test(message)) return `there is no Secret Service to talk to (${message})`
  if (/prompt was dismissed|locked/i.test(message)) return 'it is locked, and nobody unlocked it'
  if (/no result found/i.test(message))
    return 'it has no place to keep anything yet: log in once, or make a default keyring'
  return message
}
