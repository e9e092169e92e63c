import { MediaFireError } from '@coalmine/mediafire'
import { CommandError, exitCode } from '../exit-codes.ts'
import { counted } from '../counted.ts'
import { failureOf } from '../failures.ts'
import { jsonLine } from '../json.ts'
import { Progress } from '../progress.ts'
import { byteText } from '../statistics-text.ts'
import { oneLine } from '../visible.ts'
import type { MfContext } from './client.ts'

/** What became of a file. */
export interface Outcome {
  /** `uploaded`, `downloaded`, `instant`, `unchanged`, `skipped` */
  readonly outcome: string
  /** For people. */
  readonly name: string
  /** For programs. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** What is to be done for a file. */
export interface Transfer {
  /** For people: what an error is about. */
  readonly name: string
  readonly bytes: number
  /** For programs, when it fails. */
  readonly fields: Readonly<Record<string, unknown>>
  /** @param onBytes - To be told how much of the file is done, in all. */
  run(onBytes: (bytes: number) => void): Promise<Outcome>
}

/**
 * Does transfers, some at a time, and tells of each: what fails does not keep the others.
 *
 * On a terminal a bar shows how far they are; else there is a line for each file.
 */
export class Transfers {
  readonly #context: MfContext
  readonly #counts = new Map<string, number>()
  #failed = 0
  #firstFailure: unknown
  #progress: Progress | undefined
  #doneBytes = 0
  readonly #underWay = new Map<Transfer, number>()

  constructor(context: MfContext) {
    this.#context = context
  }

  async run(transfers: readonly Transfer[], parallel: number): Promise<void> {
    const { settings, log, signal } = this.#context
    const total = transfers.reduce((sum, { bytes }) => sum + bytes, 0)
    const said = settings.flag('progress')
    const isShown = said || (process.stderr.isTTY && log.shows('notice') && !settings.flag('json'))
    const seconds = settings.integer('progress-rate') ?? (process.stderr.isTTY ? 0.2 : 3)
    this.#progress = isShown ? new Progress(log, total, seconds) : undefined
    let next = 0
    const worker = async (): Promise<void> => {
      for (let at = next++; at < transfers.length; at = next++) {
        signal.throwIfAborted()
        await this.#one(transfers[at]!)
      }
    }
    const workers = Array.from({ length: Math.min(parallel, transfers.length) }, worker)
    try {
      // Those that are still running are waited for: none goes on behind an error that ends the run.
      for (const settled of await Promise.allSettled(workers)) if (settled.status === 'rejected') throw settled.reason
    } finally {
      this.#progress?.end(this.#bytes())
      this.#progress = undefined
    }
  }

  /** Something that could not be done. Without a signal to stop, the others go on. */
  fail(name: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
    const { signal, log, settings } = this.#context
    if (signal.aborted || !isOfOne(error)) throw error
    const { text, exitCode: code, unexpected } = failureOf(inOurWords(name, error), '3')
    this.#failed += 1
    this.#firstFailure ??= error
    this.#progress?.clear()
    log.error(oneLine(text), { code })
    if (unexpected && error instanceof Error) log.debug(error.stack ?? '')
    if (!settings.flag('json')) return
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'failed'
    log.data(jsonLine({ ...fields, outcome: 'failed', code: why, message: text }))
  }

  /** @throws the error when one file was to be transferred and it failed; CommandError when some have. */
  end(verb: string): void {
    const { log } = this.#context
    const done = [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
    const words = [...this.#counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
    if (done > 0 || this.#failed === 0) {
      log.notice(`${verb} ${counted(done, 'file')}, ${byteText(this.#doneBytes)}${words === '' ? '' : `: ${words}`}`)
    }
    if (this.#failed === 0) return
    const { exitCode: code } = failureOf(this.#firstFailure, '3')
    const all = done + this.#failed
    const state = all === 1 ? 'see above' : `${this.#failed} of ${counted(all, 'item')} failed, see above`
    throw new CommandError(
      done === 0 && this.#failed === 1 ? (code as 1) : exitCode.generic,
      `Not all is done: ${state}`,
    )
  }

  async #one(transfer: Transfer): Promise<void> {
    const { log, settings } = this.#context
    try {
      const { outcome, name, fields } = await transfer.run((bytes) => {
        this.#underWay.set(transfer, bytes)
        this.#progress?.update(this.#bytes())
      })
      this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1)
      this.#doneBytes += transfer.bytes
      if (settings.flag('json')) log.data(jsonLine({ ...fields, outcome }))
      else if (this.#progress === undefined || !process.stderr.isTTY) log.notice(`${outcome}  ${name}`)
      else if (log.shows('info')) {
        this.#progress.clear()
        log.info(`${outcome}  ${name}`)
      }
    } catch (error) {
      this.fail(transfer.name, error, transfer.fields)
    } finally {
      this.#underWay.delete(transfer)
    }
  }

  #bytes(): number {
    let bytes = this.#doneBytes
    for (const part of this.#underWay.values()) bytes += part
    return bytes
  }
}

/** What the file system says is a word in capitals. */
function inOurWords(name: string, error: unknown): unknown {
  const isOfSystem = error instanceof Error && 'syscall' in error && 'code' in error
  if (!isOfSystem) return error
  return new CommandError(exitCode.generic, `Cannot transfer "${name}": ${String(error.code)}`, { cause: error })
}

/** What ends the whole run, since each of the others would meet it too. */
const ofAll = new Set(['credentials', 'session', 'application', 'unverified', 'terms', 'locked', 'captcha', 'closed'])
const alsoOfAll = new Set(['bot-challenge', 'bandwidth', 'storage-full', 'ENOSPC', 'EDQUOT', 'EROFS'])

function isOfOne(error: unknown): boolean {
  const code = error instanceof MediaFireError || (error instanceof Error && 'code' in error) ? error.code : undefined
  return !ofAll.has(String(code)) && !alsoOfAll.has(String(code))
}
