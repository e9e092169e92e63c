import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './faults.ts'
import type { StoredFile } from './records.ts'
import { drop, type Exchange, htmlReply, send, stall } from './reply.ts'
import type { World } from './world.ts'
import { typeOf } from './describe.ts'

/** Takes the path of a download apart. */
export function downloadRoute(path: string): { token: string; quickKey: string } | undefined {
  const found = /^(?:\/download)?\/([a-z0-9]{24})\/([a-z0-9]{11,15})\/[^/]*$/.exec(path)
  return found === null ? undefined : { token: found[1] ?? '', quickKey: found[2] ?? '' }
}

const expired =
  '<!DOCTYPE html><html><head><title>File not available</title></head><body>This link has expired.</body></html>\n'

/** Serves the content behind a link: whole or a range of it, to whoever has the link. */
export async function serveDownload(
  world: World,
  exchange: Exchange,
  { route, query, faults }: { route: { token: string; quickKey: string }; query: string; faults: readonly Fault[] },
): Promise<void> {
  const { request } = exchange
  const link = world.links.get(route.token, world.clock.now())
  const file = link?.quickKey === route.quickKey ? world.state.file.get(route.quickKey) : undefined
  const gone = faults.find((fault) => fault.kind === 'expired-link')
  if (gone !== undefined) return send(exchange, htmlReply(gone.status ?? 200, expired), faults)
  if (link === undefined || file === undefined) return send(exchange, htmlReply(404, expired), faults)
  const hop = faults.find((fault) => fault.kind === 'redirect')
  if (hop !== undefined && query !== 'hop=1') {
    const headers = { Location: hop.to ?? hopOf(world, request.url ?? '/') }
    return send(exchange, htmlReply(302, '', headers), faults)
  }
  if (request.method === 'GET' && request.headers.range === undefined) {
    if (link.once) world.links.drop(link.token)
    world.state.commit([['file', file.key, { ...file, downloads: file.downloads + 1 }]])
  }
  await serveContent(world, exchange, file, faults)
}

/** The same place under the other name of this machine. */
function hopOf(world: World, url: string): string {
  const base = new URL(world.base())
  base.hostname = base.hostname === 'localhost' ? '127.0.0.1' : 'localhost'
  return `${base.origin}${url}?hop=1`
}

async function serveContent(
  world: World,
  exchange: Exchange,
  file: StoredFile,
  faults: readonly Fault[],
): Promise<void> {
  const { request, response, log } = exchange
  const range = rangeOf(request.headers.range, file.size)
  const headers = {
    'Content-Type': typeOf(file.name)[0],
    'Accept-Ranges': 'bytes',
    'Content-Disposition': `attachment; filename="${Buffer.from(file.name.replaceAll('"', '%22')).toString('latin1')}"`,
  }
  if (range === 'outside') {
    return send(exchange, htmlReply(416, '', { 'Content-Range': `bytes */${file.size}` }), faults)
  }
  const { start, end } = range ?? { start: 0, end: file.size }
  const cut = faults.find((fault) => fault.kind === 'truncate')
  const length = end - start
  const shown = cut?.clean === true ? Math.min(cut.bytes, length) : length
  log.status = range === undefined ? 200 : 206
  response.shouldKeepAlive = exchange.keepAlive && response.shouldKeepAlive
  // Whoever has read the whole of it finds it in the log.
  world.log.end(log)
  response.writeHead(log.status, {
    ...headers,
    'Content-Length': shown,
    ...(range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${file.size}` }),
  })
  if (request.method === 'HEAD' || shown === 0) {
    response.end()
    return
  }
  // Opened before anything is sent: whatever happens to the file then, this is read to its end.
  const handle = await open(world.blobs.pathOf(file.hash), 'r')
  const sent = Math.min(shown, cut?.bytes ?? shown)
  const stream = handle.createReadStream({ start, end: start + sent - 1, highWaterMark: 2 ** 20 })
  const source = altered(paused(stream, exchange, faults), faults, log)
  const before = log.sentBytes
  try {
    await pipeline(source, response, { end: false })
    // What is cut, or on disk no longer whole, ends with its connection: kept open, it would be waited for.
    if (log.sentBytes - before < shown) drop(exchange)
    else response.end()
  } catch (error) {
    // Whoever goes away in the middle of a download is nobody's fault.
    if (!request.socket.destroyed && !response.destroyed) throw error
  }
}

/** Stops in the middle, when a fault says so. */
async function* paused(
  stream: AsyncIterable<Buffer>,
  exchange: Exchange,
  faults: readonly Fault[],
): AsyncGenerator<Buffer> {
  const fault = faults.find((each) => each.kind === 'stall' && each.when === 'during')
  const pauses = fault?.kind === 'stall'
  let room = pauses ? (fault.bytes ?? 0) : Infinity
  for await (const chunk of stream) {
    if (room <= chunk.length) {
      if (room > 0) yield chunk.subarray(0, room)
      if (pauses && !(await stall(exchange, fault.ms))) return
    }
    yield room > 0 && room <= chunk.length ? chunk.subarray(room) : chunk
    room = room <= chunk.length ? Infinity : room - chunk.length
  }
}

async function* altered(
  stream: AsyncIterable<Buffer>,
  faults: readonly Fault[],
  log: Exchange['log'],
): AsyncGenerator<Buffer> {
  const slow = faults.find((fault) => fault.kind === 'slow')
  let corrupt = faults.some((fault) => fault.kind === 'corrupt')
  for await (const chunk of stream) {
    if (corrupt) chunk[chunk.length >> 1]! ^= 1
    corrupt = false
    log.sentBytes += chunk.length
    if (slow === undefined) {
      yield chunk
      continue
    }
    // In ten pieces a second.
    const piece = Math.max(1, Math.floor(slow.bytesPerSecond / 10))
    for (let at = 0; at < chunk.length; at += piece) {
      yield chunk.subarray(at, at + piece)
      await sleep(100)
    }
  }
}

/** A single range of bytes; what is none, or several, counts as none. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | 'outside' | undefined {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '')
  if (found === null || found[0] === 'bytes=-') return undefined
  const [, first = '', last = ''] = found
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? 'outside' : { start: size - length, end: size }
  }
  const start = Number(first)
  if (start >= size) return 'outside'
  if (last !== '' && Number(last) < start) return undefined
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) }
}
