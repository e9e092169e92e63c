import { closeSync, openSync, writeSync } from 'node:fs'
import { type RawPath, rawToBytes } from '@coalmine/bytes'
import { visible } from './visible.ts'

/** Levels of messages: a message is shown when its level is at most the verbosity. */
export const level = { error: 0, warning: 2, notice: 3, info: 5, debug: 9 } as const

export type Level = keyof typeof level

/** Codes of machine records, as the real program numbers them. */
export const code = {
  generic: 1,
  progress: 2,
  collectionStatus: 3,
  newFile: 4,
  changedFile: 5,
  deletedFile: 6,
  writing: 7,
  fileList: 10,
  uploadBegin: 11,
  uploadDone: 13,
  socketSkipped: 15,
  uploadProgress: 16,
  incompleteSets: 5,
  orphanedSets: 6,
  orphanedSignatures: 2,
  unmatchedSignatures: 4,
  cannotStat: 9,
  cannotRead: 10,
  cannotProcess: 12,
} as const

export interface LogOptions {
  readonly verbosity: number
  readonly logFd?: number
  readonly logFile?: string | Buffer
  readonly timestamps?: boolean
  /** Standard output is for programs: what people read goes to standard error. */
  readonly outputIsData?: boolean
  /** The clock, for `timestamps`. */
  readonly nowMs?: () => number
}

export interface RecordOptions {
  readonly code?: number
  /** Further fields of the machine record's first line. */
  readonly extra?: string | (() => string)
  /** Lines of data before the text of the machine record. */
  readonly data?: readonly string[]
}

/**
 * What a run says: to people on standard output (warnings and milder) and standard error (errors), to programs as
 * records on a descriptor or in a file.
 */
export class Log {
  readonly verbosity: number
  readonly #options: LogOptions
  readonly #machine: number[] = []
  readonly #owned: number[] = []
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #outputGone = false

  /** @throws the error of the file system when the log file or descriptor cannot be written. */
  constructor(options: LogOptions) {
    this.#options = options
    this.verbosity = options.verbosity
    if (options.logFd !== undefined) this.#machine.push(options.logFd)
    if (options.logFile !== undefined) {
      const descriptor = openSync(options.logFile, 'a', 0o600)
      this.#machine.push(descriptor)
      this.#owned.push(descriptor)
    }
    // A reader that has seen enough (`| head`) closes its end: no reason to fail, nor to stop a backup.
    process.stdout.on('error', () => {
      this.#outputGone = true
      this.#pending = []
    })
  }

  /** Nobody reads standard output any more. */
  get outputGone(): boolean {
    return this.#outputGone
  }

  error(text: string, options: RecordOptions = {}): void {
    this.#say('error', text, options)
  }

  warning(text: string, options: RecordOptions = {}): void {
    this.#say('warning', text, options)
  }

  notice(text: string, options: RecordOptions = {}): void {
    this.#say('notice', text, options)
  }

  info(text: string, options: RecordOptions = {}): void {
    this.#say('info', text, options)
  }

  debug(text: string, options: RecordOptions = {}): void {
    this.#say('debug', text, options)
  }

  shows(name: Level): boolean {
    return level[name] <= this.verbosity
  }

  /** Printed whatever the verbosity, to people and as a record of level `name`. */
  always(name: Level, text: string, options: RecordOptions = {}): void {
    this.#human(name, text)
    this.#record(name, text, options)
  }

  /** For programs alone. */
  recordOnly(name: Level, text: string, options: RecordOptions = {}): void {
    if (this.shows(name)) this.#record(name, text, options)
  }

  /** Bytes for standard output as they are, whatever the verbosity; the record has them as text. */
  raw(bytes: Uint8Array, options: RecordOptions = {}): void {
    this.#output(bytes)
    if (this.#machine.length > 0) this.#record('info', Buffer.from(bytes).toString('utf8').replace(/\n$/, ''), options)
  }

  /** An answer for programs, on standard output alone. */
  data(text: string): void {
    this.#output(Buffer.from(text))
  }

  /** Gives the output time to drain. */
  async drained(): Promise<void> {
    this.#flush()
    if (process.stdout.writableNeedDrain && !this.#outputGone) {
      await new Promise<void>((resolve) => {
        process.stdout.once('drain', resolve)
        process.stdout.once('error', () => resolve())
      })
    }
  }

  close(): void {
    this.#flush()
    for (const descriptor of this.#owned) closeSync(descriptor)
  }

  #say(name: Level, text: string, options: RecordOptions): void {
    if (!this.shows(name)) return
    this.#human(name, text)
    this.#record(name, text, options)
  }

  #human(name: Level, text: string): void {
    const { timestamps = false, nowMs = Date.now } = this.#options
    const prefix = timestamps ? `${stamp(nowMs())} ${name.toUpperCase()} ` : ''
    const bytes = Buffer.from(`${prefix}${visible(text)}\n`)
    if (name !== 'error' && this.#options.outputIsData !== true) return this.#output(bytes)
    this.#flush()
    process.stderr.write(bytes)
  }

  #output(bytes: Uint8Array): void {
    if (this.#outputGone) return
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes >= 65_536) this.#flush()
    else if (this.#pending.length === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const bytes = Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    if (!this.#outputGone) process.stdout.write(bytes)
  }

  #record(name: Level, text: string, options: RecordOptions): void {
    if (this.#machine.length === 0) return
    const { code: number = 1, data = [] } = options
    const extra = typeof options.extra === 'function' ? options.extra() : (options.extra ?? '')
    const head = `${name.toUpperCase()} ${number}${extra === '' && data.length === 0 ? '' : ` ${extra}`}`
    const lines = [head, ...data, ...text.split('\n').map((line) => `. ${line}`), '', '']
    const bytes = Buffer.from(lines.join('\n'))
    for (const descriptor of this.#machine) {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
    }
  }
}

function stamp(ms: number): string {
  const at = new Date(ms)
  const two = (number: number) => String(number).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  return `${day} ${clock},${String(at.getMilliseconds()).padStart(3, '0')}`
}

/**
 * A path as machine records quote it: single quotes around what Python's `unicode-escape` makes of it, bytes that are
 * no UTF-8 as lone surrogates. The root is `.`.
 */
export function quotePath(path: RawPath): string {
  const text = path === '' ? '.' : decodeEscaping(rawToBytes(path))
  return `'${text.replaceAll("'", '\\x27')}'`
}

function decodeEscaping(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = utf8Length(bytes, at)
    if (length === 0) {
      text += `\\udc${bytes[at]!.toString(16)}`
      at += 1
    } else {
      text += escapePoint(bytes.toString('utf8', at, at + length))
      at += length
    }
  }
  return text
}

function utf8Length(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length < 2) return length
  const piece = bytes.subarray(at, at + length)
  return piece.length === length && Buffer.from(piece.toString('utf8')).equals(piece) ? length : 0
}

function escapePoint(char: string): string {
  const point = char.codePointAt(0)!
  if (char === '\\') return '\\\\'
  if (char === '\n') return '\\n'
  if (char === '\t') return '\\t'
  if (char === '\r') return '\\r'
  if (point >= 0x20 && point < 0x7f) return char
  if (point < 0x100) return `\\x${point.toString(16).padStart(2, '0')}`
  return point < 0x10000 ? `\\u${point.toString(16).padStart(4, '0')}` : `\\U${point.toString(16).padStart(8, '0')}`
}
