import { byteText } from './statistics-text.ts'
import { code, type Log } from './log.ts'

/** A line that tells how far a run is, at most every `rateMs`: redrawn on a terminal, a record for programs. */
export class Progress {
  readonly #log: Log
  readonly #totalBytes: number
  readonly #rateMs: number
  readonly #startMs = Date.now()
  #shownMs = 0
  #shownBytes = 0
  #drawn = false

  constructor(log: Log, totalBytes: number, rateSeconds: number) {
    this.#log = log
    this.#totalBytes = totalBytes
    this.#rateMs = rateSeconds * 1000
  }

  update(bytes: number): void {
    const nowMs = Date.now()
    if (nowMs - this.#shownMs < this.#rateMs) return
    this.#show(bytes, nowMs)
  }

  end(bytes: number): void {
    this.#show(bytes, Date.now())
    if (this.#drawn && process.stderr.isTTY) process.stderr.write('\n')
  }

  #show(bytes: number, nowMs: number): void {
    const elapsed = Math.max(0.001, (nowMs - this.#startMs) / 1000)
    const speed = bytes / elapsed
    const share = this.#totalBytes === 0 ? 1 : Math.min(1, bytes / this.#totalBytes)
    const stalled = this.#shownMs > 0 && bytes === this.#shownBytes && share < 1
    const eta = speed > 0 ? Math.round(Math.max(0, this.#totalBytes - bytes) / speed) : 0
    this.#shownMs = nowMs
    this.#shownBytes = bytes
    const bar = `${'='.repeat(Math.floor(share * 40))}>`.slice(0, 40).padEnd(40)
    const clock = new Date(elapsed * 1000).toISOString().slice(11, 19)
    const rest = stalled ? 'Stalled!' : `ETA ${eta}sec`
    const line = `${byteText(bytes)} ${clock} [${byteText(Math.round(speed))}/s] [${bar}] ${Math.floor(share * 100)}% ${rest}`
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${line}`)
    else process.stderr.write(`${line}\n`)
    this.#drawn = true
    const fields = [bytes, Math.round(elapsed), Math.floor(share * 100), eta, Math.round(speed), stalled ? 1 : 0]
    this.#log.recordOnly('notice', line, { code: code.uploadProgress, extra: fields.join(' ') })
  }
}
