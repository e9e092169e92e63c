import { byteText } from './statistics-text.ts'
import { code, type Log } from './log.ts'

/** A line that tells how far a run is, at most every `rateMs`: redrawn on a terminal, a record for programs. */
export class Progress {
  readonly #log: Log
  readonly #totalBytes: number | undefined
  readonly #rateMs: number
  readonly #startMs = Date.now()
  #shownMs = 0
  #shownBytes = 0
  #drawn = false

  /** @param totalBytes - What there is in all; without it no share and no end can be told. */
  constructor(log: Log, totalBytes: number | undefined, rateSeconds: number) {
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

  /** Takes the line off a terminal, for another one. */
  clear(): void {
    if (this.#drawn && process.stderr.isTTY) process.stderr.write('\r\u001b[2K')
  }

  #show(bytes: number, nowMs: number): void {
    const elapsed = Math.max(0.001, (nowMs - this.#startMs) / 1000)
    const speed = bytes / elapsed
    const clock = new Date(elapsed * 1000).toISOString().slice(11, 19)
    const soFar = `${byteText(bytes)} ${clock} [${byteText(Math.round(speed))}/s]`
    const total = this.#totalBytes
    const isStill = this.#shownMs > 0 && bytes === this.#shownBytes
    this.#shownMs = nowMs
    this.#shownBytes = bytes
    if (total === undefined) return this.#draw(soFar)
    const share = total === 0 ? 1 : Math.min(1, bytes / total)
    const isStalled = isStill && share < 1
    const eta = speed > 0 ? Math.round(Math.max(0, total - bytes) / speed) : 0
    const bar = `${'='.repeat(Math.floor(share * 40))}>`.slice(0, 40).padEnd(40)
    const line = `${soFar} [${bar}] ${Math.floor(share * 100)}% ${isStalled ? 'Stalled!' : `ETA ${eta}sec`}`
    this.#draw(line)
    const fields = [bytes, Math.round(elapsed), Math.floor(share * 100), eta, Math.round(speed), isStalled ? 1 : 0]
    this.#log.recordOnly('notice', line, { code: code.uploadProgress, extra: fields.join(' ') })
  }

  #draw(line: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${line}`)
    else process.stderr.write(`${line}\n`)
    this.#drawn = true
  }
}
