import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TarHeader } from '../src/index.ts'

/** A member as the judge takes it. */
export type JudgeMember = Omit<TarHeader, 'type'> & { body: string; pax?: Record<string, string> }

/** A member as Python's tarfile read it. */
export type JudgedMember = Omit<TarHeader, 'type'> & { offset: number; body: string }

export type JudgeFormat = 'gnu' | 'ustar' | 'pax'

/**
 * Python's tarfile in one process, started by the first question and asked line by line. What Python refuses is an
 * error with Python's words.
 */
export class TarfileJudge {
  #process: { child: ChildProcess; lines: AsyncIterator<string> } | undefined

  /** What `TarInfo.tobuf` gives. */
  async encode(format: JudgeFormat, header: Omit<TarHeader, 'type'>): Promise<Buffer> {
    return Buffer.from((await this.#ask({ op: 'encode', format, header })) as string, 'hex')
  }

  /** A whole archive. */
  async write(format: JudgeFormat, members: readonly JudgeMember[], pax: Record<string, string> = {}): Promise<Buffer> {
    return Buffer.from((await this.#ask({ op: 'write', format, members, pax })) as string, 'base64')
  }

  async read(archive: Uint8Array): Promise<JudgedMember[]> {
    return (await this.#ask({ op: 'read', archive: Buffer.from(archive).toString('base64') })) as JudgedMember[]
  }

  async close(): Promise<void> {
    if (this.#process === undefined) return
    const closed = once(this.#process.child, 'close')
    this.#process.child.stdin!.end()
    await closed
  }

  async #ask(request: object): Promise<unknown> {
    this.#process ??= start()
    this.#process.child.stdin!.write(`${JSON.stringify(request)}\n`)
    const line = await this.#process.lines.next()
    if (line.done === true) throw new Error('Cannot ask the judge: it has ended')
    const answer = JSON.parse(line.value) as { ok?: unknown; error?: string }
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.ok
  }
}

function start(): { child: ChildProcess; lines: AsyncIterator<string> } {
  const script = fileURLToPath(new URL('tarfile_judge.py', import.meta.url))
  const child = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}
