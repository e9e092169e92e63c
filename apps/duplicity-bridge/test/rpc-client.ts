import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { program } from './bridge-world.ts'

export interface Message {
  readonly jsonrpc: '2.0'
  readonly id?: string | number | null
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: {
    readonly code: number
    readonly message: string
    readonly data?: Readonly<Record<string, unknown>>
  }
}

/** The program with its pipes in hand. What it says is read line by line, and must be JSON. */
export function startRpc(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [program, 'rpc', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const messages: Message[] = []
  const waiting: (() => void)[] = []
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stdout }).on('line', (line) => {
    messages.push(JSON.parse(line) as Message)
    for (const wake of waiting.splice(0)) wake()
  })
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string,
  }))
  void ended.then(() => waiting.splice(0).forEach((wake) => wake()))
  let last = 0
  const client = {
    child,
    messages,
    ended,
    complaints: () => complaints,
    send: (text: string | Uint8Array) => void child.stdin.write(text),
    /** The first message that is so, waiting for it. */
    until: async (isIt: (message: Message) => boolean): Promise<Message> => {
      for (;;) {
        const found = messages.find(isIt)
        if (found !== undefined) return found
        if (child.exitCode !== null) throw new Error(`The program ended with ${child.exitCode}: ${complaints}`)
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
    ask: (method: string, params: Readonly<Record<string, unknown>> = {}) => {
      const id = ++last
      client.send(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
      return { id, answer: client.until((message) => message.id === id && message.method === undefined) }
    },
    call: (method: string, params?: Readonly<Record<string, unknown>>) => client.ask(method, params).answer,
  }
  return client
}
