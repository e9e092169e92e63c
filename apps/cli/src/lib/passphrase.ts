import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import { displayPath, rawFromText } from '@coalmine/bytes'
import { CommandError, exitCode, UsageError } from './exit-codes.ts'
import { promptHidden } from './prompt.ts'
import { rawEnvironment } from './raw-arguments.ts'

export interface PassphraseOptions {
  readonly file?: string | Buffer
  readonly command?: string
  /** Where in the system's keyring it may be. */
  readonly keyring?: KeyringPlace
  /** Whether variables of the environment count; they do by default. */
  readonly environment?: boolean
  /** What a prompt is given has to be typed twice: for a first backup. */
  readonly confirm?: boolean
  /** Without a terminal the first line of standard input is taken. */
  readonly fromInput?: boolean
  readonly signal: AbortSignal
}

export interface KeyringPlace {
  /** The option names the keyring: it is asked before the environment is. */
  readonly said: boolean
  /** The name of what is looked for; called when the keyring is asked. */
  readonly account: () => string
}

/** A passphrase that is not empty, and where it came from, in words that show nothing of it. */
export interface FoundPassphrase {
  readonly bytes: Buffer
  readonly from: string
}

/**
 * The passphrase: from what an option names (file, command or keyring), else from `PASSPHRASE`, else from what
 * `COALMINE_PASSPHRASE_FILE`, `COALMINE_PASSPHRASE_COMMAND` or `COALMINE_KEYRING` names, in this order, else asked on the
 * terminal.
 *
 * @throws CommandError when there is none and nobody to ask, or where it should come from fails.
 */
export async function readPassphrase(options: PassphraseOptions): Promise<Buffer> {
  return (await findPassphrase(options)).bytes
}

/** As {@link readPassphrase}, and says where it was. */
export async function findPassphrase(options: PassphraseOptions): Promise<FoundPassphrase> {
  const found = await search(options)
  if (found.bytes.length > 0) return found
  throw new CommandError(exitCode.user, 'Cannot use the passphrase: it is empty')
}

let fromEnvironment: Buffer | undefined
let signFromEnvironment: Buffer | undefined

/** Takes the secret out of the environment, once, at the start of a run: no child inherits it. */
export function rememberEnvironment(): void {
  fromEnvironment = rawEnvironment('PASSPHRASE')
  delete process.env['PASSPHRASE']
  signFromEnvironment = rawEnvironment('SIGN_PASSPHRASE')
  delete process.env['SIGN_PASSPHRASE']
}

/** The passphrase of the signing key, if `SIGN_PASSPHRASE` gives one. */
export function signPassphrase(): Buffer | undefined {
  return signFromEnvironment?.length === 0 ? undefined : signFromEnvironment
}

/** Whether the passphrase comes from somewhere else than a person. An empty one, as scripts set it, is none. */
export function hasPassphrase({ file, command, keyring }: PassphraseOptions): boolean {
  const { COALMINE_PASSPHRASE_FILE, COALMINE_PASSPHRASE_COMMAND, COALMINE_KEYRING: useKeyring = '' } = process.env
  if (file !== undefined || command !== undefined || keyring?.said === true) return true
  if (fromEnvironment !== undefined) return fromEnvironment.length > 0
  if (COALMINE_PASSPHRASE_FILE !== undefined || COALMINE_PASSPHRASE_COMMAND !== undefined) return true
  return keyring !== undefined && !['', '0'].includes(useKeyring)
}

async function search(options: PassphraseOptions): Promise<FoundPassphrase> {
  const { keyring, environment = true, confirm = false, fromInput = false, signal } = options
  const found = (await fromOptions(options)) ?? (environment ? await fromVariables(keyring, signal) : undefined)
  if (found !== undefined) return found
  if (!process.stdin.isTTY) {
    if (fromInput) return { bytes: await readInputLine(signal), from: 'standard input' }
    throw new CommandError(
      exitCode.exception,
      'Cannot ask for the passphrase: there is no terminal; give it by PASSPHRASE, --passphrase-file, ' +
        '--passphrase-command or --keyring, or say --no-encryption',
      { name: 'EOFError' },
    )
  }
  return { bytes: await fromTerminal(confirm, signal), from: 'the terminal' }
}

/** @throws UsageError when more than one is said. */
async function fromOptions(options: PassphraseOptions): Promise<FoundPassphrase | undefined> {
  const { file, command, keyring, signal } = options
  const names = [
    ...(file === undefined ? [] : ['--passphrase-file']),
    ...(command === undefined ? [] : ['--passphrase-command']),
    ...(keyring?.said === true ? ['--keyring'] : []),
  ]
  const [first, second] = names
  if (second !== undefined) throw new UsageError(`Cannot take both "${first}" and "${second}": say one`)
  if (file !== undefined) return { bytes: fromFile(file), from: 'the file of --passphrase-file' }
  if (command !== undefined) return { bytes: fromCommand(command), from: 'the command of --passphrase-command' }
  return keyring?.said === true ? fromKeyring(keyring, signal) : undefined
}

async function fromVariables(
  keyring: KeyringPlace | undefined,
  signal: AbortSignal,
): Promise<FoundPassphrase | undefined> {
  if (fromEnvironment !== undefined) return { bytes: fromEnvironment, from: 'PASSPHRASE' }
  const {
    COALMINE_PASSPHRASE_FILE: file,
    COALMINE_PASSPHRASE_COMMAND: command,
    COALMINE_KEYRING: useKeyring = '',
  } = process.env
  if (file !== undefined) return { bytes: fromFile(file), from: 'the file of COALMINE_PASSPHRASE_FILE' }
  if (command !== undefined) return { bytes: fromCommand(command), from: 'the command of COALMINE_PASSPHRASE_COMMAND' }
  return keyring !== undefined && !['', '0'].includes(useKeyring) ? fromKeyring(keyring, signal) : undefined
}

/** Asked only when said: a keyring may open a window and wait for somebody, which in a nightly run nobody would see. */
async function fromKeyring(keyring: KeyringPlace, signal: AbortSignal): Promise<FoundPassphrase> {
  const { secretInKeyring } = await import('./keyring.ts')
  const account = keyring.account()
  const bytes = await secretInKeyring(account, { signal })
  if (bytes !== undefined) return { bytes, from: 'the keyring' }
  const shown = displayPath(rawFromText(account))
  throw new CommandError(
    exitCode.user,
    `Cannot take the passphrase from the keyring: it has none for "${shown}"; "coalmine keyring set" puts it there`,
  )
}

function fromFile(file: string | Buffer): Buffer {
  let content: Buffer
  try {
    content = readFileSync(file)
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new CommandError(exitCode.user, `Cannot read the passphrase from "${file.toString()}": ${reason}`, {
      cause: error,
    })
  }
  return firstLine(content)
}

function fromCommand(command: string): Buffer {
  const [program, ...rest] = splitCommand(command)
  if (program === undefined) throw new UsageError('Cannot run the passphrase command: it is empty')
  const { status, signal, error, stdout } = spawnSync(program, rest, { stdio: ['inherit', 'pipe', 'inherit'] })
  if (error !== undefined) {
    const reason = 'code' in error ? String(error.code) : error.message
    throw new CommandError(exitCode.user, `Cannot run the passphrase command "${program}": ${reason}`, { cause: error })
  }
  if (status !== 0) {
    const end = status === null ? `it was ended by ${String(signal)}` : `it ended with code ${status}`
    throw new CommandError(exitCode.user, `Cannot take the passphrase from the command "${program}": ${end}`)
  }
  return firstLine(stdout)
}

/** No passphrase is longer; what is, was meant for another program. */
const mostInputBytes = 65_536

/**
 * The first line of standard input, which is not read further than needed.
 *
 * @throws CommandError when there is too much of it.
 */
export async function readInputLine(signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of addAbortSignal(signal, process.stdin) as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (chunk.includes(10)) break
    if (bytes > mostInputBytes) {
      throw new CommandError(
        exitCode.user,
        `Cannot read the passphrase from standard input: its first line is longer than ${mostInputBytes} bytes`,
      )
    }
  }
  return firstLine(Buffer.concat(chunks))
}

function firstLine(content: Buffer): Buffer {
  const newline = content.indexOf(10)
  const line = newline < 0 ? content : content.subarray(0, newline)
  return line.at(-1) === 13 ? line.subarray(0, -1) : line
}

/** Words of a command: split at blanks, `'…'`, `"…"` and `\` as in a shell; nothing is expanded. */
export function splitCommand(command: string, what = 'passphrase command'): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote: string | undefined
  for (let at = 0; at < command.length; at++) {
    const char = command[at]!
    if (char === '\\' && quote !== "'" && at + 1 < command.length) word = (word ?? '') + command[++at]!
    else if (quote !== undefined && char === quote) quote = undefined
    else if (quote === undefined && (char === '"' || char === "'")) [quote, word] = [char, word ?? '']
    else if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (quote !== undefined) throw new UsageError(`Cannot read the ${what}: a ${quote} is not closed`)
  if (word !== undefined) words.push(word)
  return words
}

async function fromTerminal(confirm: boolean, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    const first = await promptHidden('Passphrase: ', signal)
    if (first.length === 0) {
      process.stderr.write('An empty passphrase protects nothing. Please try again.\n')
      continue
    }
    if (!confirm) return first
    const second = await promptHidden('The same passphrase once more: ', signal)
    if (first.equals(second)) return first
    process.stderr.write('The two do not match. Please try again.\n')
  }
}
