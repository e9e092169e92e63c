import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

/** A request as it came. */
export interface Seen {
  readonly method: string
  readonly path: string
  /** `folder/create` of a call, '' otherwise. */
  readonly action: string
  /** Parameters of query and form. */
  readonly params: Record<string, string>
  readonly headers: IncomingHttpHeaders
  readonly query: string
  readonly body: Buffer
  /** How often this action was called before. */
  readonly nth: number
}

export interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string | string[]>
  /** An object becomes JSON. */
  readonly body?: string | Buffer | object
  /** The connection ends after that many bytes of the body. */
  readonly cutAfter?: number
  /** Nothing comes any more after that many bytes of the body. */
  readonly hangAfter?: number
  /** The connection ends without an answer. */
  readonly drop?: boolean
  readonly delayMs?: number
}

export interface ScriptedServer {
  readonly url: string
  readonly seen: Seen[]
  /** Actions in the order in which they came. */
  actions(): string[]
}

/** A real HTTP server on this machine that answers by a script; it ends with the test. */
export async function serve(script: (seen: Seen) => Reply | Promise<Reply>): Promise<ScriptedServer> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => undefined)
    request.on('end', () => {
      const url = new URL(request.url!, 'http://host')
      const body = Buffer.concat(chunks)
      const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded'
      const form = isForm ? new URLSearchParams(body.toString()) : []
      const action = /^\/api\/[\d.]+\/(\w+\/\w+)\.php$/.exec(url.pathname)?.[1] ?? ''
      const one: Seen = {
        method: request.method!,
        path: url.pathname,
        action,
        params: Object.fromEntries([...url.searchParams, ...form]),
        headers: request.headers,
        query: isForm ? body.toString() : url.search.slice(1),
        body,
        nth: seen.filter((other) => other.path === url.pathname).length,
      }
      seen.push(one)
      void Promise.resolve(one)
        .then(script)
        .then((reply) => answer(response, reply))
        .catch((error: unknown) => response.writeHead(500).end(String(error)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    actions: () => seen.map(({ action, path }) => action || path),
  }
}

async function answer(response: ServerResponse, reply: Reply): Promise<void> {
  const { status = 200, headers = {}, body = '', cutAfter, hangAfter, drop = false, delayMs = 0 } = reply
  if (delayMs > 0) await sleep(delayMs)
  if (drop) {
    response.destroy()
    return
  }
  const bytes =
    typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : Buffer.from(JSON.stringify(body))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers })
  if (cutAfter === undefined && hangAfter === undefined) {
    response.end(bytes)
    return
  }
  response.write(bytes.subarray(0, cutAfter ?? hangAfter), () => {
    if (cutAfter !== undefined) response.destroy()
  })
}

/** An answer as MediaFire gives it. */
export function success(action: string, fields: object = {}): Reply {
  return { body: { response: { action, ...fields, result: 'Success', current_api_version: '1.5' } } }
}

export function failure(action: string, error: number, fields: object = {}, status = 403): Reply {
  const message = `the words for ${error}`
  return {
    status,
    body: { response: { action, message, error, ...fields, result: 'Error', current_api_version: '1.5' } },
  }
}
