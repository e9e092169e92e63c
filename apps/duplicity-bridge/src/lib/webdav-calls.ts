import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ByteStream } from '@coalmine/bytes'
import { type ObjectInfo, type Storage, StorageError } from '@coalmine/storage'
import type { Spool } from './spool.ts'
import { dateOf, etagOf, multistatus } from './webdav-listing.ts'
import { HttpError, parseRange } from './webdav-request.ts'

export interface WebdavContext {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly storage: Storage
  readonly spool: Spool
  readonly signal: AbortSignal
  /** `undefined` for the collection. */
  readonly key: string | undefined
}

export type WebdavCall = (context: WebdavContext) => Promise<void>

const allowed = 'OPTIONS, PROPFIND, GET, HEAD, PUT, DELETE, MKCOL'

/** The methods of WebDAV as far as a flat collection of objects has them. */
export const webdavCalls: Readonly<Record<string, WebdavCall>> = {
  async OPTIONS({ response }) {
    end(response, 200, { dav: '1', allow: allowed })
  },

  async PROPFIND({ request, response, storage, signal, key }) {
    await drain(request, maxQueryBytes)
    const depth = request.headers['depth'] ?? 'infinity'
    const objects: (ObjectInfo | undefined)[] = []
    if (key !== undefined) objects.push(await existing(storage, key, signal))
    else {
      objects.push(undefined)
      // Complete before the first word of an answer: half a listing looks like a whole one.
      if (depth !== '0') for await (const info of storage.list({ signal })) objects.push(info)
    }
    response.writeHead(207, { 'content-type': 'application/xml; charset=utf-8' })
    for (const text of multistatus(objects)) await write(response, Buffer.from(text), signal)
    response.end()
  },

  GET: (context) => give(context, true),
  HEAD: (context) => give(context, false),

  async PUT({ request, response, storage, spool, signal, key }) {
    if (key === undefined) throw new HttpError(405, 'Cannot put the collection itself', { allow: allowed })
    const { headers } = request
    if (headers['content-range'] !== undefined) throw new HttpError(501, 'Cannot put a part of an object')
    if (headers['if-match'] !== undefined || headers['if'] !== undefined) {
      throw new HttpError(501, 'Cannot put under that condition')
    }
    const { maxObjectSize = Number.MAX_SAFE_INTEGER } = storage.info.capabilities
    if (Number(headers['content-length'] ?? 0) > maxObjectSize)
      throw new HttpError(413, 'Cannot put an object of that size')
    if (headers.expect !== undefined) response.writeContinue()
    const received = await spool.receive(body(request, maxObjectSize))
    try {
      const digests = { sha256: received.sha256 }
      const ifAbsent = headers['if-none-match'] === '*'
      const info = await storage.put(key, received.source, { signal, digests, ifAbsent })
      end(response, 201, { etag: etagOf(info) })
    } finally {
      await received.remove()
    }
  },

  async DELETE({ response, storage, signal, key }) {
    if (key === undefined) throw new HttpError(403, 'Cannot delete the collection itself')
    await storage.delete(key, { signal })
    end(response, 204)
  },

  async MKCOL({ key }) {
    if (key === undefined) throw new HttpError(405, 'Cannot make the collection: it is there', { allow: allowed })
    throw new HttpError(403, 'Cannot make a folder: there are only objects here')
  },
}

/** For methods that are none of these. */
export const unknownMethod = new HttpError(405, 'Cannot do that: there is no such method here', { allow: allowed })

async function existing(storage: Storage, key: string, signal: AbortSignal): Promise<ObjectInfo> {
  const info = await storage.stat(key, { signal })
  if (info === undefined) throw new HttpError(404, 'Cannot find the object: there is none of that name')
  return info
}

async function give({ request, response, storage, signal, key }: WebdavContext, withBody: boolean): Promise<void> {
  if (key === undefined) return end(response, 200, { 'content-type': 'text/plain', 'content-length': '0' })
  const info = await existing(storage, key, signal)
  const { ranges } = storage.info.capabilities
  const range = ranges && withBody ? parseRange(request.headers.range, info.size) : undefined
  const size = range === undefined ? info.size : range.end - range.start
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(size),
    etag: etagOf(info),
    ...(ranges ? { 'accept-ranges': 'bytes' } : {}),
    ...(info.modifiedMs === undefined ? {} : { 'last-modified': dateOf(info.modifiedMs) }),
    ...(range === undefined ? {} : { 'content-range': `bytes ${range.start}-${range.end - 1}/${info.size}` }),
  }
  if (!withBody) return end(response, 200, headers)
  let sent = 0
  for await (const chunk of storage.get(key, { signal, range })) {
    // The header goes with the first bytes, so that what fails before them is an answer of its own.
    if (sent === 0) response.writeHead(range === undefined ? 200 : 206, headers)
    sent += chunk.length
    if (sent > size) break
    await write(response, chunk, signal)
  }
  if (sent !== size)
    throw new StorageError('mismatch', 'The object was replaced while it was read', { operation: 'get', key })
  if (size === 0) return end(response, 200, headers)
  response.end()
}

/** Ends an answer without a body. */
function end(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-length': '0', ...headers }).end()
}

async function write(response: ServerResponse, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  if (!response.write(chunk)) await once(response, 'drain', { signal })
}

const maxQueryBytes = 65_536

/** What a client wants to know is told in any case: its words are not looked at. */
async function drain(request: IncomingMessage, maxBytes: number): Promise<void> {
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBytes) throw new HttpError(413, `Cannot take the question: it has more than ${maxBytes} bytes`)
  }
}

/** All of a body, or an error: a connection that broke has no end. */
async function* body(request: IncomingMessage, maxBytes: number): ByteStream {
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBytes) throw new HttpError(413, 'Cannot put an object of that size')
    yield chunk as Buffer
  }
  const promised = request.headers['content-length']
  if (!request.complete || (promised !== undefined && Number(promised) !== bytes)) {
    throw new HttpError(400, 'Cannot put the object: the body is not whole')
  }
}
