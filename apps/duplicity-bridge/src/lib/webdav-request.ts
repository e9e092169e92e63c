import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { keyProblem } from '@coalmine/storage'

/** What a request is answered with instead of what it asked for. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/**
 * What a request is about: the collection, or one object in it.
 *
 * @throws HttpError 400 for a path that cannot name an object, 404 for one in a folder: there are none.
 */
export function parsePath(url: string): { readonly key: string | undefined } {
  const path = /^[^?#]*/.exec(url)![0]
  if (!path.startsWith('/')) throw new HttpError(400, 'Cannot take the request: it names no path')
  if (path === '/') return { key: undefined }
  const names = path.slice(1).split('/')
  let key: string
  try {
    key = decodeURIComponent(names[0]!)
  } catch {
    throw new HttpError(400, 'Cannot take the request: the path is no UTF-8')
  }
  if (names.length > 1) throw new HttpError(404, 'Cannot find what the path names: there are no folders here')
  const problem = keyProblem(key)
  if (problem !== undefined) throw new HttpError(400, `Cannot take the name in the path: ${problem}`)
  return { key }
}

/**
 * Whether a request proves that it knows the token: as the password of HTTP's basic authentication, whoever the user, or
 * as a bearer's.
 */
export function isAuthorized(headers: IncomingHttpHeaders, token: string): boolean {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+) *$/.exec(headers.authorization ?? '') ?? []
  if (scheme.toLowerCase() === 'bearer') return isSame(value, token)
  if (scheme.toLowerCase() !== 'basic') return false
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon >= 0 && isSame(text.slice(colon + 1), token)
}

function isSame(a: string, b: string): boolean {
  const [x, y] = [a, b].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(x, y)
}

/**
 * Refuses what a page in a browser could send here, by a name of its own that leads to this machine or across origins.
 *
 * @throws HttpError 403
 */
export function requireLocal(headers: IncomingHttpHeaders): void {
  const host = (headers.host ?? '').replace(/:\d+$/, '')
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(host)) {
    throw new HttpError(403, 'Cannot serve this: the host is not a name of this machine')
  }
  if (headers.origin !== undefined) throw new HttpError(403, 'Cannot serve this: no pages of browsers are served')
}

/**
 * The range that is asked for, if it is one that can be given: `undefined` is the whole.
 *
 * @throws HttpError 416
 */
export function parseRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  // Several ranges, and other units: the whole is an answer to both.
  if (match === null || (match[1] === '' && match[2] === '')) return undefined
  const [from, to] = [match[1]!, match[2]!].map((text) => (text === '' ? undefined : Number(text)))
  const start = from ?? Math.max(0, size - to!)
  const end = from === undefined ? size : Math.min(size, (to ?? size) + 1)
  if (start >= end) throw new HttpError(416, 'Cannot give that range', { 'content-range': `bytes */${size}` })
  return { start, end }
}
