import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What Python's standard library makes of something; see judge.py. */
export class Python {
  #process: { child: ChildProcess; lines: AsyncIterator<string> } | undefined

  /** @throws an Error with Python's words when it refuses. */
  async ask(operation: string, input: Uint8Array): Promise<unknown> {
    this.#process ??= start()
    const { child, lines } = this.#process
    child.stdin!.write(`${JSON.stringify([operation, Buffer.from(input).toString('base64')])}\n`)
    const line = await lines.next()
    if (line.done === true) throw new Error('Cannot ask Python: it has ended')
    return JSON.parse(line.value)
  }

  async close(): Promise<void> {
    if (this.#process === undefined) return
    const { child } = this.#process
    this.#process = undefined
    const closed = once(child, 'close')
    child.stdin!.end()
    await closed
  }
}

function start(): { child: ChildProcess; lines: AsyncIterator<string> } {
  const script = fileURLToPath(new URL('judge.py', import.meta.url))
  const child = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}
