import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type Storage, StorageError, type StorageErrorCode } from '@coalmine/storage'
import { LocalFileError } from './rpc-failure.ts'
import { openSpool } from './spool.ts'
import { unknownMethod, webdavCalls } from './webdav-calls.ts'
import { HttpError, isAuthorized, parsePath, requireLocal } from './webdav-request.ts'

export interface WebdavOptions {
  readonly storage: Storage
  /** What every request has to know. */
  readonly token: string
  /** A name or address of this machine alone. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

export interface WebdavServer {
  /** `http://127.0.0.1:8080/` */
  readonly url: string
  /** Stops what is under way; nothing half is stored. */
  close(): Promise<void>
}

const statuses: { readonly [code in StorageErrorCode]?: number } = {
  'not-found': 404,
  exists: 412,
  denied: 403,
  'no-space': 507,
  'too-large': 413,
  'invalid-key': 400,
  'invalid-range': 416,
  unsupported: 501,
  unavailable: 503,
  timeout: 504,
}

const idleMs = 120_000
const maxConnections = 64

/** Serves the objects of a storage as one collection without folders, to programs of this machine. */
export async function serveWebdav({ storage, token, host, port }: WebdavOptions): Promise<WebdavServer> {
  const spool = openSpool()
  const stop = new AbortController()
  const running = new Set<Promise<void>>()
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const work = answer({ request, response, storage, spool, token, stop: stop.signal }).finally(() =>
      running.delete(work),
    )
    running.add(work)
  }
  // Large bodies take as long as they take, while something moves.
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 30_000 }, listener)
  server.on('checkContinue', listener)
  server.setTimeout(idleMs)
  server.maxConnections = maxConnections
  try {
    server.listen({ host, port })
    await once(server, 'listening')
  } catch (error) {
    spool.close()
    throw error
  }
  const { port: actual } = server.address() as AddressInfo
  return {
    url: `http://${host === '::1' ? '[::1]' : host}:${actual}/`,
    async close() {
      stop.abort(new Error('The server ends'))
      server.close()
      await Promise.allSettled(running)
      server.closeAllConnections()
      spool.close()
    },
  }
}

interface Work {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly storage: Storage
  readonly spool: ReturnType<typeof openSpool>
  readonly token: string
  readonly stop: AbortSignal
}

async function answer({ request, response, storage, spool, token, stop }: Work): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => gone.abort(new Error('The client has gone')))
  // Told by its answer; without a listener it would end the program.
  request.on('error', () => gone.abort(new Error('The client has gone')))
  const signal = AbortSignal.any([gone.signal, stop])
  try {
    requireLocal(request.headers)
    if (!isAuthorized(request.headers, token)) {
      throw new HttpError(401, 'Cannot serve this without the token', {
        'www-authenticate': 'Basic realm="duplicity-bridge"',
      })
    }
    const { key } = parsePath(request.url ?? '')
    const method = request.method ?? ''
    const call = Object.hasOwn(webdavCalls, method) ? webdavCalls[method] : undefined
    if (call === undefined) throw unknownMethod
    await call({ request, response, storage, spool, signal, key })
  } catch (error) {
    refuse(request, response, error)
  }
}

const smallBody = 65_536

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  // Half an answer must not look like a whole one.
  if (response.headersSent || response.destroyed) return void response.destroy()
  const { status, text, headers } = failureOf(error)
  const left = Number(
    request.headers['content-length'] ?? (request.headers['transfer-encoding'] === undefined ? 0 : smallBody + 1),
  )
  const isEnding = !request.complete && left > smallBody
  // A body that nobody wants is not waited for.
  const closing: Readonly<Record<string, string>> = isEnding ? { connection: 'close' } : {}
  const body = Buffer.from(`${text}\n`)
  const about = { 'content-type': 'text/plain; charset=utf-8', 'content-length': String(body.length) }
  response.writeHead(status, { ...about, ...headers, ...closing })
  response.end(request.method === 'HEAD' ? undefined : body, () => {
    if (isEnding) request.destroy()
  })
  if (!isEnding) request.resume()
}

function failureOf(error: unknown): { status: number; text: string; headers: Readonly<Record<string, string>> } {
  if (error instanceof HttpError) return { status: error.status, text: error.message, headers: error.headers }
  if (error instanceof StorageError) {
    const { retryAfterMs } = error
    const wait: Readonly<Record<string, string>> =
      retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }
    return { status: statuses[error.code] ?? 502, text: error.message, headers: wait }
  }
  if (error instanceof LocalFileError)
    return { status: error.errno === 'ENOSPC' ? 507 : 500, text: error.message, headers: {} }
  return { status: 500, text: error instanceof Error ? error.message : String(error), headers: {} }
}
