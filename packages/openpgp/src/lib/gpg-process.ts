import { type ChildProcess, spawn } from 'node:child_process'
import { OpenPgpError } from './errors.ts'

/** How the gpg of this machine is run. */
export interface GpgProgram {
  readonly binary: string
  /** The folder of its keys and settings; what the environment says when absent. */
  readonly home: string | undefined
  /** How long it may take to answer. A person may have to find a card or type a passphrase. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

export interface GpgCall {
  /** What is to be done by it, for errors: `Cannot <task>: …`. */
  readonly task: string
  readonly args: readonly string[]
  /** Given by a descriptor. Without it the agent asks, by pinentry, if it has to. */
  readonly passphrase?: Uint8Array
  /** Whether standard output is wanted; otherwise it goes nowhere. */
  readonly output: boolean
}

export interface GpgAnswer {
  readonly code: number | null
  readonly output: Buffer
  /** Status lines without their mark: `NO_SECKEY 0123456789ABCDEF`. */
  readonly status: readonly string[]
  /** What it said to people, in English, a line each, fit to be quoted. */
  readonly said: readonly string[]
}

/** More than any honest answer: a key with the photographs of its owner. */
const maxOutputBytes = 4 * 1024 * 1024
const maxStatusBytes = 1024 * 1024
/** Its last messages. */
const keptSaidBytes = 4096
const killAfterMs = 2000

/**
 * A gpg at work. Secrets go in and come out by descriptors, its messages by a pipe: nothing of them is in an argument, in
 * the environment or on disk, whatever its own settings say.
 */
export class GpgProcess {
  readonly #child: ChildProcess
  readonly #program: GpgProgram
  readonly #task: string
  readonly #gone: Promise<void>
  readonly #answer: Promise<GpgAnswer>
  #failure: OpenPgpError | undefined
  #said = Buffer.alloc(0)

  constructor(program: GpgProgram, call: GpgCall) {
    program.signal?.throwIfAborted()
    this.#program = program
    this.#task = call.task
    const argv = [...fixedArguments(program, call.passphrase !== undefined), ...call.args]
    const stdio = ['pipe', call.output ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe'] as const
    this.#child = spawn(program.binary, argv, { stdio: [...stdio], env: childEnvironment(process.env) })
    this.#gone = this.#whenGone()
    this.#answer = this.#gather(call)
    // Whoever began it may be busy with something else when it fails.
    this.#answer.catch(() => undefined)
    program.signal?.addEventListener('abort', this.#onAbort)
  }

  /** Resolves when it has taken the bytes, or is gone: `answer` tells why. */
  async write(bytes: Uint8Array): Promise<void> {
    const stdin = this.#child.stdin!
    if (stdin.destroyed || stdin.write(bytes)) return
    await this.#inTime(Promise.race([new Promise((resolve) => stdin.once('drain', resolve)), this.#gone]))
  }

  /** Ends its input and waits for the end. @throws OpenPgpError `gpg` when it did not start, hangs, or says too much */
  async answer(): Promise<GpgAnswer> {
    this.#child.stdin!.end()
    return this.#inTime(this.#answer)
  }

  /** Ends it. Nobody waits for its answer any more. */
  stop(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    // It removes its lock files when it is asked to end.
    this.#child.kill('SIGTERM')
    setTimeout(() => this.#child.kill('SIGKILL'), killAfterMs).unref()
    for (const stream of this.#child.stdio) stream?.destroy()
  }

  readonly #onAbort = (): void => this.stop()

  /** Time counts only while it is gpg that is waited for. */
  async #inTime<T>(waiting: Promise<T>): Promise<T> {
    const { timeoutMs } = this.#program
    const timer = setTimeout(() => this.#fail(`it has not answered for ${timeoutMs / 1000} seconds`), timeoutMs)
    try {
      return await waiting
    } finally {
      clearTimeout(timer)
    }
  }

  #fail(fact: string, cause?: unknown): void {
    const message = `Cannot ${this.#task} with "${this.#program.binary}": ${fact}`
    this.#failure ??= new OpenPgpError('gpg', message, cause === undefined ? undefined : { cause })
    this.stop()
  }

  #whenGone(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('error', (error: NodeJS.ErrnoException) => {
        this.#fail(error.code === 'ENOENT' ? 'there is no such program' : `it does not start (${error.code})`, error)
        resolve()
      })
      this.#child.once('close', () => resolve())
    })
  }

  async #gather(call: GpgCall): Promise<GpgAnswer> {
    const { stdout, stderr, stdio } = this.#child
    const output: Buffer[] = []
    const status: Buffer[] = []
    const [passphraseIn, statusOut] = [stdio[3] as ChildProcess['stdin'], stdio[4] as ChildProcess['stdout']]
    // A pipe that breaks because it has ended says nothing that its end does not say better.
    for (const stream of stdio) stream?.on('error', () => undefined)
    passphraseIn?.end(call.passphrase)
    stdout?.on('data', this.#limited(output, maxOutputBytes))
    statusOut?.on('data', this.#limited(status, maxStatusBytes))
    stderr?.on('data', (bytes: Buffer) => {
      this.#said = Buffer.concat([this.#said, bytes]).subarray(-keptSaidBytes)
    })
    try {
      await this.#gone
    } finally {
      this.#program.signal?.removeEventListener('abort', this.#onAbort)
    }
    this.#program.signal?.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure
    return {
      code: this.#child.exitCode,
      output: Buffer.concat(output),
      status: statusLines(Buffer.concat(status)),
      said: saidLines(this.#said),
    }
  }

  #limited(pieces: Buffer[], maxBytes: number): (bytes: Buffer) => void {
    let left = maxBytes
    return (bytes) => {
      left -= bytes.length
      if (left < 0) this.#fail(`its answer is longer than ${maxBytes} bytes`)
      else pieces.push(bytes)
    }
  }
}

/**
 * What every call has. Of the user's own settings those are overruled that would put a session key into a log file, the
 * beginning of the content into a file, or armor around the answer.
 */
function fixedArguments({ home }: GpgProgram, loopback: boolean): string[] {
  return [
    ...(home === undefined ? [] : [`--homedir=${home}`]),
    ...['--batch', '--no-tty', '--no-greeting', '--no-armor', '--output', '-', '--log-file', '-', '--status-fd', '4'],
    ...(loopback ? ['--pinentry-mode', 'loopback', '--passphrase-fd', '3'] : []),
  ]
}

/** What gpg, its agent and pinentry may need to know. Nothing else: the agent outlives us, and keeps what it was given. */
const inherited =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|TZ|TMPDIR|LANG|LC_[A-Z]+|GNUPGHOME|GPG_TTY|PINENTRY_USER_DATA|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|DBUS_SESSION_BUS_ADDRESS|XDG_[A-Z_]+|[A-Z]+_IM_MODULE|XMODIFIERS|LD_LIBRARY_PATH|SSH_TTY)$/

/** The environment of gpg: the user's, as far as it is its business, with its messages in English. */
function childEnvironment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env = Object.fromEntries(Object.entries(own).filter(([name]) => inherited.test(name)))
  const { LC_ALL: all } = env
  if (all) Object.assign(env, { LANG: all, LC_CTYPE: all })
  delete env['LC_ALL']
  env['LC_MESSAGES'] = 'C'
  return env
}

const mark = '[GNUPG:] '

function statusLines(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\n')
  return lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length).trimEnd())
}

/** Its messages without its name and the time, without what could confuse a terminal, without secrets and names of users. */
function saidLines(bytes: Buffer): string[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => /^\S/.test(line) && !line.includes('session key'))
    .map((line) => line.replace(/^[\d: -]*gpg(?:\[\d+\])?:? /, ''))
    .map((line) => line.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200))
}

/** One of its error numbers, without where in gpg it came from: `ERROR pkdecrypt_failed 67108875` is 11. */
export function errorNumber(answer: GpgAnswer, place: string): number | undefined {
  for (const line of answer.status) {
    const [kind, where, number] = line.split(' ')
    if ((kind === 'ERROR' || kind === 'FAILURE') && where === place) return Number(number) & 0xffff
  }
  return undefined
}

/** GnuPG's numbers for what a person did or may do, and for a secret key that is not there. */
export const gpgError = {
  badPassphrase: 11,
  noSecretKey: 17,
  noAgent: 77,
  noPinentry: 85,
  cancelled: 99,
  fullyCancelled: 198,
} as const

/** What it said about its agent, when that is what failed: to people only, so far. */
export function agentTrouble({ said }: GpgAnswer): string | undefined {
  return said.find((line) =>
    /^(can't connect to the agent|no gpg-agent running|failed to start agent|setting pinentry mode)/.test(line),
  )
}

/** Its last message, in quotes. */
export function lastSaid({ said, code }: GpgAnswer): string {
  const last = said.at(-1)
  return last === undefined ? `it ended with code ${code ?? 'none'}` : `it said "${last}"`
}
