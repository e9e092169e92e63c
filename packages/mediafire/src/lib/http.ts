import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type Dispatcher, request } from 'undici'
import type { ByteStream } from '@coalmine/bytes'
import { MediaFireError } from './media-fire-error.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | ByteStream
  readonly signal?: AbortSignal
  /** For the sentence of an error. */
  readonly attempted: string
}

export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface HttpAnswer {
  readonly status: number
  readonly headers: HttpHeaders
  readonly body: Uint8Array
}

export interface HttpStream {
  readonly status: number
  readonly headers: HttpHeaders
  /** To be read to its end or left by `destroy()`. */
  readonly body: ByteStream & { destroy(): unknown }
}

/** An answer of 1000 entries has about a megabyte; this is for servers that do not stop. */
const mostAnswerBytes = 33_554_432

/** Sends a request; redirects are not followed. @throws MediaFireError `unreachable`; the signal's reason. */
export async function openHttp(dispatcher: Dispatcher, http: HttpRequest): Promise<HttpStream> {
  const { method, headers, body, signal } = http
  try {
    const answer = await request(http.url, {
      dispatcher,
      method,
      headers,
      body: isWhole(body) ? body : iterableBody(body),
      signal,
      // The caller's own watch is the one that decides.
      headersTimeout: 0,
      bodyTimeout: 0,
      // What the connection may be ahead of its reader: at the 64 KiB of undici it is stopped and started for each chunk.
      highWaterMark: 262_144,
    })
    // What is not read to the end may fail when nobody listens any more.
    answer.body.on('error', () => undefined)
    return { status: answer.statusCode, headers: answer.headers, body: answer.body }
  } catch (error) {
    throw httpError(error, http)
  }
}

/** Sends a request and reads its whole answer. */
export async function exchangeHttp(dispatcher: Dispatcher, http: HttpRequest): Promise<HttpAnswer> {
  const { status, headers, body } = await openHttp(dispatcher, http)
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.length
      if (length > mostAnswerBytes) throw tooLong(http)
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof MediaFireError ? error : httpError(error, http, 'the answer broke off')
  } finally {
    body.destroy()
  }
  const bytes = Buffer.concat(chunks)
  return { status, headers, body: headers['content-encoding'] === 'gzip' ? await unzip(bytes, http) : bytes }
}

/** A header that may come several times: its first value. */
export function headerOf(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

async function unzip(bytes: Uint8Array, http: HttpRequest): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: mostAnswerBytes })
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLong(http)
    const state = 'the compressed answer is cut off or damaged'
    throw new MediaFireError('malformed', state, { attempted: http.attempted, outcome: 'unknown', cause })
  }
}

function tooLong(http: HttpRequest): MediaFireError {
  const state = `the answer has more than ${mostAnswerBytes} bytes`
  return new MediaFireError('malformed', state, { attempted: http.attempted, outcome: 'unknown', retry: 'never' })
}

function isWhole(body: HttpRequest['body']): body is string | Uint8Array | undefined {
  return typeof body === 'string' || body instanceof Uint8Array || body === undefined
}

/** undici takes any iterable of bytes and waits for the connection between them; its types know streams of Node only. */
function iterableBody(body: ByteStream): Readable {
  return bodyOf(body) as unknown as Readable
}

/** Errors of the body itself must come out as they are: they are wrapped, to be told from those of the connection. */
async function* bodyOf(stream: ByteStream): ByteStream {
  try {
    yield* stream
  } catch (error) {
    throw new BodyError(error)
  }
}

class BodyError extends Error {
  readonly error: unknown
  constructor(error: unknown) {
    super('The body of a request failed')
    this.error = error
  }
}

// Then nothing was sent.
const notSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** Errors of undici name hosts and ports at most, so they may be kept as the cause. */
export function httpError(
  error: unknown,
  http: Pick<HttpRequest, 'attempted' | 'signal' | 'url'>,
  state?: string,
): unknown {
  if (http.signal?.aborted) return http.signal.reason
  if (error instanceof BodyError) return error.error
  if (error instanceof MediaFireError) return error
  const code = codeOf(error)
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    return new MediaFireError('closed', 'the client was closed', { attempted: http.attempted, cause: error })
  }
  if (code === 'UND_ERR_INVALID_ARG') return error
  const what = state ?? (code !== undefined && notSent.has(code) ? 'no connection to' : 'the connection was lost to')
  const where = state === undefined ? ` ${http.url.host}` : ''
  return new MediaFireError('unreachable', `${what}${where}${code === undefined ? '' : ` (${code})`}`, {
    attempted: http.attempted,
    outcome: code !== undefined && notSent.has(code) ? 'not-done' : 'unknown',
    cause: error,
  })
}

function codeOf(error: unknown): string | undefined {
  // Several addresses were tried: the first one's error stands for all.
  const one = error instanceof AggregateError ? error.errors[0] : error
  const code = (one as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
