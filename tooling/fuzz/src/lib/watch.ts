import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readCurrentInput } from './current-input.ts'
import type { Found, Order, Report } from './engine.ts'

export interface WatchOptions {
  /** Module that exports `targets`. */
  readonly module: URL
  readonly coverage?: boolean
  /** One input for so much processor time, or ten times as long by the clock, is a hang; 30 s. */
  readonly hangMs?: number
  /** Resident memory of the process; 400 MiB, of which it has a good 100 before it does anything. */
  readonly maxRssBytes?: number
  /** Old space of its heap, in MiB; 128. */
  readonly maxHeapMiB?: number
  readonly onProgress?: (executions: number, blocks: number) => void
}

type Message =
  | { type: 'ready' }
  | { type: 'progress'; executions: number; blocks: number }
  | { type: 'done'; report: Report }

const pollMs = 100

/**
 * Has a process of its own try inputs, with little memory, and looks on: whether it still moves, how much memory it
 * has, whether it lives. What a hanging or dying process was busy with is a finding like any other; the next order then
 * gets a new process.
 */
export class Watch {
  readonly #options: WatchOptions
  readonly #folder: string
  readonly #current: string
  #child: ChildProcess | undefined
  #stderr = ''

  constructor(options: WatchOptions) {
    this.#options = options
    this.#folder = mkdtempSync(join(tmpdir(), 'coalmine-fuzz-'))
    this.#current = join(this.#folder, 'current')
    writeFileSync(this.#current, '')
  }

  /** Carries an order out. Never rejects because of what an input does. */
  async run(order: Order): Promise<Report> {
    const startMs = performance.now()
    const child = await this.#start()
    return await new Promise((resolve) => {
      let count = -1
      let moved = { clockMs: performance.now(), cpuMs: 0 }
      const settle = (report: Report) => {
        clearInterval(timer)
        child.off('message', onMessage)
        child.off('exit', onExit)
        resolve(report)
      }
      const fail = (kind: Found['kind'], message: string) => {
        const { input, count: executions } = readCurrentInput(this.#current)
        this.#kill()
        const milliseconds = performance.now() - startMs
        settle({
          ...{ executions, accepted: 0, judged: 0, blocks: 0, grown: [], milliseconds },
          findings: [{ kind, message, input }],
        })
      }
      const onMessage = (message: Message) => {
        if (message.type === 'progress') this.#options.onProgress?.(message.executions, message.blocks)
        else if (message.type === 'done') settle(message.report)
      }
      const onExit = (code: number | null, signal: string | null) => {
        fail('crash', `The process ended with ${signal ?? `code ${code}`}\n${this.#stderr.slice(-2000)}`)
      }
      const timer = setInterval(() => {
        const { hangMs = 30_000, maxRssBytes = 400 * 2 ** 20 } = this.#options
        const now = { clockMs: performance.now(), cpuMs: processorMs(child.pid!) }
        const current = readCurrentInput(this.#current).count
        if (current !== count) [count, moved] = [current, now]
        if (now.cpuMs - moved.cpuMs > hangMs || now.clockMs - moved.clockMs > 10 * hangMs) {
          fail('hang', `Nothing has come of it after ${hangMs} ms`)
        }
        const rss = residentBytes(child.pid!)
        if (rss > maxRssBytes) fail('memory', `The process has ${rss} bytes of memory; ${maxRssBytes} are allowed`)
      }, pollMs)
      child.on('message', onMessage)
      child.on('exit', onExit)
      child.send(order)
    })
  }

  close(): void {
    this.#kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #start(): Promise<ChildProcess> {
    if (this.#child !== undefined) return this.#child
    const { module, coverage = false, maxHeapMiB = 128 } = this.#options
    const loader = new URL('../../../vitest/strip-types.mjs', import.meta.url).href
    const child = fork(
      fileURLToPath(new URL('child.ts', import.meta.url)),
      [module.href, this.#current, coverage ? 'coverage' : ''],
      {
        execArgv: [`--max-old-space-size=${maxHeapMiB}`, '--conditions=@coalmine/source', '--import', loader],
        env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '', VITEST: '', TMPDIR: this.#folder },
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    )
    this.#child = child
    this.#stderr = ''
    child.stderr!.on('data', (text: Buffer) => {
      this.#stderr = (this.#stderr + text.toString()).slice(-8000)
    })
    const early = new AbortController()
    const ready = once(child, 'message', { signal: early.signal })
    const died = once(child, 'exit', { signal: early.signal }).then(() => {
      throw new Error(`Cannot start the process that tries inputs\n${this.#stderr}`)
    })
    try {
      await Promise.race([ready, died])
    } finally {
      early.abort()
      for (const one of [ready, died]) one.catch(() => undefined)
    }
    return child
  }

  #kill(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}

/** Of a process on Linux; elsewhere nobody looks. */
function residentBytes(pid: number): number {
  return Number(readProcess(pid, 'statm')?.split(' ')[1] ?? 0) * 4096
}

/** Time that a process has had a processor; elsewhere the clock alone counts. */
function processorMs(pid: number): number {
  const fields = readProcess(pid, 'stat')?.split(' ') ?? []
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * 10
}

function readProcess(pid: number, file: 'stat' | 'statm'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    // No /proc, or the process has just ended: its end is noticed by itself.
    return undefined
  }
}
