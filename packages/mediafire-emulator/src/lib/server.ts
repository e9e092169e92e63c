import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { serveAdmin } from './admin.ts'
import { answerApi, apiRoute, readApiRequest } from './api.ts'
import { ApiFailure, renderJson, toWire } from './answer.ts'
import { downloadRoute, serveDownload } from './download.ts'
import { render } from './envelope.ts'
import { accountPage } from './page.ts'
import { publicPage } from './public-page.ts'
import { type Exchange, htmlReply, meetBefore, patched, type Reply, send, textReply } from './reply.ts'
import type { Identity } from './tls-certificate.ts'
import { createTlsContext } from './tls-context.ts'
import { webRoute } from './web-login.ts'
import type { World } from './world.ts'

/** A server that is not listening yet. With an identity it answers both HTTPS and HTTP on one port. */
export interface FrontServer {
  listen(port: number, host: string): Promise<number>
  close(): Promise<void>
}

export function createFront(world: World, identity: Identity | undefined): FrontServer {
  const http = createServer((request, response) => void handle(world, request, response))
  // Bodies may take as long as they take.
  http.requestTimeout = 0
  http.headersTimeout = 60_000
  http.keepAliveTimeout = 60_000
  const sockets = new Set<Socket>()
  http.on('connection', (socket) => keepTrack(sockets, socket))
  // What is no HTTP gets what servers say; Node's own answer is without a length.
  http.on('clientError', (_error, socket) => void socket.destroy())
  const context = identity && createTlsContext(identity)
  const encrypted = (socket: Socket): void => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext: context })
    // A client that does not trust the certificate says so and goes.
    secure.on('error', () => void socket.destroy())
    secure.once('secure', () => http.emit('connection', secure))
  }
  if (context !== undefined) http.on('connect', (request, socket: Socket) => tunnel(request, socket, encrypted))
  const outer =
    context === undefined
      ? http
      : createTcpServer({ noDelay: true }, (socket) => sniff(socket, http, encrypted, sockets))
  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        outer.once('error', reject)
        outer.listen(port, host, () => {
          const address = outer.address()
          resolve(typeof address === 'object' && address !== null ? address.port : port)
        })
      }),
    close: () =>
      new Promise((resolve) => {
        outer.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function keepTrack(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
}

/** The first byte tells: a TLS handshake begins with 22, which no method of HTTP does. */
function sniff(socket: Socket, http: Server, encrypted: (socket: Socket) => void, sockets: Set<Socket>): void {
  keepTrack(sockets, socket)
  socket.on('error', () => void socket.destroy())
  socket.once('readable', () => {
    const first = socket.read(1) as Buffer | null
    if (first === null) return
    socket.unshift(first)
    if (first[0] === 22) encrypted(socket)
    else http.emit('connection', socket)
  })
}

/** As a proxy it leads to itself, for the names of the service and nothing else. */
function tunnel(request: IncomingMessage, socket: Socket, encrypted: (socket: Socket) => void): void {
  if (!/^(?:[a-z0-9-]+\.)*mediafire\.com:443$/i.test(request.url ?? '')) {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    return
  }
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
  encrypted(socket)
}

async function handle(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '/'
  const at = url.indexOf('?')
  const path = at === -1 ? url : url.slice(0, at)
  const query = at === -1 ? '' : url.slice(at + 1)
  const began = performance.now()
  const log = world.log.begin(request.method ?? '', path, world.clock.now())
  const exchange: Exchange = { request, response, log, keepAlive: world.settings.keepAlive }
  let isLogged = true
  try {
    isLogged = await serve(world, exchange, path, query)
  } catch (error) {
    if (error instanceof ApiFailure) {
      log.error = error.code
      await send(exchange, failureReply(error))
    } else if (request.socket.destroyed || request.destroyed) {
      // The caller has gone in the middle of its own request.
      log.note = log.note === '' ? 'gone' : `${log.note}, gone`
    } else {
      log.note = `failed: ${error instanceof Error ? error.message : String(error)}`
      if (response.headersSent) request.socket.destroy()
      else await send(exchange, htmlReply(500, '<html><body><h1>500</h1></body></html>\n'))
    }
  } finally {
    log.tookMs = performance.now() - began
    if (isLogged) world.log.end(log)
  }
}

function failureReply(error: ApiFailure): Reply {
  const tree = toWire({ message: error.message, error: error.code, result: 'Error' })
  return textReply(400, 'application/json', renderJson(tree))
}

/** @returns Whether it belongs into the log. */
async function serve(world: World, exchange: Exchange, path: string, query: string): Promise<boolean> {
  const { request, log } = exchange
  log.headers = headersOf(request)
  const web = webRoute(path)
  const route = web === undefined ? apiRoute(path) : undefined
  if (route !== undefined) {
    await serveApi(world, exchange, { route, path, query })
    return true
  }
  if (web !== undefined) {
    log.call = web.call
    const faults = world.faults.meet(web.call, log.headers)
    const before = await meetBefore(exchange, faults)
    if (before === 'gone') return true
    await send(exchange, before ?? (await web.serve(world, request, query)), before ? [] : faults)
    return true
  }
  const download = downloadRoute(path)
  if (download !== undefined && (request.method === 'GET' || request.method === 'HEAD')) {
    log.call = 'download'
    log.path = path.replace(download.token, world.log.label(download.token))
    log.params = { quick_key: download.quickKey }
    const faults = world.faults.meet('download', { ...log.headers, ...log.params })
    const before = await meetBefore(exchange, faults)
    if (before === undefined) await serveDownload(world, exchange, { route: download, query, faults })
    else if (before !== 'gone') await send(exchange, before)
    return true
  }
  return serveOwnPages(world, exchange, path)
}

/** What is not the service's: only for callers that mean this machine, so that no web site can look in. */
async function serveOwnPages(world: World, exchange: Exchange, path: string): Promise<boolean> {
  const { request, log } = exchange
  const isAdmin = path.startsWith('/_emulator/')
  if ((isAdmin || path === '/') && !isLocal(request)) {
    await send(exchange, htmlReply(403, 'Only under the name of this machine\n'))
    return !isAdmin
  }
  if (isAdmin) {
    await send(exchange, await serveAdmin(world, request, path.slice('/_emulator/'.length)))
    return false
  }
  if (path === '/') {
    await send(exchange, accountPage(world))
    return false
  }
  log.call = 'page'
  await send(exchange, publicPage(world, path) ?? htmlReply(404, '<html><body><h1>404</h1></body></html>\n'))
  return true
}

function isLocal(request: IncomingMessage): boolean {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
  return ['localhost', '127.0.0.1', '[::1]', 'www.mediafire.com', 'app.mediafire.com'].includes(host)
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}

const allowed = 'X-Filename, X-Filesize, X-Filetype, X-Filehash, X-Unit-Id, X-Unit-Hash, X-Unit-Size, Content-Type'

function corsHeaders({ headers }: IncomingMessage): Record<string, string> {
  if (headers.origin === undefined) return {}
  return { 'Access-Control-Allow-Origin': headers.origin, Vary: 'Origin' }
}

async function serveApi(
  world: World,
  exchange: Exchange,
  { route, path, query }: { route: NonNullable<ReturnType<typeof apiRoute>>; path: string; query: string },
): Promise<void> {
  const { request, log } = exchange
  log.call = `${route.category}/${route.method}`
  log.version = route.version
  const cors = corsHeaders(request)
  if (request.method === 'OPTIONS') {
    const headers = {
      ...cors,
      'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
      'Access-Control-Allow-Headers': allowed,
    }
    return send(exchange, textReply(200, 'text/plain', '', headers))
  }
  if (request.method !== 'GET' && request.method !== 'POST') {
    return send(exchange, htmlReply(405, '', { ...cors, Allow: 'GET, POST, OPTIONS' }))
  }
  const asked = await readApiRequest(route, request, { path, query, log })
  log.params = asked.sent.params.all()
  const faults = world.faults.meet(log.call, { ...log.headers, ...log.params })
  const before = await meetBefore(exchange, faults)
  if (before === 'gone') return
  if (before !== undefined) return send(exchange, { ...before, headers: { ...before.headers, ...cors } })
  if (faults.some((fault) => fault.kind === 'duplicate')) await answerApi(world, asked, faults)
  const answer = await answerApi(world, asked, faults)
  log.error = answer.error
  let response: unknown = answer.response
  for (const fault of faults) if (fault.kind === 'patch') response = patched(response, fault.set)
  const { type, text } = render(response, answer.format)
  await send(exchange, textReply(answer.status, type, text, cors), faults)
}
