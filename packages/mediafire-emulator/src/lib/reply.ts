import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenCall } from './call-log.ts'
import type { Fault } from './faults.ts'

/** A whole answer, ready to be written. */
export interface Reply {
  status: number
  headers: Readonly<Record<string, string | readonly string[]>>
  body: Buffer
}

/** An HTTP exchange, with what its log says. */
export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  log: OpenCall
  keepAlive: boolean
}

export function textReply(status: number, type: string, text: string, headers: Reply['headers'] = {}): Reply {
  return { status, headers: { 'Content-Type': type, ...headers }, body: Buffer.from(text) }
}

export function htmlReply(status: number, html: string, headers: Reply['headers'] = {}): Reply {
  return textReply(status, 'text/html; charset=UTF-8', html, headers)
}

/** The connection ends here, without an answer or in the middle of one. */
export function drop({ request, log }: Exchange): void {
  log.status = 0
  request.socket.destroy()
}

/** What happens to a call before anything is done. @returns `'gone'` without a connection, or an answer in its place. */
export async function meetBefore(exchange: Exchange, faults: readonly Fault[]): Promise<Reply | 'gone' | undefined> {
  exchange.log.faults = faults.map((fault) => fault.kind)
  for (const fault of faults) {
    if (fault.kind === 'stall' && fault.when === 'before' && !(await stall(exchange, fault.ms))) return 'gone'
    if (fault.kind === 'drop' && fault.when === 'before') {
      drop(exchange)
      return 'gone'
    }
    if (fault.kind === 'challenge') return challenge
    if (fault.kind === 'status' && fault.applied !== true) return bareStatus(fault)
  }
  return undefined
}

/** Writes an answer, with what happens to it on the way. */
export async function send(exchange: Exchange, reply: Reply, faults: readonly Fault[] = []): Promise<void> {
  const { request, response, log } = exchange
  let { status, headers, body } = reply
  let cut: number | undefined
  for (const fault of faults) {
    if (fault.kind === 'stall' && fault.when === 'after' && !(await stall(exchange, fault.ms))) return
    if (fault.kind === 'drop' && fault.when === 'after') return drop(exchange)
    if (fault.kind === 'status' && fault.applied === true) ({ status, headers, body } = bareStatus(fault))
    if (fault.kind === 'content-type') headers = { ...headers, 'Content-Type': fault.value }
    if (fault.kind === 'truncate') {
      if (fault.clean === true) body = body.subarray(0, fault.bytes)
      else cut = fault.bytes
    }
  }
  log.status = status
  await readToEnd(request)
  if (response.destroyed || request.socket.destroyed) return
  response.shouldKeepAlive = exchange.keepAlive && response.shouldKeepAlive
  response.writeHead(status, { ...headers, 'Content-Length': String(body.length) } as Record<string, string>)
  const written = request.method === 'HEAD' ? body.subarray(0, 0) : body
  log.sentBytes = cut === undefined ? written.length : Math.min(cut, written.length)
  if (cut === undefined) response.end(written)
  else response.write(written.subarray(0, cut), () => request.socket.destroy())
}

/**
 * Reads what is left of a request. The service hears a caller out before it answers, and callers do not expect to be
 * answered while they are still sending.
 */
async function readToEnd(request: IncomingMessage): Promise<void> {
  if (request.method === 'GET' || request.method === 'HEAD') return
  if (request.readableEnded || request.destroyed) return
  await new Promise<void>((resolve) => {
    request.once('end', resolve)
    request.once('close', resolve)
    request.resume()
  })
}

/** Waits; for ever without a time. @returns `false` when the caller has gone meanwhile. */
export async function stall({ request, response }: Exchange, ms: number | undefined): Promise<boolean> {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  request.socket.once('close', leave)
  try {
    await sleep(ms ?? 2 ** 31 - 1, undefined, { signal: gone.signal })
  } catch {
    // The only way that this wait fails: the connection was closed.
    return false
  } finally {
    request.socket.off('close', leave)
  }
  return !response.destroyed
}

const challenge = htmlReply(
  403,
  '<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable JavaScript and cookies to continue</body></html>\n',
  { 'cf-mitigated': 'challenge', 'Accept-CH': 'Sec-CH-UA, Sec-CH-UA-Platform', 'Critical-CH': 'Sec-CH-UA' },
)

function bareStatus({ status, retryAfter }: { status: number; retryAfter?: string }): Reply {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { 'Retry-After': retryAfter }
  return htmlReply(status, `<html><body><h1>${status}</h1></body></html>\n`, headers)
}

/** Changes fields of an answer: `folder_content.more_chunks`. @returns A changed copy. */
export function patched(value: unknown, set: Readonly<Record<string, unknown>>): unknown {
  const copy: unknown = structuredClone(value)
  for (const [path, wish] of Object.entries(set)) {
    const names = path.split('.')
    const last = names.pop() ?? ''
    let at: unknown = copy
    for (const name of names) at = isTree(at) && Object.hasOwn(at, name) ? at[name] : undefined
    if (!isTree(at)) continue
    if (wish === null) delete at[last]
    else Object.defineProperty(at, last, { value: wish, enumerable: true, writable: true, configurable: true })
  }
  return copy
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
